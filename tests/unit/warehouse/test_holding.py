"""Whose rows there are, asked of DuckDB and of a lake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from warehouse_batches import Event, identify, load

from streamproc.settings import LoaderSettings, Settings
from streamproc.warehouse.asking import asked
from streamproc.warehouse.dialects import POSTGRES, SNOWFLAKE
from streamproc.warehouse.holding import count_holding
from streamproc.warehouse.schema import Schema
from streamproc.warehouse.sinks import open_sink
from streamproc.warehouse.sql.statements import Statement
from streamproc.warehouse.standard import BASE, EVERY


@pytest.mark.parametrize("kind", ["duckdb", "parquet"])
def test_rows_are_somebodys_by_any_column_that_says_whose_they_are(
    tmp_path: Path, kind: Literal["duckdb", "parquet"]
) -> None:
    loader = LoaderSettings(
        sink=kind, duckdb_file=tmp_path / "w.duckdb", parquet_directory=tmp_path / "lake"
    )
    settings = Settings(loader=loader)
    sink = open_sink(settings)
    load(sink, [Event("1", user_id="u-1"), Event("2", anonymous_id="d-1"), Event("3")])
    load(sink, [identify("4", "u-1")], moved={})
    sink.close()

    with asked(settings) as reader:
        counts = count_holding(reader, ["u-1", "d-1", *(f"t-{number}" for number in range(500))])
        nobodys = count_holding(reader, ["paid", "1"])

    assert {table: rows for table, rows in counts.items() if rows} == {
        "tracks": 2,
        "paid": 2,
        "identifies": 1,
        "users": 1,
        "streamproc_messages": 3,
    }
    assert set(nobodys.values()) == {0}


def test_a_warehouse_without_tables_has_nobodys_rows(tmp_path: Path) -> None:
    loader = LoaderSettings(duckdb_file=tmp_path / "w.duckdb")
    with asked(Settings(loader=loader)) as reader:
        assert count_holding(reader, ["u-1"]) == {}


class Asked:
    """A warehouse of many tables, which answers nothing."""

    def __init__(self, dialect: Any) -> None:
        self.dialect = dialect
        self.statements: list[Statement] = []

    def schema(self) -> Schema:
        return {f"event_{number}": {**EVERY, **BASE} for number in range(400)}

    def fetch(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        self.statements.append(statement)
        return []


@pytest.mark.parametrize("dialect", [SNOWFLAKE, POSTGRES])
def test_many_tables_are_asked_in_few_queries_of_a_bounded_number_of_parameters(
    dialect: Any,
) -> None:
    warehouse = Asked(dialect)

    counts = count_holding(warehouse, [f"t-{number}" for number in range(10)])

    assert len(counts) == 401
    assert 1 < len(warehouse.statements) < 20
    for statement in warehouse.statements:
        assert statement.sql.count("?") == len(statement.parameters) <= 2_000
