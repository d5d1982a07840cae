from __future__ import annotations

from types import MappingProxyType

import orjson
import pytest

from streamproc.events import (
    Enriched,
    EventType,
    Identity,
    Json,
    ManifestEntry,
    Micros,
    Origin,
    Redacted,
    RedactedBody,
    Row,
    Subject,
    Times,
    Token,
)
from streamproc.warehouse import to_row

MANIFEST = (ManifestEntry("traits.email", "EMAIL_ADDRESS", "emails", "hash", 1.0, "k1"),)


PERSON = Identity(Token("tok_k1_bb"))


def row_of(kind: EventType, body: dict[str, Json], identity: Identity = PERSON) -> Row:
    redacted = Redacted(
        origin=Origin("events.raw", 0, 5),
        type=kind,
        message_id="m-1",
        ordering_key=b"tok_k1_aa",
        times=Times(None, None, Micros(2), Micros(1)),
        body=RedactedBody(body),
        manifest=MANIFEST,
        ruleset="f00d",
        subject=Subject(None, None, None),
    )
    return to_row(Enriched(redacted, identity))


def test_a_row_has_its_columns_and_the_whole_body() -> None:
    row = row_of("track", {"userId": "tok_k1_aa", "event": "Signed Up", "properties": {"n": [1]}})
    assert row == Row(
        message_id="m-1",
        type="track",
        event="Signed Up",
        user_id="tok_k1_aa",
        anonymous_id=None,
        identity_id=Token("tok_k1_bb"),
        times=Times(None, None, Micros(2), Micros(1)),
        payload=b'{"userId":"tok_k1_aa","event":"Signed Up","properties":{"n":[1]}}',
        manifest=MANIFEST,
        ruleset="f00d",
        origin=Origin("events.raw", 0, 5),
        ordering_key=b"tok_k1_aa",
    )


@pytest.mark.parametrize(
    ("kind", "body", "event"),
    [
        ("track", {"event": "Paid", "name": "no"}, "Paid"),
        ("page", {"name": "Home", "event": "no"}, "Home"),
        ("screen", {"name": "Start"}, "Start"),
        ("page", {}, None),
        ("identify", {"event": "no", "name": "no"}, None),
        ("group", {"name": "no"}, None),
    ],
)
def test_what_happened_is_where_the_type_has_it(
    kind: EventType, body: dict[str, Json], event: str | None
) -> None:
    assert row_of(kind, body).event == event


@pytest.mark.parametrize("redacted", [None, 0, {"token": "t"}])
def test_an_id_that_a_rule_made_no_text_is_no_column(redacted: Json) -> None:
    row = row_of("track", {"event": redacted, "userId": redacted, "anonymousId": redacted})
    assert (row.event, row.user_id, row.anonymous_id) == (None, None, None)


def test_a_row_says_whose_account_it_is_and_what_showed_whose_event() -> None:
    known = PERSON._replace(account=Token("tok_k1_cc"), by="alias", since=Micros(7))
    row = row_of("track", {}, known)
    assert (row.identity_id, row.account_id) == (known.id, known.account)
    assert (row.identity_resolved_by, row.identity_resolved_at) == ("alias", 7)


def test_an_event_of_nobody_was_resolved_by_nothing() -> None:
    row = row_of("group", {}, Identity(None, Token("tok_k1_cc")))
    assert (row.identity_id, row.account_id) == (None, "tok_k1_cc")
    assert (row.identity_resolved_by, row.identity_resolved_at) == (None, None)


def test_what_the_business_knows_is_in_the_payload_by_attribute() -> None:
    body: dict[str, Json] = {"userId": "tok_k1_aa", "properties": {"n": 1}}
    known = PERSON._replace(attributes=MappingProxyType({"plan": "pro", "seats": 12}))
    assert orjson.loads(row_of("track", body, known).payload) == {
        **body,
        "identity": {"plan": "pro", "seats": 12},
    }
    assert "identity" not in body


@pytest.mark.parametrize("spoofed", ["enterprise", {"plan": "enterprise"}, [], None])
def test_what_a_producer_says_of_an_identity_is_no_attribute(spoofed: Json) -> None:
    body: dict[str, Json] = {"identity": spoofed, "userId": "tok_k1_aa"}
    assert row_of("track", body).payload == b'{"userId":"tok_k1_aa"}'
    known = PERSON._replace(attributes={"seats": 12})
    payload = row_of("track", body, known).payload
    assert payload == b'{"userId":"tok_k1_aa","identity":{"seats":12}}'
