from __future__ import annotations

from typing import Any

import lkml
import pytest

from streamproc.warehouse.dialects import DUCKDB, SNOWFLAKE
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.lookml import Place, strangers, to_lookml
from streamproc.warehouse.mappings import COLUMNS as MAPPINGS_COLUMNS
from streamproc.warehouse.redactions import Mark, Marks
from streamproc.warehouse.schema import Columns, Schema
from streamproc.warehouse.standard import BASE, EVERY, LOADED, TRACK

PLACE = Place(SNOWFLAKE, "STREAMPROC.EVENTS", "warehouse")
TRACKS = {**EVERY, **TRACK, **BASE, LOADED: Kind.TIMESTAMP}


def view_of(columns: Columns, marks: Marks | None = None) -> dict[str, Any]:
    files = to_lookml({"paid": {"id": Kind.STRING, **columns}}, marks or {}, PLACE)
    (view,) = lkml.load(files["views/paid.view.lkml"])["views"]
    found: dict[str, Any] = view
    return found


def model_of(schema: Schema) -> dict[str, Any]:
    found: dict[str, Any] = lkml.load(to_lookml(schema, {}, PLACE)["streamproc.model.lkml"])
    return found


def dimension(name: str, kind: Kind, *marks: Mark) -> dict[str, Any]:
    view = view_of({name: kind}, {"paid": {name: frozenset(marks)}} if marks else {})
    fields = [*view["dimensions"], *view.get("dimension_groups", [])]
    found: dict[str, Any] = fields[-1]
    return found


def test_a_view_names_its_table_and_columns_as_the_warehouse_writes_them() -> None:
    view = view_of({"total": Kind.FLOAT})

    assert view["sql_table_name"] == 'STREAMPROC.EVENTS."PAID"'
    assert view["dimensions"] == [
        {
            "name": "id",
            "primary_key": "yes",
            "type": "string",
            "sql": '${TABLE}."ID"',
            "description": "The event's message id.",
        },
        {"name": "total", "type": "number", "sql": '${TABLE}."TOTAL"'},
    ]
    duckdb = to_lookml({"paid": {"id": Kind.STRING}}, {}, Place(DUCKDB, "main", "warehouse"))
    assert 'main."paid"' in duckdb["views/paid.view.lkml"]


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        (Kind.BOOLEAN, "yesno"),
        (Kind.INTEGER, "number"),
        (Kind.FLOAT, "number"),
        (Kind.STRING, "string"),
        (Kind.JSON, "string"),
        (Kind.DATE, "time"),
        (Kind.TIMESTAMP, "time"),
    ],
)
def test_a_dimension_has_the_type_of_its_column(kind: Kind, type_: str) -> None:
    assert dimension("given", kind)["type"] == type_


def test_a_moment_has_hours_and_a_date_has_none() -> None:
    moment, date = dimension("due_at", Kind.TIMESTAMP), dimension("due_at", Kind.DATE)

    assert moment["name"] == date["name"] == "due"
    assert "hour" in moment["timeframes"]
    assert "hour" not in date["timeframes"]
    assert (date["datatype"], date["convert_tz"]) == ("date", "no")


def test_documents_and_what_only_operators_need_are_hidden() -> None:
    view = view_of({**TRACKS, "products": Kind.JSON})
    fields = [*view["dimensions"], *view["dimension_groups"]]

    assert {each["name"] for each in fields if each.get("hidden") == "yes"} == {
        "identity_resolved",
        "original_timestamp",
        "products",
        "redaction_manifest",
        "ruleset",
        "sent",
        "tracking_plan_violations",
        "uuid_ts",
    }


def test_personal_data_is_tagged_with_what_it_was_and_what_became_of_it() -> None:
    found = dimension(
        "comment", Kind.STRING, Mark("PERSON", "replace"), Mark("EMAIL_ADDRESS", "hash")
    )

    assert found["tags"] == ["pii", "EMAIL_ADDRESS", "PERSON", "replaced", "tokenised"]
    assert found["description"] == ("Personal data (EMAIL_ADDRESS, PERSON), replaced, tokenised.")


def test_ids_are_tagged_whatever_was_found_in_them() -> None:
    assert dimension("identity_id", Kind.STRING)["tags"] == ["pii", "IDENTITY", "tokenised"]
    assert dimension("user_id", Kind.STRING)["tags"] == ["pii", "USER_ID"]
    assert dimension("user_id", Kind.STRING, Mark("EMAIL_ADDRESS", "hash"))["tags"] == [
        "pii",
        "USER_ID",
        "EMAIL_ADDRESS",
        "tokenised",
    ]


def test_attributes_of_the_identity_are_told_apart_from_what_the_event_says() -> None:
    assert dimension("identity_plan", Kind.STRING)["description"] == (
        "What the business says of the person: plan."
    )
    by = dimension("identity_resolved_by", Kind.STRING)["description"]
    assert by.startswith("What showed who it was")
    assert "description" not in dimension("plan", Kind.STRING)


def test_no_two_fields_have_one_name() -> None:
    columns = {
        "count": Kind.INTEGER,
        "identity_count": Kind.INTEGER,
        "identity_id": Kind.STRING,
        "created": Kind.TIMESTAMP,
        "created_at": Kind.TIMESTAMP,
        "due_at": Kind.DATE,
        "due_week": Kind.STRING,
        "_at": Kind.TIMESTAMP,
    }
    view = view_of(columns)
    names = [each["name"] for each in [*view["dimensions"], *view["measures"]]]
    for group in view["dimension_groups"]:
        names += [f"{group['name']}_{timeframe}" for timeframe in group["timeframes"]]

    assert len(names) == len(set(names))
    assert [each["name"] for each in view["measures"]] == ["count_", "identity_count_"]
    assert [each["name"] for each in view["dimension_groups"]] == [
        "created",
        "created_",
        "due_",
        "_at",
    ]


def test_persons_are_counted_where_the_table_says_who_it_was() -> None:
    view = view_of({"identity_id": Kind.STRING})

    assert [each["type"] for each in view["measures"]] == ["count", "count_distinct"]
    assert [each["type"] for each in view_of({})["measures"]] == ["count"]


def test_the_model_explores_base_tables_with_users_and_tables_of_events() -> None:
    one = {"id": Kind.STRING, "user_id": Kind.STRING}
    model = model_of({"users": one, "tracks": one, "paid": one, "pages": one, "_tracks": one})

    assert model["connection"] == "warehouse"
    assert model["includes"] == ["views/*.view.lkml"]
    joins = {
        explore["name"]: {join["name"]: join["sql_on"] for join in explore["joins"]}
        for explore in model["explores"]
    }
    assert joins == {
        "tracks": {
            "users": "${tracks.user_id} = ${users.id}",
            "_tracks": "${tracks.id} = ${_tracks.id}",
            "paid": "${tracks.id} = ${paid.id}",
        },
        "pages": {"users": "${pages.user_id} = ${users.id}"},
    }


def test_whose_an_identity_is_by_now_is_joined_to_events() -> None:
    mappings = {**MAPPINGS_COLUMNS, LOADED: Kind.TIMESTAMP}
    schema = {"tracks": TRACKS, "identity_mappings": mappings}
    files = to_lookml(schema, {}, PLACE)
    (explore,) = model_of(schema)["explores"]
    (view,) = lkml.load(files["views/identity_mappings.view.lkml"])["views"]

    assert {join["name"]: join["sql_on"] for join in explore["joins"]} == {
        "identity_mappings": "${tracks.identity_id} = ${identity_mappings.token}"
    }
    assert [each["name"] for each in view["dimensions"]] == ["token", "kind", "identity_id"]
    token, kind, identity = view["dimensions"]
    assert (token["primary_key"], token["tags"]) == ("yes", ["pii", "IDENTITY", "tokenised"])
    assert "tags" not in kind
    assert identity["description"] == "Token of the person whose it is by now."
    assert strangers(schema) == []


def test_a_warehouse_without_users_has_no_joins_with_them() -> None:
    assert model_of({"tracks": {"id": Kind.STRING}})["explores"] == [{"name": "tracks"}]


@pytest.mark.parametrize(
    "name", ["a;;b", "a}b", 'a"b', "${TABLE}", "{{ x }}", "größe", "A", "a b", "a\nb", "", "../x"]
)
def test_a_name_that_is_not_the_loader_s_is_left_out_and_told(name: str) -> None:
    schema = {name: {"id": Kind.STRING}, "paid": {"id": Kind.STRING, name: Kind.STRING}}

    files = to_lookml(schema, {}, PLACE)

    assert sorted(files) == ["streamproc.model.lkml", "views/paid.view.lkml"]
    assert len(lkml.load(files["views/paid.view.lkml"])["views"][0]["dimensions"]) == 1
    assert strangers(schema) == sorted([name, f"paid.{name}"])


def test_a_table_without_message_ids_is_not_the_loader_s() -> None:
    schema = {"mine": {"total": Kind.FLOAT}}

    assert list(to_lookml(schema, {}, PLACE)) == ["streamproc.model.lkml"]
    assert strangers(schema) == ["mine"]


def test_texts_are_written_so_that_lookml_reads_them_back() -> None:
    files = to_lookml({}, {}, Place(DUCKDB, "main", 'a "b" \\'))

    assert lkml.load(files["streamproc.model.lkml"])["connection"] == 'a \\"b\\" \\\\'


def test_what_lkml_reads_it_writes_so_that_it_reads_the_same() -> None:
    schema = {"tracks": TRACKS, "users": EVERY, "paid": {**EVERY, "due_at": Kind.DATE}}
    marks = {"tracks": {"user_id": frozenset({Mark("EMAIL_ADDRESS", "hash")})}}

    for text in to_lookml(schema, marks, PLACE).values():
        read = lkml.load(text)
        assert lkml.load(lkml.dump(read) or "") == read
