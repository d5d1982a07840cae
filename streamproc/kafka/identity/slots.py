"""Which folder a process keeps its identity state in, and whether what is in it can be used.

Every process has a folder of its own, a numbered slot: what several workers of one machine know is
the same, but RocksDB has one writer. A process that starts takes the first slot that nobody holds,
and with it what its last holder had read. A slot is held by a lock on a file beside it (``flock``):
the kernel gives it back when its holder ends, however it ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from streamproc.errors import ConfigError, Problem, RetryableError
from streamproc.events import Micros
from streamproc.kafka.identity.rocks import RocksStore

__all__ = ["READ_TO_END", "Slot", "Source", "take_slot"]

log = structlog.get_logger()

FORMAT: Final = 1
"""Of the entries; another one's are not read."""
SLOTS: Final = 1_000
STAMP: Final = b"\x00stamp"
READ_TO_END: Final = b"\x00read_to_end"
"""When the topics were last read to their ends: microseconds since the epoch, in digits."""
FORGOTTEN_HOURS: Final = 20
"""Kafka forgets after a day (``delete.retention.ms``) that a key was deleted: a state that has not
been read on for so long could miss it, and keep for ever what was to be erased."""
HOUR: Final = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """What a state is made of: one made of anything else is of no use.

    Attributes:
        cluster: Id of the Kafka cluster.
        topics: Names of the topics, and their ids where the brokers give them any.
        configuration: Fingerprint of what decides how they are understood.
    """

    cluster: str
    topics: Mapping[str, str | None]
    configuration: str

    @property
    def folder(self) -> str:
        """The name of the folder for states of these topics of this cluster."""
        named = json.dumps([self.cluster, *sorted(self.topics)])
        return hashlib.sha256(named.encode()).hexdigest()[:16]

    @property
    def stamp(self) -> bytes:
        """What a state that can be used says of itself."""
        told = [FORMAT, self.cluster, sorted(self.topics.items()), self.configuration]
        return json.dumps(told).encode()


class Slot:
    """A folder that is this process's until it is closed, and the store in it."""

    def __init__(self, folder: Path, lock: int, store: RocksStore) -> None:
        """Keep what :func:`take_slot` has taken."""
        self.folder = folder
        self.store = store
        self._lock = lock

    def close(self) -> None:
        """Commit, and let others have it."""
        self.store.close()
        os.close(self._lock)


def take_slot(directory: Path, source: Source, memory_bytes: int, now: Micros) -> Slot:
    """Return a slot in ``directory`` whose state is of ``source``, or empty.

    Args:
        directory: Is made where it is missing.
        source: What the state has to be made of.
        memory_bytes: As :class:`RocksStore` has it.
        now: Microseconds since the epoch.

    Raises:
        ConfigError: The folder cannot be made or written to.
        RetryableError: The disk fails.
    """
    parent = directory / source.folder
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, lock = _first_free(parent)
    except OSError as error:
        told = f"cannot be written to: {error.strerror}"
        raise ConfigError(Problem("settings", "identity.directory", told)) from None
    folder = parent / str(number)
    try:
        return Slot(folder, lock, _usable(folder, source, memory_bytes, now))
    except BaseException:
        os.close(lock)
        raise


def _first_free(parent: Path) -> tuple[int, int]:
    for number in range(SLOTS):
        lock = os.open(parent / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return number, lock
    raise RetryableError("no slot for identity state is free")


def _usable(folder: Path, source: Source, memory_bytes: int, now: Micros) -> RocksStore:
    if folder.exists():
        store = _kept(folder, source, memory_bytes, now)
        if store is not None:
            return store
        shutil.rmtree(folder)
    store = RocksStore(folder, memory_bytes)
    store.put(STAMP, source.stamp)
    store.put(READ_TO_END, str(now).encode())
    store.commit()
    return store


def _kept(folder: Path, source: Source, memory_bytes: int, now: Micros) -> RocksStore | None:
    try:
        store = RocksStore(folder, memory_bytes)
    except RetryableError as error:
        log.warning("identity state is read anew", folder=str(folder), cause=str(error))
        return None
    try:
        cause = _why_useless(store, source, now)
    except RetryableError as error:
        cause = str(error)
    if cause is None:
        return store
    log.warning("identity state is read anew", folder=str(folder), cause=cause)
    store.close()
    return None


def _why_useless(store: RocksStore, source: Source, now: Micros) -> str | None:
    if store.get(STAMP) != source.stamp:
        return "topics or configuration are others"
    read = int(store.get(READ_TO_END) or 0)
    return "it is too old" if now - read > FORGOTTEN_HOURS * HOUR else None
