"""Identity state on disk: RocksDB, written batch by batch.

RocksDB because it survives a ``kill -9`` without an ``fsync`` for each commit (its log is the
kernel's by then; after a loss of power the last commits may be gone, but none in part:
https://github.com/facebook/rocksdb/wiki/WAL-Recovery-Modes, point in time), and because what it
keeps in memory is bounded, however much there is on disk.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
)

from streamproc.errors import RetryableError

__all__ = ["DAMAGED", "RocksStore"]

DAMAGED: Final = "DAMAGED"
"""A file of this name says that what is in the folder failed its checksums."""

BLOOM_BITS: Final = 10
"""For each key: one question in a hundred for a key that is not there goes to the disk."""
BLOCK_BYTES: Final = 4_096
LARGEST_WRITE_BUFFER: Final = 32 * 1_024 * 1_024
"""Of two: the log of one is read again at start, in a third of a second."""
OPEN_FILES: Final = 512
INFO_LOG_BYTES: Final = 1_024 * 1_024

ABSENT: Final = b"\x00absent"
"""What is kept of a key that is deleted since the last commit; compared by identity."""


class RocksStore:
    """A :class:`~streamproc.identity.store.Store` in a folder that no other process uses.

    For one thread at a time. All its methods raise RetryableError where the disk fails; where what
    is on it is damaged, the folder says so to whoever opens it next (:data:`DAMAGED`).
    """

    def __init__(self, folder: Path, memory_bytes: int) -> None:
        """Open the state in ``folder``, or begin one there.

        Args:
            folder: Is made where it is missing.
            memory_bytes: Most memory for blocks, indexes, filters and what is not yet written.

        Raises:
            RetryableError: It cannot be opened: damaged, in use, or the disk fails.
        """
        self._folder = folder
        self._written: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []  # of what is written since the last commit, in order
        if (folder / DAMAGED).exists():
            raise RetryableError("the identity state on disk failed its checksums before")
        try:
            self._db = Rdict(str(folder), _options(memory_bytes))
        except Exception as error:  # noqa: BLE001 - all that rocksdict raises is Exception itself
            raise self._failed(error) from None

    def get(self, key: bytes) -> bytes | None:
        """Return the value of ``key``."""
        value = self._written.get(key)
        if value is not None:
            return None if value is ABSENT else value
        try:
            found: bytes | None = self._db.get(key)
        except Exception as error:  # noqa: BLE001 - as above
            raise self._failed(error) from None
        return found

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value of ``key``."""
        if key not in self._written:
            insort(self._keys, key)
        self._written[key] = value

    def delete(self, key: bytes) -> None:
        """Forget ``key``, if it is there."""
        self.put(key, ABSENT)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys that begin with ``prefix``, in their order, and their values.

        What is written meanwhile may or may not be among them.
        """
        at, keys = bisect_left(self._keys, prefix), self._keys
        new = list(_while_prefixed(keys, at, prefix))
        new.reverse()  # the next one last
        for key, value in self._scan_committed(prefix):
            while new and new[-1] < key:
                yield from self._scan_written(new.pop())
            if new and new[-1] == key:
                yield from self._scan_written(new.pop())
            else:
                yield key, value
        while new:
            yield from self._scan_written(new.pop())

    @property
    def uncommitted(self) -> int:
        """How many keys a commit would write."""
        return len(self._written)

    def commit(self) -> None:
        """Make all that was put since the last commit last, as one: wholly or not at all."""
        if not self._written:
            return
        batch = WriteBatch(raw_mode=True)
        for key, value in self._written.items():
            if value is ABSENT:
                batch.delete(key)
            else:
                batch.put(key, value)
        try:
            self._db.write(batch)
        except Exception as error:  # noqa: BLE001 - as above
            raise self._failed(error) from None
        self._written = {}
        self._keys = []

    def close(self) -> None:
        """Commit, and give the folder back. Nothing may be asked of it afterwards."""
        self.commit()
        with suppress(Exception):  # what is not flushed is in its log
            self._db.flush()
        self._db.close()

    def _scan_committed(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        options = ReadOptions()
        if (end := _after(prefix)) is not None:
            options.set_iterate_upper_bound(end)
        try:
            # Not `items()`: it ends without a word at a block that fails its checksum.
            found = self._db.iter(options)
            found.seek(prefix)
            while found.valid():
                yield found.key(), found.value()
                found.next()
            found.status()
        except Exception as error:  # noqa: BLE001 - as above
            raise self._failed(error) from None

    def _scan_written(self, key: bytes) -> Iterator[tuple[bytes, bytes]]:
        value = self.get(key)
        if value is not None:
            yield key, value

    def _failed(self, error: Exception) -> RetryableError:
        kind = str(error).partition(":")[0]  # RocksDB's status; what follows may quote a key
        if kind == "Corruption":
            with suppress(OSError):
                (self._folder / DAMAGED).touch()
        return RetryableError(f"the identity state on disk failed ({kind})")


def _while_prefixed(keys: list[bytes], at: int, prefix: bytes) -> Iterator[bytes]:
    while at < len(keys) and keys[at].startswith(prefix):
        yield keys[at]
        at += 1


def _after(prefix: bytes) -> bytes | None:
    """Return the first key behind all that begin with ``prefix``; None where there is none."""
    cut = prefix.rstrip(b"\xff")
    return cut[:-1] + bytes([cut[-1] + 1]) if cut else None


def _options(memory_bytes: int) -> Options:
    cache = Cache(memory_bytes)
    blocks = BlockBasedOptions()
    blocks.set_block_cache(cache)
    blocks.set_block_size(BLOCK_BYTES)
    blocks.set_bloom_filter(BLOOM_BITS, block_based=False)
    blocks.set_format_version(5)  # filters that are faster and smaller, since RocksDB 6.6
    # Else indexes and filters of every file are in memory, beside the cache and without bound.
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(True)
    buffer_bytes = min(LARGEST_WRITE_BUFFER, memory_bytes // 8)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(blocks)
    options.set_write_buffer_size(buffer_bytes)
    options.set_max_write_buffer_number(2)
    # Write buffers are counted in the cache, so that its size is the bound of both.
    options.set_write_buffer_manager(
        WriteBufferManager.new_write_buffer_manager_with_cache(
            2 * buffer_bytes, allow_stall=False, cache=cache
        )
    )
    options.set_max_total_wal_size(2 * buffer_bytes)
    options.set_wal_recovery_mode(DBRecoveryMode.point_in_time())
    options.set_compression_type(DBCompressionType.lz4())
    options.set_max_open_files(OPEN_FILES)
    _quieten(options)
    return options


def _quieten(options: Any) -> None:
    options.set_max_background_jobs(2)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(INFO_LOG_BYTES)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
