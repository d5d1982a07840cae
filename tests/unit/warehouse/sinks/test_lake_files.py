from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streamproc.events import Micros
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import Columns
from streamproc.warehouse.shape.arrow import TYPES
from streamproc.warehouse.sinks import lake_files
from streamproc.warehouse.sinks.lake_disk import Disk
from streamproc.warehouse.sinks.lake_files import MICROS_A_DAY, OPEN_FILES, Kept, write_days

LOADED_AT = Micros(5 * MICROS_A_DAY)
ALL = Kept(None, LOADED_AT)


@dataclass(frozen=True)
class Pieces:
    """A frame of rows by their numbers and moments, in pieces."""

    pieces: Sequence[Sequence[tuple[int, int]]]
    columns: Columns

    @property
    def rows(self) -> int:
        return sum(map(len, self.pieces))

    def read(self) -> Iterator[pa.Table]:
        for piece in self.pieces:
            numbers = pa.array([number for number, _ in piece], pa.int64())
            moments = pa.array([moment for _, moment in piece], TYPES[Kind.TIMESTAMP])
            yield pa.table({"_row": numbers, "received_at": moments, "n": numbers})


def frame(*pieces: Sequence[tuple[int, int]]) -> Pieces:
    return Pieces(pieces, {"received_at": Kind.TIMESTAMP, "n": Kind.INTEGER})


def written(folder: Path, files: Sequence[tuple[str, str]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for day, name in files:
        table = pq.read_table(folder / name, partitioning=None)
        assert table.column_names == ["received_at", "n", "uuid_ts"]
        assert set(table["uuid_ts"].cast(pa.int64()).to_pylist()) == {LOADED_AT}
        found.setdefault(day, []).extend(table["n"].to_pylist())
    return found


def test_rows_are_in_the_file_of_their_day_in_utc(tmp_path: Path) -> None:
    rows = [(1, 0), (2, MICROS_A_DAY - 1), (3, MICROS_A_DAY), (4, -1)]
    files, count = write_days(Disk(tmp_path), "a", frame(rows), ALL)
    assert count == 4
    assert written(tmp_path, files) == {
        "date=1969-12-31": [4],
        "date=1970-01-01": [1, 2],
        "date=1970-01-02": [3],
    }


def test_rows_that_are_not_kept_are_left_out(tmp_path: Path) -> None:
    kept = Kept(np.array([3, 1]), LOADED_AT)
    files, count = write_days(Disk(tmp_path), "a", frame([(1, 0), (2, 0)], [(3, 0)]), kept)
    assert count == 2
    assert written(tmp_path, files) == {"date=1970-01-01": [1, 3]}


def test_no_file_is_written_of_no_rows(tmp_path: Path) -> None:
    nothing = Kept(np.array([], np.int64), LOADED_AT)
    assert write_days(Disk(tmp_path), "a", frame([(1, 0)]), nothing) == ([], 0)
    assert list(tmp_path.iterdir()) == []


def test_the_groups_of_a_day_are_in_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_files, "GROUP_BYTES", 1)
    files, _ = write_days(Disk(tmp_path), "a", frame([(1, 0)], [(2, 0)]), ALL)
    assert [day for day, _ in files] == ["date=1970-01-01"]
    assert pq.read_metadata(tmp_path / files[0][1]).num_row_groups == 2


def test_any_number_of_days_is_written_with_few_files_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_files, "GROUP_BYTES", 1)
    days = [(day, day * MICROS_A_DAY) for day in range(OPEN_FILES + 1)]
    files, count = write_days(Disk(tmp_path), "a", frame(days, days), ALL)
    assert count == 2 * len(days)
    found = written(tmp_path, files)
    assert sorted(chain.from_iterable(found.values())) == sorted(2 * list(range(len(days))))
    assert len({name for _, name in files}) == len(files)
