"""Where rows wait until the warehouse takes them: in memory, past a limit in files.

The files are in a private folder that goes with the process; what a killed process has left is
removed by the next one that starts. Whether a folder is in use tells a lock on a file in it, which
the system lets go of however its process ends.

Files are in Arrow's own format. 5,000 events of the demo in 19 tables, one core, lz4: 150,000
events/s written and 680,000 read, 640 bytes each; as Parquet 50,000, 107,000 and 420 bytes. Parquet
is for those who read it many times: sinks that want it write it once, of a whole batch.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa
import structlog
from pyarrow import feather

from streamproc.errors import ConfigError, Problem
from streamproc.warehouse.schema import Columns
from streamproc.warehouse.shape.arrow import recast

__all__ = ["Spool", "Spooled", "SpooledFrame"]

log = structlog.get_logger()

PREFIX: Final = "streamproc-spool-"
LOCK: Final = "lock"
READ_BYTES: Final = 16 * 1_024 * 1_024
"""About how much a frame hands out at a time."""


@dataclass(slots=True, eq=False)
class Spooled:
    """The tables of one chunk, in memory or each in a file.

    Attributes:
        rows: How many each has.
        size: Bytes that they take, there or there.
    """

    rows: Mapping[str, int]
    size: int
    tables: Mapping[str, pa.Table] = field(default_factory=dict, repr=False)
    files: Mapping[str, Path] = field(default_factory=dict)

    def read(self, table: str) -> pa.Table | None:
        """Return the rows of ``table``; None if the chunk has none."""
        if table in self.tables:
            return self.tables[table]
        if table in self.files:
            return feather.read_table(self.files[table], memory_map=True)
        return None


@dataclass(frozen=True, slots=True)
class SpooledFrame:
    """A :class:`~streamproc.warehouse.sink.Frame`: one table's rows in several chunks."""

    table: str
    columns: Columns
    rows: int
    pieces: Sequence[Spooled] = field(repr=False)

    def read(self) -> Iterator[pa.Table]:
        """Yield the rows, some at a time, their columns as ``columns`` says."""
        waiting: list[pa.Table] = []
        size = 0
        for piece in self.pieces:
            if (found := piece.read(self.table)) is None:
                continue
            waiting.append(recast(found, self.columns))
            size += found.nbytes
            if size >= READ_BYTES:
                yield pa.concat_tables(waiting)
                waiting, size = [], 0
        if waiting:
            yield pa.concat_tables(waiting)


class Spool:
    """Keeps the tables of chunks, within bounds.

    Attributes:
        memory_size: Bytes in memory.
        file_size: Bytes in files.
    """

    def __init__(self, directory: Path | None, memory_bytes: int, file_bytes: int) -> None:
        """Remove what dead processes have left in ``directory``; make a folder there when needed.

        Raises:
            ConfigError: ``directory`` is none.
        """
        if directory is not None and not directory.is_dir():
            raise ConfigError(Problem(str(directory), "", "is no folder to spool in"))
        self._directory = directory or Path(tempfile.gettempdir())
        self._memory_bytes = memory_bytes
        self._file_bytes = file_bytes
        self._folder: Path | None = None
        self._lock: int | None = None
        self._count = 0
        self._refused = False
        self.memory_size = 0
        self.file_size = 0
        _sweep(self._directory)

    @property
    def is_full(self) -> bool:
        """Whether no more should be brought until some was dropped."""
        return self.file_size >= self._file_bytes or self._refused

    def keep(self, tables: Mapping[str, pa.Table]) -> Spooled:
        """Keep the tables of a chunk, in memory while there is room.

        Where the disk takes nothing, they stay in memory and the spool counts as full.
        """
        size = sum(table.nbytes for table in tables.values())
        if self.memory_size and self.memory_size + size > self._memory_bytes:
            try:
                return self._write(tables)
            except OSError as error:
                self._refused = True
                log.error(  # noqa: TRY400 - the traceback says no more
                    "rows cannot be spooled, reading pauses",
                    directory=str(self._directory),
                    reason=error.strerror,
                )
        self.memory_size += size
        return Spooled(_rows(tables), size, tables=tables)

    def drop(self, spooled: Spooled) -> None:
        """Let go of a chunk's tables."""
        self._refused = False
        if spooled.files:
            self.file_size -= spooled.size
        else:
            self.memory_size -= spooled.size
        for file in spooled.files.values():
            file.unlink(missing_ok=True)
        spooled.size, spooled.tables, spooled.files = 0, {}, {}

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
        self._folder = self._lock = None

    def _write(self, tables: Mapping[str, pa.Table]) -> Spooled:
        if self._folder is None:
            self._folder, self._lock = _private_folder(self._directory)
        files: dict[str, Path] = {}
        try:
            for name, table in tables.items():
                self._count += 1
                # Numbered, not named: a table's name may be longer than a file's can be.
                files[name] = self._folder / f"{self._count}.arrow"
                feather.write_feather(table, files[name], compression="lz4")
            size = sum(file.stat().st_size for file in files.values())
        except BaseException:
            for file in files.values():
                file.unlink(missing_ok=True)
            raise
        self.file_size += size
        return Spooled(_rows(tables), size, files=files)


def _rows(tables: Mapping[str, pa.Table]) -> Mapping[str, int]:
    return {name: table.num_rows for name, table in tables.items()}


def _private_folder(directory: Path) -> tuple[Path, int]:
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=directory))  # for its owner alone
    fresh = folder / f"{LOCK}.new"
    lock = os.open(fresh, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    fresh.rename(folder / LOCK)  # a lock that can be found is held
    return folder, lock


def _sweep(directory: Path) -> None:
    for folder in directory.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # of somebody else, in use, or just gone
            _remove_if_dead(folder)


def _remove_if_dead(folder: Path) -> None:
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        return
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
        log.info("rows spooled by a process that is gone were removed", folder=str(folder))
    finally:
        os.close(lock)
