from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from warehouse_batches import Event, load

from streamproc.events import Json
from streamproc.settings import LoaderSettings
from streamproc.warehouse.kinds import WIDER, Kind
from streamproc.warehouse.schema import CreateTable, Widen
from streamproc.warehouse.shape.arrow import TYPES, recast
from streamproc.warehouse.sinks.duckdb import DuckDBSink, open_duckdb
from streamproc.warehouse.standard import ROW

VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.BOOLEAN: st.booleans(),
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
    Kind.FLOAT: st.floats(allow_nan=False, allow_infinity=False),
    Kind.DATE: st.dates(),
    Kind.TIMESTAMP: st.datetimes(timezones=st.just(dt.UTC)),
    Kind.JSON: st.sampled_from(['{"a": [1, null]}', "[]", '"é"', '{"b":1e400,"b":2}', "1.50"]),
}
EDGES = [(before, after) for before in VALUES for after in WIDER[before] if after is not before]


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBSink]:
    file: Path = tmp_path_factory.mktemp("widening") / "warehouse.duckdb"
    opened = open_duckdb(LoaderSettings(duckdb_file=file))
    yield opened
    opened.close()


@pytest.mark.parametrize(("before", "after"), EDGES)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_what_was_stored_becomes_what_a_recast_would_have_stored(
    sink: DuckDBSink, before: Kind, after: Kind, data: st.DataObject
) -> None:
    values = data.draw(st.lists(st.none() | VALUES[before], min_size=1, max_size=30))
    connection = sink._connection
    connection.execute("DROP TABLE IF EXISTS stored; DROP TABLE IF EXISTS recast")
    sink.change([CreateTable("stored", {"v": before}), CreateTable("recast", {"v": after})])
    narrow = pa.table({ROW: range(len(values)), "v": pa.array(values, TYPES[before])})
    for table, given_ in (("stored", narrow), ("recast", recast(narrow, {"v": after}))):
        connection.register("given", given_)
        connection.execute(f'INSERT INTO {table} (v) SELECT v FROM "given" ORDER BY {ROW}')
        connection.unregister("given")
    sink.change([Widen("stored", "v", before, after)])
    assert sink.schema()["stored"]["v"] is after
    answers = [
        connection.sql(f"SELECT v FROM {table} ORDER BY rowid").to_arrow_table()["v"]
        for table in ("stored", "recast")
    ]
    assert answers[0].cast(TYPES[after]).to_pylist() == answers[1].cast(TYPES[after]).to_pylist()


DAY = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("first", "second", "stored"),
    [
        (True, "yes", ["true", "yes"]),
        (1, 1.5, [1.0, 1.5]),
        (1, "one", ["1", "one"]),
        (1.0, "one", ["1.0", "one"]),
        ("2026-01-02", "2026-01-02T12:00:00Z", [DAY, DAY.replace(hour=12)]),
        ("2026-01-02", "soon", ["2026-01-02", "soon"]),
        ("2026-01-02T03:04:05.60Z", "soon", ["2026-01-02T03:04:05.6Z", "soon"]),
        ({"a": 1}, "none", ['{"a":1}', "none"]),
    ],
)
def test_a_column_takes_a_wider_value_and_keeps_the_old_one(
    tmp_path: Path, first: Json, second: Json, stored: list[Any]
) -> None:
    opened = open_duckdb(LoaderSettings(duckdb_file=tmp_path / "warehouse.duckdb"))
    load(opened, [Event("a", fields={"v": first})])
    load(opened, [Event("b", fields={"v": second})])
    found = opened._connection.sql("SELECT v FROM paid ORDER BY id").to_arrow_table()
    opened.close()
    assert found["v"].to_pylist() == stored
