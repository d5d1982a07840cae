from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from warehouse_batches import (
    TOPIC,
    Event,
    batch,
    identify,
    load,
    prepare,
)

from streamproc.errors import ConfigError, RetryableError
from streamproc.settings import LoaderSettings
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import AddColumns, CreateTable, Widen
from streamproc.warehouse.sink import Place, Position
from streamproc.warehouse.sinks.duckdb import DuckDBSink, open_duckdb


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


@pytest.fixture
def sink(file: Path) -> Iterator[DuckDBSink]:
    opened = open_duckdb(LoaderSettings(duckdb_file=file))
    yield opened
    opened.close()


def asked(sink: DuckDBSink, query: str) -> list[tuple[Any, ...]]:
    return sink._connection.execute(query).fetchall()


def ids(sink: DuckDBSink, table: str) -> list[str]:
    return [name for (name,) in asked(sink, f'SELECT id FROM "{table}" ORDER BY 1')]


def test_what_a_change_would_say_can_be_read(sink: DuckDBSink) -> None:
    said = sink.statements(
        [
            CreateTable("paid", {"id": Kind.STRING, "doc": Kind.JSON}),
            AddColumns("paid", {"n": Kind.INTEGER}),
            Widen("paid", "n", Kind.INTEGER, Kind.FLOAT),
        ]
    )
    columns = '"id" VARCHAR, "doc" JSON USING COMPRESSION zstd, "uuid_ts" TIMESTAMPTZ'
    assert said == [
        f'CREATE TABLE IF NOT EXISTS "paid" ({columns})',
        'ALTER TABLE "paid" ADD COLUMN IF NOT EXISTS "n" BIGINT',
        'ALTER TABLE "paid" ALTER "n" SET DATA TYPE DOUBLE USING CAST("n" AS DOUBLE)',
    ]
    assert sink.schema() == {}


def test_tables_of_others_in_the_file_are_left_alone(sink: DuckDBSink) -> None:
    asked(sink, "CREATE TABLE theirs (id DECIMAL, n HUGEINT)")
    asked(sink, "CREATE VIEW seen AS SELECT 1 AS n")
    asked(sink, "CREATE TEMP TABLE passing (n INTEGER)")
    assert sink.schema() == {"theirs": {"id": Kind.STRING, "n": Kind.STRING}}
    assert sink.counts() == {"streamproc_messages": 0, "discards": 0}


# The file


def test_a_new_connection_goes_on_where_the_last_one_ended(sink: DuckDBSink, file: Path) -> None:
    load(sink, [Event("a")], moved={0: (0, 1)})
    sink.close()
    again = open_duckdb(LoaderSettings(duckdb_file=file))
    assert again.offsets() == {Place(TOPIC, 0): Position(1)}
    assert load(again, [Event("a"), Event("b")], moved={0: (1, 3)})[:2] == (1, 1)
    assert again.clean() == 0
    again.close()


def test_nothing_staged_reaches_the_file(sink: DuckDBSink) -> None:
    load(sink, [Event("a"), identify("b", "u")])
    names = asked(
        sink, "SELECT table_name FROM duckdb_tables() WHERE contains(table_name, 'stage')"
    )
    assert names == []


def test_a_file_that_is_no_database_cannot_be_used(file: Path) -> None:
    file.write_bytes(b"personal" * 10_000)
    with pytest.raises(ConfigError, match="is no DuckDB database") as caught:
        open_duckdb(LoaderSettings(duckdb_file=file))
    assert "personal" not in str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "missing" / "warehouse.duckdb"
    with pytest.raises(ConfigError, match="folder does not exist"):
        open_duckdb(LoaderSettings(duckdb_file=file))


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        open_duckdb(LoaderSettings(duckdb_file=tmp_path))


@pytest.mark.usefixtures("sink")
def test_a_file_that_another_process_has_is_waited_for(file: Path) -> None:
    code = (
        "import pathlib, sys\n"
        "from streamproc.errors import RetryableError\n"
        "from streamproc.settings import LoaderSettings\n"
        "from streamproc.warehouse.sinks.duckdb import open_duckdb\n"
        "try: open_duckdb(LoaderSettings(duckdb_file=pathlib.Path(sys.argv[1])))\n"
        "except RetryableError as error: print(error)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True
    )
    assert "is open in another process" in process.stdout


def test_a_full_disk_loads_nothing_and_is_named(sink: DuckDBSink) -> None:
    load(sink, [Event("a")], moved={0: (0, 1)})
    words = [Event(f"e{n}", fields={"words": f"{n} personal " * 300}) for n in range(500)]
    made = prepare(sink, batch(words, moved={0: (1, 2)}))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        with pytest.raises(RetryableError) as caught:
            sink.load(made)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert "personal" not in str(caught.value)
    assert sink.offsets() == {Place(TOPIC, 0): Position(1)}
    assert sink.counts()["paid"] == 1


def test_what_duckdb_says_of_a_value_is_not_told(sink: DuckDBSink) -> None:
    load(sink, [Event("a", fields={"n": 1})])
    asked(sink, 'ALTER TABLE paid ADD CONSTRAINT "c" PRIMARY KEY ("n")')
    with pytest.raises(RetryableError, match="insert paid") as caught:
        load(sink, [Event("b", fields={"n": 1})])
    assert "1" not in str(caught.value).rpartition("duckdb")[2]


def test_a_closed_sink_is_waited_for(sink: DuckDBSink) -> None:
    sink.close()
    with pytest.raises(RetryableError):
        sink.offsets()
    with pytest.raises(RetryableError):
        load(sink, [Event("a")])
