from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from warehouse_batches import NOW, Event, identify, load

from streamproc.events import Micros
from streamproc.settings import LoaderSettings
from streamproc.warehouse.dialects import DUCKDB, POSTGRES, SNOWFLAKE
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.redactions import (
    Mark,
    Reader,
    Redaction,
    marks,
    read_redactions,
)
from streamproc.warehouse.schema import Schema
from streamproc.warehouse.shape.names import Naming
from streamproc.warehouse.sinks.duckdb import open_duckdb
from streamproc.warehouse.sql.statements import Statement
from streamproc.warehouse.standard import BASE

NAMING = Naming(DUCKDB)
EMAIL = Mark("EMAIL_ADDRESS", "hash")


def marked(
    path: str, *columns: str, type_: str = "track", event_table: str | None = "paid"
) -> dict[str, list[str]]:
    """Return the columns that are marked, of tables that all have ``columns``."""
    kinds = dict.fromkeys(columns, Kind.STRING)
    schema = dict.fromkeys(("tracks", "paid", "identifies", "users", "pages", "groups"), kinds)
    redaction = Redaction(type_, event_table, path, *EMAIL)
    found = marks([redaction], schema, NAMING)
    assert all(each == {EMAIL} for marked in found.values() for each in marked.values())
    return {table: sorted(columns) for table, columns in found.items()}


def test_a_property_marks_the_column_of_its_event_alone() -> None:
    schema: Schema = {"tracks": {"id": Kind.STRING}, "paid": {"email": Kind.STRING}}

    found = marks([Redaction("track", "paid", "properties.email", *EMAIL)], schema, NAMING)

    assert found == {"paid": {"email": {EMAIL}}}


def test_a_field_of_the_context_marks_tracks_and_the_event_s_table() -> None:
    assert marked("context.page.url", "context_page_url", "url") == {
        "tracks": ["context_page_url"],
        "paid": ["context_page_url"],
    }


@pytest.mark.parametrize(
    ("path", "column"),
    [
        ("userId", "user_id"),
        ("anonymousId", "anonymous_id"),
        ("messageId", "id"),
        ("event", "event_text"),
    ],
)
def test_fields_of_every_event_mark_their_columns(path: str, column: str) -> None:
    assert marked(path, column, event_table=None) == {"tracks": [column]}


def test_a_trait_of_an_identify_marks_users_too() -> None:
    found = marked("traits.firstName", "first_name", type_="identify", event_table=None)

    assert found == {"identifies": ["first_name"], "users": ["first_name"]}


def test_a_trait_of_the_context_marks_both_of_its_columns() -> None:
    columns = ("email", "context_traits_email")

    found = marked("context.traits.email", *columns, type_="identify", event_table=None)

    assert found["users"] == sorted(columns)


def test_an_address_of_a_request_marks_all_columns_that_it_goes_to() -> None:
    columns = ("context_ip", "context_passed_ip", "context_request_ip")

    assert marked("context.ip", *columns)["tracks"] == ["context_ip", "context_passed_ip"]
    assert marked("request_ip", *columns)["tracks"] == ["context_ip", "context_request_ip"]


@pytest.mark.parametrize(
    ("path", "type_", "column"),
    [
        ("groupId", "group", "group_id"),
        ("properties.name", "page", "name"),
        ("name", "page", "name"),
    ],
)
def test_a_field_of_one_type_marks_its_column(path: str, type_: str, column: str) -> None:
    found = marked(path, column, type_=type_, event_table=None)

    assert list(found.values()) == [[column]]


@pytest.mark.parametrize(
    "path",
    [
        "properties.products[0].sku",
        "properties.products[12].by[0].email",
        "properties.products.deep.deeper.deepest",
        "properties.products.*",
    ],
)
def test_what_is_below_a_list_or_an_object_marks_the_column_of_the_whole(path: str) -> None:
    assert marked(path, "products", "sku", "email")["paid"] == ["products"]


def test_columns_that_keys_of_one_name_share_are_all_marked() -> None:
    columns = ("e_mail", "e_mail_0123456789ab", "e_mail_verified")

    assert marked("properties.eMail", *columns)["paid"] == ["e_mail", "e_mail_0123456789ab"]


def test_a_key_that_is_personal_data_itself_marks_nothing_without_a_column_above() -> None:
    assert marked("properties.*", "id", "email") == {}


def test_redactions_are_read_from_the_manifests_of_a_warehouse(tmp_path: Path) -> None:
    def manifest(path: str) -> str:
        entry = {"path": path, "entity": "PERSON", "rule": "r", "operator": "mask", "score": 1.0}
        return orjson.dumps([entry]).decode()

    sink = open_duckdb(LoaderSettings(duckdb_file=tmp_path / "w.duckdb"))
    events = [
        Event("1", table="paid"),
        Event("2", table="paid"),
        Event("3", table=None),
        Event("4", table="paid", received_at=NOW - 10),
        identify("5", "u"),
    ]
    load(sink, events)
    written: Sequence[tuple[str, str, str]] = [
        ("tracks", "1", "properties.a"),
        ("tracks", "2", "properties.a"),
        ("tracks", "3", "context.b"),
        ("tracks", "4", "properties.old"),
        ("identifies", "5", "traits.c"),
    ]
    for table, id_, path in written:
        sql = f"UPDATE {table} SET redaction_manifest = ? WHERE id = ?"
        sink.fetch(Statement("plant", sql, (manifest(path), id_)))

    assert isinstance(sink, Reader)
    assert read_redactions(sink, NOW) == {
        Redaction("track", "paid", "properties.a", "PERSON", "mask"),
        Redaction("track", None, "context.b", "PERSON", "mask"),
        Redaction("identify", None, "traits.c", "PERSON", "mask"),
    }
    sink.close()


class Asked:
    """A warehouse that has every base table, and answers nothing."""

    def __init__(self, dialect: Any) -> None:
        self.dialect = dialect
        self.statements: list[Statement] = []

    def schema(self) -> Schema:
        return {"tracks": BASE, "pages": BASE, "users": {}}

    def fetch(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        self.statements.append(statement)
        return []


@pytest.mark.parametrize(
    ("dialect", "table", "text"),
    [
        (SNOWFLAKE, '"TRACKS"', 'TO_JSON("REDACTION_MANIFEST")'),
        (POSTGRES, '"tracks"', 'CAST("redaction_manifest" AS text)'),
    ],
)
def test_every_base_table_is_asked_in_the_warehouse_s_own_words(
    dialect: Any, table: str, text: str
) -> None:
    asked = Asked(dialect)

    assert read_redactions(asked, Micros(0)) == set()
    assert len(asked.statements) == 2
    assert table in asked.statements[0].sql
    assert text in asked.statements[0].sql
    assert asked.statements[0].parameters == ("1970-01-01T00:00:00.000000+00:00",)
