"""The store of people's keys: an SQLite file that the workers of one machine share.

A person is a token, so the file names nobody. A key is 64 random bytes, wrapped with the key ring
(AES-SIV, bound to the person and the key's id): the file alone opens nothing. A deleted key leaves
its person's token behind, so that no new key is made for that person. Copies and backups of the
file keep the keys that were in it: delete those too, or keep none.

An edge: reads and writes its file.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from secrets import token_bytes

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from streamproc.errors import ConfigError, Problem, RetryableError
from streamproc.events import Token
from streamproc.redact import KeyRing, SubjectKey
from streamproc.redact.letters import to_letters

__all__ = ["SubjectKeyFile"]

SECRET_BYTES = 64
"""AES-256 in SIV takes two keys of 32 bytes (RFC 5297)."""
ID_BYTES = 8
REMEMBERED_KEYS = 32_768
"""Keys that are remembered, in memory only; some 300 bytes each."""
BUSY_SECONDS = 10.0
"""How long another process may hold the file. Making a key holds it for milliseconds."""
OWNER_ALONE = 0o600
OTHERS_MAY_USE = 0o077

SCHEMA = """
CREATE TABLE IF NOT EXISTS subject_keys (
    person TEXT PRIMARY KEY,
    id TEXT UNIQUE,
    wrapped BLOB,
    ring_key TEXT
) STRICT
"""
"""A person whose key was deleted has a row of nulls."""

FORGET = """
INSERT INTO subject_keys (person) VALUES (?)
ON CONFLICT (person) DO UPDATE SET id = NULL, wrapped = NULL, ring_key = NULL
"""

Row = tuple[str, str | None, bytes | None, str | None]


class SubjectKeyFile:
    """The keys of people in one file. Safe to share between threads and processes."""

    def __init__(
        self, file: Path, ring: KeyRing, random: Callable[[int], bytes] = token_bytes
    ) -> None:
        """Open the file, made for its owner alone where there is none.

        Raises:
            ConfigError: It cannot be opened, others may use it, or it is something else.
            RetryableError: Another process holds it, for longer than it takes to make a key.
        """
        self._ring = ring
        self._random = random
        self._wraps = {
            version: AESSIV(ring.derive("subjects", version, "sha512")) for version in ring.secrets
        }
        self._lock = threading.Lock()
        self._known: dict[Token, SubjectKey | None] = {}
        self._seen = -1
        self._file = file
        self._database = _opened(file)

    def key_of(self, person: Token) -> SubjectKey | None:
        """Return a person's key, made when first asked for; None where it was deleted.

        Raises:
            RetryableError: The file cannot be read or written now.
            ConfigError: The key was wrapped with a ring that is not this one.
        """
        with self._lock:
            try:
                self._forget_what_changed()
                if person not in self._known:
                    self._known[person] = self._unwrapped(self._row_of(person))
            except sqlite3.Error:
                raise RetryableError("the store of people's keys cannot be used now") from None
            return self._known[person]

    def key_by_id(self, key_id: str) -> SubjectKey | None:
        """Return a key by its id; None where it was deleted or never was.

        Raises:
            RetryableError: The file cannot be read now.
            ConfigError: The key was wrapped with a ring that is not this one.
        """
        with self._lock:
            try:
                row = self._database.execute(
                    "SELECT person, id, wrapped, ring_key FROM subject_keys WHERE id = ?", (key_id,)
                ).fetchone()
            except sqlite3.Error:
                raise RetryableError("the store of people's keys cannot be used now") from None
            return self._unwrapped(row) if row is not None else None

    def forget(self, persons: Iterable[Token]) -> int:
        """Delete the keys of ``persons``, tokens of one person mostly; return how many there were.

        What was encrypted with them can never be read again, and no new key is made for them.

        Raises:
            RetryableError: The file cannot be written now; nothing was deleted.
        """
        rows = [(person,) for person in persons]
        with self._lock:
            self._known.clear()
            try:
                with self._database:
                    self._database.execute("BEGIN IMMEDIATE")
                    before = self._count()
                    self._database.executemany(FORGET, rows)
                    return before - self._count()
            except sqlite3.Error:
                raise RetryableError("the store of people's keys cannot be used now") from None

    def forget_if_there(self, persons: Collection[Token]) -> int:
        """Do as :meth:`forget` where any of ``persons`` has a key; costs little where none has.

        Raises:
            RetryableError: The file cannot be read or written now.
        """
        return self.forget(persons) if self.count_of(persons) else 0

    def count_of(self, persons: Iterable[Token]) -> int:
        """Return how many of ``persons`` have a key.

        Raises:
            RetryableError: The file cannot be read now.
        """
        select = "SELECT count(id) FROM subject_keys WHERE person = ?"
        with self._lock:
            try:
                counts = [self._database.execute(select, (each,)).fetchone() for each in persons]
            except sqlite3.Error:
                raise RetryableError("the store of people's keys cannot be used now") from None
        return sum(count for (count,) in counts)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _forget_what_changed(self) -> None:
        # Two microseconds a key: a key that another process deleted is not used once more.
        (seen,) = self._database.execute("PRAGMA data_version").fetchone()
        if seen != self._seen or len(self._known) >= REMEMBERED_KEYS:
            self._known.clear()
            self._seen = seen

    def _row_of(self, person: Token) -> Row:
        select = "SELECT person, id, wrapped, ring_key FROM subject_keys WHERE person = ?"
        row: Row | None = self._database.execute(select, (person,)).fetchone()
        if row is not None:
            return row
        key = SubjectKey(to_letters(self._random(ID_BYTES)), self._random(SECRET_BYTES))
        version = self._ring.active
        wrapped = self._wraps[version].encrypt(key.secret, _bound_to(person, key.id))
        self._database.execute(
            "INSERT INTO subject_keys VALUES (?, ?, ?, ?) ON CONFLICT (person) DO NOTHING",
            (person, key.id, wrapped, version),
        )
        made: Row = self._database.execute(select, (person,)).fetchone()
        return made  # another process may have been quicker: its key, then

    def _unwrapped(self, row: Row) -> SubjectKey | None:
        person, key_id, wrapped, version = row
        if key_id is None or wrapped is None or version is None:
            return None
        try:
            secret = self._wraps[version].decrypt(wrapped, _bound_to(person, key_id))
        except (KeyError, InvalidTag):
            message = "has keys that the key ring does not open"
            raise ConfigError(Problem(str(self._file), "", message)) from None
        return SubjectKey(key_id, secret)

    def _count(self) -> int:
        select = "SELECT count(id) FROM subject_keys"
        count: int = self._database.execute(select).fetchone()[0]
        return count


def _opened(file: Path) -> sqlite3.Connection:
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, OWNER_ALONE))
        if file.stat().st_mode & OTHERS_MAY_USE:
            raise ConfigError(Problem(str(file), "", "others may read it; run chmod 600 on it"))
        database = sqlite3.connect(
            file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        # A deleted key's bytes are written over, not just given back.
        database.execute("PRAGMA secure_delete = ON")
        database.execute(SCHEMA)
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be opened: {error.strerror}")) from None
    except sqlite3.Error as error:
        if error.sqlite_errorcode in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise RetryableError("another process holds the store of people's keys") from None
        raise ConfigError(Problem(str(file), "", "is no store of people's keys")) from None
    return database


def _bound_to(person: str, key_id: str) -> list[bytes]:
    return [person.encode(), key_id.encode()]
