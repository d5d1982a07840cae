"""By which rules rows were made, and of which raw records: asked of DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from warehouse_batches import NOW, Event, identify, load

from streamproc.events import Micros
from streamproc.settings import LoaderSettings
from streamproc.warehouse.dialects import POSTGRES, SNOWFLAKE
from streamproc.warehouse.provenance import (
    Handled,
    Made,
    Window,
    read_handled,
    read_made,
    read_offsets,
)
from streamproc.warehouse.redactions import Reader
from streamproc.warehouse.schema import Schema
from streamproc.warehouse.sinks.duckdb import open_duckdb
from streamproc.warehouse.sql.statements import Statement
from streamproc.warehouse.standard import BASE, EVERY

BY_RULE = {"path": "properties.a", "entity": "PERSON", "rule": "r", "operator": "mask"}
BY_ITSELF = {"path": "userId", "entity": "PERSON", "rule": "identifiers", "operator": "hash"}


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Reader]:
    """Yield one with an event a minute: the first two by old rules, the third by nobody knows."""
    sink = open_duckdb(LoaderSettings(duckdb_file=tmp_path / "w.duckdb"))
    load(sink, [Event(str(number), received_at=NOW + number) for number in range(1, 7)])
    load(sink, [identify("7", "u", NOW + 7)], moved={})
    assert isinstance(sink, Reader)
    for table in ("tracks", "paid", "identifies", "streamproc_messages"):
        ruled = "CASE WHEN CAST(id AS INT) <= 2 THEN 'old' WHEN id <> '3' THEN 'new' END"
        plant(sink, f"UPDATE {table} SET ruleset = {ruled}")
    plant(sink, "UPDATE streamproc_messages SET source_offset = CAST(id AS INT)")
    yield sink
    sink.close()


def plant(reader: Reader, sql: str, *parameters: str) -> None:
    reader.fetch(Statement("plant", sql, parameters))


def test_rows_are_counted_by_table_and_ruleset(warehouse: Reader) -> None:
    assert read_made(warehouse) == [
        Made("identifies", "new", 1),
        Made("paid", None, 1),
        Made("paid", "new", 3),
        Made("paid", "old", 2),
        Made("tracks", None, 1),
        Made("tracks", "new", 3),
        Made("tracks", "old", 2),
    ]


def test_what_rules_did_is_read_from_manifests_once_a_row(warehouse: Reader) -> None:
    manifest = orjson.dumps([BY_RULE, BY_RULE, BY_ITSELF]).decode()
    for id_ in ("1", "2", "6"):
        plant(warehouse, "UPDATE tracks SET redaction_manifest = ? WHERE id = ?", manifest, id_)

    assert read_handled(warehouse, ["old", None]) == {
        Handled("track", "tracks", "old", "properties.a", "PERSON", "mask"): 2,
        Handled("track", "paid", "old", "properties.a", "PERSON", "mask"): 2,
    }
    assert read_handled(warehouse, []) == {}


def test_raw_records_are_found_as_ranges_of_offsets(warehouse: Reader) -> None:
    place = ("events.raw", 0)

    assert read_offsets(warehouse, ["old"]) == {place: [(1, 3)]}
    assert read_offsets(warehouse, [None]) == {place: [(3, 4)]}
    assert read_offsets(warehouse, ["new", "old"]) == {place: [(1, 3), (4, 8)]}
    assert read_offsets(warehouse, []) == {}


def test_raw_records_are_those_of_a_time(warehouse: Reader) -> None:
    window = Window(Micros(NOW + 2), Micros(NOW + 5))

    assert read_offsets(warehouse, ["old", "new"], window) == {("events.raw", 0): [(2, 3), (4, 5)]}


class Asked:
    """A warehouse that has two base tables, and answers nothing."""

    def __init__(self, dialect: Any) -> None:
        self.dialect = dialect
        self.statements: list[Statement] = []

    def schema(self) -> Schema:
        return {"tracks": {**EVERY, **BASE}, "pages": {**EVERY, **BASE}}

    def fetch(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        self.statements.append(statement)
        return []


@pytest.mark.parametrize(
    ("dialect", "words"),
    [
        (SNOWFLAKE, ['"RULESET" IN (?, ?)', 'TO_JSON("REDACTION_MANIFEST")', '"RULESET" IS NULL']),
        (POSTGRES, ['"ruleset" IN (?, ?)', 'CAST("redaction_manifest" AS text)']),
    ],
)
def test_warehouses_are_asked_in_their_own_words_and_values_are_bound(
    dialect: Any, words: Sequence[str]
) -> None:
    asked = Asked(dialect)

    read_handled(asked, ["b", "a", None])
    read_made(asked)
    read_offsets(asked, ["b"], Window(Micros(0)))

    assert all(word in asked.statements[0].sql for word in words)
    assert [each.parameters for each in asked.statements] == [
        ("a", "b"),
        ("a", "b"),
        (),
        (),
        ("b", "1970-01-01T00:00:00.000000+00:00"),
    ]
