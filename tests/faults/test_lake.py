"""A process dies before or after any operation on a file of a lake: nothing is lost or doubled."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from warehouse_batches import HOUR, NOW, TOPIC, Event, deletion, identify, load

from streamproc.errors import RetryableError
from streamproc.warehouse.sink import START, Place
from streamproc.warehouse.sinks import lake, parquet
from streamproc.warehouse.sinks.lake_disk import Disk
from streamproc.warehouse.sinks.parquet import open_lake

OPERATIONS = frozenset(
    {"make_folder", "write", "link", "replace", "remove", "remove_tree", "sync", "lock", "unlock"}
)
WINDOW = 168
FAULT_POINTS = 50  # of each batch, at least
TABLES = ("tracks", "paid", "refunded", "identifies", "users", "discards")

# Everything a load can do: new tables and columns, duplicates, events that move, people deleted,
# users told of too late, a column widened.
BATCHES: Sequence[dict[str, Any]] = (
    {
        "events": [
            Event("a", fields={"total": 1}, user_id="u", discards=["x"]),
            Event("b", fields={"total": 2}, received_at=NOW + 24 * HOUR),
            identify("c", "u", NOW + 2, plan="gold"),
        ]
    },
    {
        "events": [
            Event("a", fields={"total": 9}),
            Event("b", table="refunded", correction=True, fields={"why": "broken"}),
            identify("d", "u", NOW + 1, plan="old", city="Oslo"),
            identify("e", "v", NOW + 1, plan="old"),
        ]
    },
    {"events": [Event("f", fields={"total": "three"})], "deletions": [deletion("v")]},
    {"events": [Event("g", user_id="v"), Event("f"), identify("e", "v")]},
)


class KilledError(BaseException):
    """The process is gone."""


class Mortal(Disk):
    """A disk whose process dies when it comes to one of its operations."""

    def __init__(self, root: Path, fatal: int = -1) -> None:
        super().__init__(root)
        self.count = 0
        self._fatal = fatal
        self._locks: list[int] = []

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        return self._mortal(found) if name in OPERATIONS else found

    def _mortal(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            if self.count == self._fatal:
                raise KilledError
            self.count += 1
            made = operation(*given)
            if operation.__name__ == "lock" and made is not None:
                self._locks.append(made)
            if operation.__name__ == "unlock":
                self._locks.remove(*given)
            return made

        return run

    def die(self) -> None:
        """Let go of what the system lets go of when a process ends."""
        for lock in self._locks:
            super().unlock(lock)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake, "COMMITS_A_SNAPSHOT", 3)
    monkeypatch.setattr(parquet, "FILES_A_TIER", 2)
    monkeypatch.setattr("os.fsync", lambda _: None)  # no test cuts the power


def work(disk: Disk, number: int) -> None:
    """Load a batch if it is not loaded yet: like a loader, which asks the warehouse where it is."""
    sink = open_lake(disk, WINDOW)
    if sink.offsets().get(Place(TOPIC, 0), START).offset == number:
        load(sink, moved={0: (number, number + 1)}, **BATCHES[number])
    sink.close()


def seen(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return what readers see of each table, but for when it was loaded."""
    found = {}
    for table in TABLES:
        if list(root.glob(f"table={table}/**/*.parquet")):
            query = "SELECT * EXCLUDE (uuid_ts) FROM read_parquet(?, union_by_name = true)"
            files = f"{root}/table={table}/**/*.parquet"
            found[table] = duckdb.execute(f"{query} ORDER BY ALL", [files]).fetchall()
    return found


def rows_twice(root: Path) -> list[tuple[Any, ...]]:
    tables = seen(root).items()
    return [(table, row) for table, rows in tables for row in rows if rows.count(row) > 1]


def counted(root: Path) -> dict[str, int]:
    sink = open_lake(Disk(root), WINDOW)
    counts = dict(sink.counts())
    sink.close()
    return counts


@pytest.mark.parametrize("number", range(len(BATCHES)))
def test_a_process_that_dies_at_any_operation_loses_and_doubles_nothing(
    tmp_path: Path, number: int
) -> None:
    (before := tmp_path / "before").mkdir()
    for earlier in range(number):
        work(Disk(before), earlier)
    shutil.copytree(before, whole := tmp_path / "whole")
    work(disk := Mortal(whole), number)
    expected, counts = seen(whole), counted(whole)
    for fatal in range(disk.count):
        shutil.copytree(before, root := tmp_path / str(fatal))
        dying = Mortal(root, fatal)
        with pytest.raises(KilledError):
            work(dying, number)
        dying.die()
        assert rows_twice(root) == [], f"at operation {fatal}"
        work(Disk(root), number)
        assert seen(root) == expected, f"at operation {fatal}"
        assert counted(root) == counts, f"at operation {fatal}"
        left = [*root.glob("_streamproc/staging/*"), *root.glob("_streamproc/locks/*")]
        assert left == [], f"at operation {fatal}"
    assert disk.count > FAULT_POINTS


def test_a_disk_that_fails_for_a_moment_is_told_and_the_batch_is_in_or_not(tmp_path: Path) -> None:
    class Failing(Disk):
        ill = ""

        def sync(self, name: str) -> None:
            if self.ill and self.ill in name:
                raise OSError(28, "No space left on device", self.path(name))
            super().sync(name)

    sink = open_lake(disk := Failing(tmp_path), WINDOW)
    for number, ill in enumerate(["staging", "commits", "table=tracks"]):
        load(sink, [Event(f"fine-{number}")])
        disk.ill = ill
        with pytest.raises(RetryableError, match="No space left") as error:
            load(sink, [Event(f"ill-{number}")], moved={number: (0, 1)})
        assert "tracks" not in str(error.value)
        disk.ill = ""
        if Place(TOPIC, number) not in sink.offsets():
            load(sink, [Event(f"ill-{number}")], moved={number: (0, 1)})
    sink.close()
    assert len(seen(tmp_path)["tracks"]) == 6
