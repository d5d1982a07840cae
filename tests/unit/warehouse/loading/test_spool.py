from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import feather
from structlog.testing import capture_logs

from streamproc.errors import ConfigError
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.loading import spool as spool_module
from streamproc.warehouse.loading.spool import Spool, SpooledFrame
from streamproc.warehouse.standard import ROW

ROWS = 1_000


def table(first: int = 0, rows: int = ROWS, **columns: pa.Array) -> pa.Table:
    made = {ROW: pa.array(range(first, first + rows), pa.int64())}
    return pa.table(made | (columns or {"number": pa.array(range(rows), pa.int64())}))


SIZE = table().nbytes


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Spool]:
    """A spool with room for two tables in memory, and for some more on disk."""
    spool = Spool(tmp_path, 2 * SIZE, 3 * SIZE)
    yield spool
    spool.close()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]


def test_tables_stay_in_memory_up_to_the_limit_and_go_to_files_past_it(
    small: Spool, tmp_path: Path
) -> None:
    kept = [small.keep({"tracks": table(n * ROWS)}) for n in range(3)]
    assert small.memory_size == 2 * SIZE
    assert len(files(tmp_path)) == 1
    assert small.file_size == sum(file.stat().st_size for file in files(tmp_path))
    assert [spooled.read("tracks") for spooled in kept] == [table(n * ROWS) for n in range(3)]
    assert kept[2].read("users") is None


def test_what_is_dropped_makes_room(small: Spool, tmp_path: Path) -> None:
    kept = [small.keep({"tracks": table()}) for _ in range(4)]
    for spooled in kept:
        small.drop(spooled)
        small.drop(spooled)  # a second time it is nothing
    assert (small.memory_size, small.file_size) == (0, 0)
    assert files(tmp_path) == []


def test_it_says_when_it_is_full(small: Spool) -> None:
    kept = []
    while not small.is_full:
        kept.append(small.keep({"tracks": table()}))
    assert small.file_size >= 3 * SIZE
    small.drop(kept[-1])
    assert not small.is_full


def test_one_chunk_larger_than_the_memory_is_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10, 1_000_000)
    first, second = spool.keep({"tracks": table()}), spool.keep({"tracks": table()})
    assert (bool(first.files), bool(second.files)) == (False, True)
    spool.close()


def test_files_are_for_their_owner_alone_and_go_with_the_spool(
    small: Spool, tmp_path: Path
) -> None:
    for _ in range(3):
        small.keep({"tracks": table()})
    (folder,) = tmp_path.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    small.close()
    assert list(tmp_path.iterdir()) == []


def test_tables_of_any_name_are_spooled(small: Spool) -> None:
    names = ["x" * 300, "../tracks", "tracks/..", "a" + chr(0x1F600)]
    for _ in range(2):
        small.keep({"tracks": table()})
    spooled = small.keep({name: table() for name in names})
    assert all(spooled.read(name) == table() for name in names)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_process_left_is_removed_and_what_a_living_one_has_stays(
    tmp_path: Path, how: signal.Signals
) -> None:
    program = (
        "import sys, pathlib, pyarrow as pa\n"
        "from streamproc.warehouse.loading.spool import Spool\n"
        "spool = Spool(pathlib.Path(sys.argv[1]), 1, 10**9)\n"
        "for _ in range(2): spool.keep({'tracks': pa.table({'a': [1]})})\n"
        "print('kept', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "kept\n"
        Spool(tmp_path, 1, 1).close()
        assert len(files(tmp_path)) == 1
        process.send_signal(how)
        process.wait()
        Spool(tmp_path, 1, 1).close()
        assert list(tmp_path.iterdir()) == []


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "something-else"
    foreign.mkdir()
    unlocked = tmp_path / "streamproc-spool-being-made"
    unlocked.mkdir()
    link = tmp_path / "streamproc-spool-link"
    link.symlink_to(foreign)
    Spool(tmp_path, 1, 1).close()
    assert sorted(tmp_path.iterdir()) == [foreign, unlocked, link]


def test_a_directory_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no folder to spool in"):
        Spool(tmp_path / "missing", 1, 1)


def test_a_disk_that_takes_nothing_fills_the_spool_until_something_is_dropped(
    small: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(feather, "write_feather", refuse)
    kept = [small.keep({"tracks": table()}) for _ in range(2)]
    with capture_logs() as logs:
        kept.append(small.keep({"tracks": table()}))
    assert [(log["event"], log["reason"]) for log in logs] == [
        ("rows cannot be spooled, reading pauses", "No space left on device")
    ]
    assert small.is_full
    assert files(tmp_path) == []
    assert kept[2].read("tracks") == table()
    small.drop(kept[0])
    assert not small.is_full


def test_a_frame_reads_its_chunks_in_the_kinds_that_the_batch_has(small: Spool) -> None:
    pieces = [
        small.keep({"tracks": table(0, number=pa.array(range(ROWS), pa.int64()))}),
        small.keep({"users": table()}),
        small.keep({"tracks": table(ROWS, price=pa.array([0.5] * ROWS))}),
        small.keep({"tracks": table(2 * ROWS, number=pa.array(["x"] * ROWS))}),
    ]
    columns = {"number": Kind.STRING, "price": Kind.FLOAT}
    frame = SpooledFrame("tracks", columns, 3 * ROWS, pieces)
    for _ in range(2):
        read = pa.concat_tables(frame.read())
        assert read.column_names == [ROW, "number", "price"]
        assert read[ROW].to_pylist() == list(range(3 * ROWS))
        assert read["number"].to_pylist()[:2] == ["0", "1"]
        assert read["number"].to_pylist()[ROWS] is None
        assert read["number"].to_pylist()[-1] == "x"
        assert read["price"].to_pylist()[ROWS] == 0.5


def test_a_frame_hands_out_some_rows_at_a_time(
    small: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "READ_BYTES", 2 * SIZE)
    pieces = [small.keep({"tracks": table(n * ROWS)}) for n in range(5)]
    frame = SpooledFrame("tracks", {"number": Kind.INTEGER}, 5 * ROWS, pieces)
    assert [part.num_rows for part in frame.read()] == [2 * ROWS, 2 * ROWS, ROWS]
