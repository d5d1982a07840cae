from __future__ import annotations

from typing import Any

import pytest

from streamproc.events import Micros, RedactedBody
from streamproc.redact import Ciphers, KeyRing, Tokens
from streamproc.warehouse.dialects import DUCKDB
from streamproc.warehouse.rows import LoadedRow
from streamproc.warehouse.shape.names import Naming
from streamproc.warehouse.shape.tables import TableRow, rows_of

NAMING = Naming(DUCKDB)
ROW = LoadedRow(
    message_id="m-1",
    type="track",
    event=None,
    user_id="u-1",
    anonymous_id="a-1",
    identity_id=None,
    account_id=None,
    identity_resolved_by=None,
    identity_resolved_at=None,
    original_timestamp=None,
    sent_at=Micros(1),
    received_at=Micros(2),
    timestamp=Micros(3),
    payload=RedactedBody({}),
    manifest="[]",
    ruleset="f00d",
    source_topic="raw",
    source_partition=0,
    source_offset=7,
    violations="[]",
    correction=False,
)


def tables_of(kind: str, depth: int = 4, **body: Any) -> dict[str, TableRow]:
    """Return the rows of an event with ``body``, by table."""
    event = body.get("event")
    row = ROW._replace(type=kind, event=event, payload=RedactedBody(body))
    return {each.table: each for each in rows_of(row, NAMING, depth)}


def test_a_tracked_event_is_in_tracks_and_with_its_properties_in_its_own_table() -> None:
    found = tables_of(
        "track",
        event="Order Completed",
        properties={"orderId": "o-1", "total": 9.5},
        context={"app": {"name": "Shop"}},
    )
    assert list(found) == ["tracks", "order_completed"]
    assert found["tracks"].values == {"context_app_name": "Shop"}
    assert found["order_completed"].values == {
        "context_app_name": "Shop",
        "order_id": "o-1",
        "total": 9.5,
    }
    for row in found.values():
        assert row.standard["event"] == "order_completed"
        assert row.standard["event_text"] == "Order Completed"
    assert found["tracks"].standard["redaction_manifest"] == "[]"
    assert "redaction_manifest" not in found["order_completed"].standard


def test_standard_columns_are_the_rows_own_fields() -> None:
    standard = tables_of("page")["pages"].standard
    assert standard == {
        "id": "m-1",
        "anonymous_id": "a-1",
        "user_id": "u-1",
        "received_at": 2,
        "sent_at": 1,
        "original_timestamp": None,
        "timestamp": 3,
        "identity_id": None,
        "account_id": None,
        "identity_resolved_by": None,
        "identity_resolved_at": None,
        "ruleset": "f00d",
        "redaction_manifest": "[]",
        "tracking_plan_violations": None,
    }


@pytest.mark.parametrize("event", [None, "", "  "])
def test_a_tracked_event_without_a_name_is_in_tracks_alone(event: str | None) -> None:
    assert list(tables_of("track", event=event, properties={"n": 1})) == ["tracks"]


def test_the_traits_of_an_identify_are_columns_of_identifies_and_users() -> None:
    found = tables_of(
        "identify",
        traits={"email": "tok_k1_aa", "plan": "team"},
        context={"traits": {"plan": "free", "age": 41}, "locale": "en-GB"},
    )
    assert found["identifies"].values == {
        "email": "tok_k1_aa",
        "plan": "team",  # traits before context.traits
        "age": 41,
        "context_traits_plan": "free",
        "context_traits_age": 41,
        "context_locale": "en-GB",
    }
    assert found["users"].values == found["identifies"].values
    assert found["users"].standard["id"] == "u-1"
    assert "user_id" not in found["users"].standard
    assert "anonymous_id" not in found["users"].standard


@pytest.mark.parametrize("user_id", [None, "", " "])
def test_an_identify_of_nobody_has_no_line_for_users(user_id: str | None) -> None:
    row = ROW._replace(type="identify", user_id=user_id)
    assert [each.table for each in rows_of(row, NAMING, 4)] == ["identifies"]


@pytest.mark.parametrize(("kind", "table"), [("page", "pages"), ("screen", "screens")])
def test_a_name_is_the_events_own_else_the_propertys(kind: str, table: str) -> None:
    both = tables_of(kind, name="Home", properties={"name": "Home", "category": "c"})[table]
    assert both.values == {"name": "Home", "category": "c"}
    inner = tables_of(kind, properties={"name": "Home"})[table]
    assert inner.values == {"name": "Home"}


def test_a_property_that_says_something_else_than_the_field_of_its_name_is_kept() -> None:
    values = tables_of("page", name="Home", properties={"name": "Basket"})["pages"].values
    assert values["name"] == "Home"
    (other,) = set(values) - {"name"}
    assert other.startswith("name_")
    assert values[other] == "Basket"


def test_groups_and_aliases_have_the_ids_they_are_about() -> None:
    groups = tables_of("group", groupId="g-1", traits={"seats": 5})["groups"]
    assert groups.values == {"group_id": "g-1", "seats": 5}
    aliases = tables_of("alias", previousId="tok_k1_old")["aliases"]
    assert aliases.values == {"previous_id": "tok_k1_old"}


def test_addresses_are_where_rudderstack_has_them() -> None:
    both = tables_of("page", context={"ip": "192.0.2.1"}, request_ip="192.0.2.9")["pages"].values
    assert both == {
        "context_ip": "192.0.2.1",
        "context_passed_ip": "192.0.2.1",
        "context_request_ip": "192.0.2.9",
    }
    asked = tables_of("page", request_ip="192.0.2.9")["pages"].values
    assert asked == {"context_ip": "192.0.2.9", "context_request_ip": "192.0.2.9"}


def test_objects_are_columns_down_to_the_depth_and_json_below() -> None:
    deep = {"a": {"b": {"c": 1}}, "list": [1, {"d": 2}]}
    values = tables_of("track", 2, event="Deep", properties=deep)["deep"].values
    assert values == {"a_b": {"c": 1}, "list": [1, {"d": 2}]}


def test_null_and_empty_values_make_no_column_but_zero_and_false_do() -> None:
    empty: dict[str, Any] = {"a": None, "b": "", "c": [], "d": {}, "e": 0, "f": False, "g": [None]}
    values = tables_of("track", event="E", properties=empty)["e"].values
    assert values == {"e": 0, "f": False, "g": [None]}


def test_an_object_that_is_something_else_is_a_column_of_its_name() -> None:
    assert tables_of("page", properties="p", context=[1])["pages"].values == {
        "properties": "p",
        "context": [1],
    }


def test_u_0000_is_replaced_and_an_empty_id_is_null() -> None:
    row = ROW._replace(type="page", message_id="m\0", user_id="")
    (page,) = rows_of(row, NAMING, 4)
    assert page.standard["id"] == "m\N{REPLACEMENT CHARACTER}"
    assert page.standard["user_id"] is None


def test_a_repr_holds_no_value() -> None:
    assert repr(tables_of("page", name="tok_k1_aa")["pages"]) == "TableRow(pages)"


RING = KeyRing("k1", {"k1": bytes(32)})
TOKEN = Tokens(RING).of_value("EMAIL_ADDRESS", "jane@example.com")


@pytest.mark.parametrize(
    "key",
    [
        TOKEN,
        f"mailto:{TOKEN}",
        Ciphers(RING).encrypted("jane@example.com"),
        "6fa459ea-ee8a-3ca4-894e-db77e160355e",
        "6FA459EA-EE8A-3CA4-894E-DB77E160355E",
    ],
)
def test_an_object_keyed_by_ids_is_the_json_of_its_own_column(key: str) -> None:
    roles = {"owner": "x", key: "editor"}
    body: dict[str, Any] = {"event": "Invited", "properties": {"team": {"roles": roles, "size": 2}}}
    values = tables_of("track", **body)["invited"].values
    assert values == {"team_roles": roles, "team_size": 2}


def test_attributes_of_the_identity_are_columns_of_every_table_of_an_event() -> None:
    identity = {"plan": "pro", "seats": 12, "owner": None, "note": ""}
    attributes = {"identity_plan": "pro", "identity_seats": 12}
    found = tables_of("track", event="Paid", properties={"n": 1}, identity=identity)
    assert found["tracks"].values == attributes
    assert found["paid"].values == {"n": 1, **attributes}
    assert tables_of("identify", identity=identity)["users"].values == attributes


def test_nothing_else_of_an_event_gets_the_column_of_an_attribute() -> None:
    spoofed = {
        "identity": {"plan": "enterprise"},
        "identity_plan": "enterprise",
        "identityPlan": "enterprise",
        "identity_id": "u-2",
        "accountId": "a-2",
    }
    for context in ({}, {"identity": {"plan": "enterprise"}}):
        found = tables_of("track", event="Paid", properties=spoofed, context=context)["paid"]
        assert not [column for column in found.values if column.startswith("identity_")]
        assert "account_id" not in found.values


def test_users_say_what_is_true_of_more_than_one_event() -> None:
    row = ROW._replace(
        type="identify",
        identity_id="tok_k1_bb",
        account_id="tok_k1_cc",
        identity_resolved_by="alias",
        identity_resolved_at=Micros(5),
    )
    identifies, users = rows_of(row, NAMING, 4)
    assert identifies.standard["identity_resolved_by"] == "alias"
    assert identifies.standard["identity_resolved_at"] == 5
    assert (users.standard["identity_id"], users.standard["account_id"]) == (
        "tok_k1_bb",
        "tok_k1_cc",
    )
    assert not {"identity_resolved_by", "identity_resolved_at"} & {*users.standard}


@pytest.mark.parametrize("identity", ["enterprise", ["plan"], 7, True])
def test_an_identity_that_is_no_object_has_no_attributes(identity: Any) -> None:
    assert tables_of("page", identity=identity)["pages"].values == {}
