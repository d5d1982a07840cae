"""Corrections, and raw records that are read once more by the rules of their time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from warehouse_batches import Event, load

from streamproc.settings import LoaderSettings
from streamproc.warehouse.sink import Mode
from streamproc.warehouse.sinks.duckdb import DuckDBSink, open_duckdb
from streamproc.warehouse.sql.statements import Statement


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[DuckDBSink]:
    opened = open_duckdb(LoaderSettings(duckdb_file=tmp_path / "warehouse.duckdb"))
    yield opened
    opened.close()


def made(n: int, offset: int, *, correction: bool = False) -> Event:
    return Event("a", source_offset=offset, correction=correction, fields={"n": n})


def values(sink: DuckDBSink) -> Sequence[int]:
    with sink._transaction():
        return [n for (n,) in sink.fetch(Statement("asked", "SELECT n FROM paid"))]


@pytest.mark.parametrize("mode", ["dedupe", "merge"])
def test_what_was_corrected_is_not_undone_by_a_replay(sink: DuckDBSink, mode: Mode) -> None:
    load(sink, [made(1, 5)], mode=mode)
    load(sink, [made(2, 5, correction=True)], mode=mode)
    assert load(sink, [made(1, 5)], mode=mode)[:3] == (0, 1, 0)
    assert values(sink) == [2]


@pytest.mark.parametrize("mode", ["dedupe", "merge"])
def test_a_replay_in_the_batch_of_its_correction_stays_out(sink: DuckDBSink, mode: Mode) -> None:
    load(sink, [made(1, 5)], mode=mode)
    events = [made(1, 5), made(2, 5, correction=True), made(1, 4), made(1, 5)]
    assert load(sink, events, mode=mode)[:3] == (0, 3, 1)
    assert values(sink) == [2]


def test_of_what_is_replayed_in_merge_nothing_older_than_the_correction_comes_back(
    sink: DuckDBSink,
) -> None:
    load(sink, [made(1, 5), made(2, 9)], mode="merge")
    load(sink, [made(3, 9, correction=True)], mode="merge")
    for replayed in (made(1, 5), made(2, 9)):
        load(sink, [replayed], mode="merge")
    assert values(sink) == [3]


def test_a_later_record_replaces_a_correction_in_merge(sink: DuckDBSink) -> None:
    load(sink, [made(1, 5)], mode="merge")
    load(sink, [made(2, 5, correction=True), made(3, 8)], mode="merge")
    assert values(sink) == [3]
    load(sink, [made(4, 9)], mode="merge")
    assert values(sink) == [4]
