"""Any batches make the same tables of a lake as of a database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow.parquet as pq
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from warehouse_batches import HOUR, NOW, Event, deletion, load

from streamproc.settings import LoaderSettings
from streamproc.warehouse.schema import Columns
from streamproc.warehouse.sink import Deletion, LoadResult, Sink
from streamproc.warehouse.sinks.duckdb import open_duckdb
from streamproc.warehouse.sinks.parquet import open_parquet

TOKENS = st.sampled_from([None, "u", "v"])
MOMENTS = st.sampled_from([NOW, NOW + 1, NOW + 24 * HOUR, NOW + 200 * HOUR])
EVENTS = st.builds(
    Event,
    id=st.sampled_from("abcd"),
    type=st.sampled_from(["track", "identify", "page"]),
    table=st.sampled_from(["paid", "refunded"]),
    received_at=MOMENTS,
    user_id=TOKENS,
    anonymous_id=TOKENS,
    correction=st.booleans(),
    # Whatever of an id's events is kept must not hang on their order, which a lake does not keep.
    fields=st.fixed_dictionaries({"n": st.none() | st.integers(0, 3) | st.just("three")}),
    discards=st.sampled_from([(), ("x",)]),
)
DELETIONS = st.lists(
    st.builds(deletion, st.sampled_from(["u", "v"]), st.sampled_from([NOW, NOW + 25 * HOUR])),
    max_size=1,
)
BATCHES = st.lists(st.tuples(st.lists(EVENTS, max_size=5), DELETIONS), min_size=1, max_size=4)


@settings(max_examples=12, deadline=None, phases=[Phase.generate])
@given(BATCHES, st.sampled_from(["dedupe", "merge"]))
def test_a_lake_holds_what_a_database_holds(
    batches: list[tuple[list[Event], list[Deletion]]], mode: str
) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        lake = open_parquet(LoaderSettings(parquet_directory=root / "lake"))
        database = open_duckdb(LoaderSettings(duckdb_file=root / "warehouse.duckdb"))
        assert loaded(lake, batches, mode) == loaded(database, batches, mode)
        assert lake.counts() == database.counts()
        schema = database.schema()
        assert lake.schema() == schema
        database.close()
        for table, columns in schema.items():
            there = rows_of_database(root, table, columns)
            assert rows_of_lake(root, table, columns) == there, table
        lake.close()


def loaded(
    sink: Sink, batches: Sequence[tuple[list[Event], list[Deletion]]], mode: str
) -> list[LoadResult]:
    results = [
        load(sink, [tidied(event) for event in events], deletions=deletions, mode=mode)
        for events, deletions in batches
    ]
    return [result._replace(seconds=0) for result in results]


def tidied(event: Event) -> Event:
    values = {name: getattr(event, name) for name in event.__dataclass_fields__}
    return Event(**{**values, "table": event.table if event.type == "track" else None})


def rows_of_lake(root: Path, table: str, columns: Columns) -> list[tuple[Any, ...]]:
    if not (files := list(root.glob(f"lake/table={table}/**/*.parquet"))):
        return []
    # A column may be known before there is a file that has it.
    there = {name for file in files for name in pq.read_schema(file).names}
    taken = [name if name in there else f"NULL AS {name}" for name in sorted(columns)]
    options = "union_by_name = true, hive_partitioning = false"
    with duckdb.connect() as connection:
        found = f"read_parquet('{root}/lake/table={table}/**/*.parquet', {options})"
        return rows(connection, found, taken)


def rows_of_database(root: Path, table: str, columns: Columns) -> list[tuple[Any, ...]]:
    with duckdb.connect(root / "warehouse.duckdb", read_only=True) as connection:
        return rows(connection, table, sorted(columns))


def rows(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]
) -> list[tuple[Any, ...]]:
    taken = ", ".join(columns)
    texts = f"SELECT COLUMNS(*)::VARCHAR FROM (SELECT {taken} FROM {table}) ORDER BY ALL"
    return connection.execute(texts).fetchall()
