from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from streamproc.errors import ConfigError, RetryableError
from streamproc.events import Micros
from streamproc.warehouse import Advance, Batch, LoadedRow, LoadResult, OffsetsMovedError
from streamproc.warehouse.duckdb import COLUMNS, DuckDBSink, open_duckdb

TOPIC = "warehouse.load"
NOW = Micros(1_700_000_000_000_000)


def row(message_id: str, offset: int = 0, **fields: Any) -> LoadedRow:
    values: dict[str, Any] = {
        "message_id": message_id,
        "type": "track",
        "event": "Paid",
        "user_id": None,
        "anonymous_id": "tok_k1_aa",
        "identity_id": None,
        "original_timestamp": None,
        "sent_at": Micros(-1),
        "received_at": NOW,
        "timestamp": NOW,
        "payload": '{"event":"Paid"}',
        "manifest": "[]",
        "ruleset": "f00d",
        "source_topic": "events.raw",
        "source_partition": 0,
        "source_offset": offset,
    }
    return LoadedRow(**(values | fields))


def batch(rows: list[LoadedRow], **advances: tuple[int, int]) -> Batch:
    moved = {int(name[1:]): Advance(*advance) for name, advance in advances.items()}
    return Batch(TOPIC, rows, moved, NOW)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


@pytest.fixture
def sink(file: Path) -> Iterator[DuckDBSink]:
    opened = open_duckdb(file)
    yield opened
    opened.close()


def stored(file: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file)) as connection:
        return connection.execute(query).fetchall()


def test_rows_and_offsets_are_there_after_a_load(sink: DuckDBSink, file: Path) -> None:
    assert sink.offsets(TOPIC) == {}
    assert sink.load(batch([row("a"), row("b")], p0=(0, 3), p2=(0, 9))) == LoadResult(2, 0)
    assert sink.offsets(TOPIC) == {0: 3, 2: 9}
    assert sink.offsets("another topic") == {}
    sink.close()
    assert stored(file, "SELECT message_id FROM events ORDER BY 1") == [("a",), ("b",)]


def test_every_column_is_stored_as_it_came(sink: DuckDBSink, file: Path) -> None:
    sink.load(
        batch([row("a\0é", 7, payload='{"a":["x\\u0000"]}', manifest='[{"p":1}]')], p0=(0, 1))
    )
    sink.close()
    moments = "epoch_us(sent_at), epoch_us(received_at), epoch_us(loaded_at), original_timestamp"
    others = "message_id, type, event, user_id, anonymous_id, payload, manifest, source_offset"
    (found,) = stored(file, f"SELECT {moments}, {others} FROM events")
    assert found == (
        *(-1, NOW, NOW, None),
        *("a\0é", "track", "Paid", None, "tok_k1_aa"),
        *('{"a":["x\\u0000"]}', '[{"p":1}]', 7),
    )


def test_the_tables_columns_are_the_rows_in_order(sink: DuckDBSink, file: Path) -> None:
    sink.close()
    names = [name for (name,) in stored(file, "SELECT column_name FROM (DESCRIBE events)")]
    assert tuple(names) == (*LoadedRow._fields, "loaded_at")
    assert tuple(COLUMNS.names) == LoadedRow._fields


def test_a_payload_can_be_queried_as_json(sink: DuckDBSink, file: Path) -> None:
    sink.load(batch([row("a", payload='{"properties":{"total":9.5}}')], p0=(0, 1)))
    sink.close()
    assert stored(file, "SELECT payload->>'$.properties.total' FROM events") == [("9.5",)]


def test_of_duplicates_the_first_stays(sink: DuckDBSink, file: Path) -> None:
    first = batch([row("a", 1), row("b", 2), row("a", 3)], p0=(0, 3))
    assert sink.load(first) == LoadResult(2, 1)
    assert sink.load(batch([row("b", 4), row("c", 5)], p0=(3, 5))) == LoadResult(1, 1)
    sink.close()
    query = "SELECT message_id, source_offset FROM events ORDER BY 1"
    assert stored(file, query) == [("a", 1), ("b", 2), ("c", 5)]


def test_a_batch_without_rows_moves_the_offset(sink: DuckDBSink) -> None:
    assert sink.load(batch([], p0=(0, 4))) == LoadResult(0, 0)
    assert sink.offsets(TOPIC) == {0: 4}


@pytest.mark.parametrize("expected", [0, 2, 4])
def test_nothing_is_loaded_when_another_moved_one_of_the_offsets(
    sink: DuckDBSink, expected: int
) -> None:
    sink.load(batch([row("a")], p0=(0, 1), p1=(0, 3)))
    with pytest.raises(OffsetsMovedError):
        sink.load(batch([row("b")], p0=(1, 2), p1=(expected, 5)))
    assert sink.offsets(TOPIC) == {0: 1, 1: 3}
    assert sink.load(batch([row("b")], p0=(1, 2), p1=(3, 5))) == LoadResult(1, 0)


def test_a_load_that_fails_midway_leaves_nothing(sink: DuckDBSink, file: Path) -> None:
    broken = row("b", payload="no JSON but ada@example.com")
    with pytest.raises(RetryableError) as failed:
        sink.load(batch([row("a"), broken], p0=(0, 2)))
    assert "ada" not in str(failed.value)
    assert failed.value.__suppress_context__
    assert sink.offsets(TOPIC) == {}
    sink.close()
    assert stored(file, "SELECT count(*) FROM events") == [(0,)]


def test_a_full_disk_is_told_and_the_batch_can_be_loaded_later(
    sink: DuckDBSink, file: Path
) -> None:
    sink.load(batch([row("a")], p0=(0, 1)))
    large = batch([row(f"b{i}", payload=f'"{"x" * 900}{i}"') for i in range(2_000)], p0=(1, 2))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 500_000, hard))
    try:
        with pytest.raises(RetryableError, match="is there space left"):
            sink.load(large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    sink.close()
    again = open_duckdb(file)
    assert again.offsets(TOPIC) == {0: 1}
    assert again.load(large) == LoadResult(2_000, 0)
    again.close()


def test_the_database_can_be_opened_again(sink: DuckDBSink, file: Path) -> None:
    sink.load(batch([row("a")], p0=(0, 1)))
    sink.close()
    again = open_duckdb(file)
    assert again.offsets(TOPIC) == {0: 1}
    assert again.load(batch([row("a"), row("b")], p0=(1, 3))) == LoadResult(1, 1)
    again.close()


def test_a_database_open_elsewhere_is_waited_for(file: Path) -> None:
    hold = f"import duckdb; c = duckdb.connect({str(file)!r}); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(RetryableError, match="is open in another process"):
            open_duckdb(file)
        holder.communicate(b"\n")
    open_duckdb(file).close()


def test_a_file_that_is_no_database_is_a_matter_of_settings(file: Path) -> None:
    file.write_text("no database " * 1_000)
    with pytest.raises(ConfigError, match="is no DuckDB database"):
        open_duckdb(file)


def test_a_folder_that_is_not_there_is_a_matter_of_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="its folder does not exist"):
        open_duckdb(tmp_path / "nowhere" / "warehouse.duckdb")
