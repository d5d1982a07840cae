"""The audit log: who was shown what was encrypted, or had a person forgotten, when and why.

JSON lines, only ever added to. Each has the SHA-256 of the line before it (of its bytes, without
the line's end), the first one 64 zeros, so that a line that is changed, taken out or put in breaks
the chain there. What a chain cannot show is that its last lines are gone: note the last line's hash
elsewhere from time to time, and have it compared.

An edge: reads and writes its file.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pwd
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple

from streamproc.errors import ConfigError, Problem

__all__ = ["FIRST", "Chain", "append", "entry", "fingerprint_of", "verify"]

FIRST = "0" * 64
"""What stands for the hash of the line before the first."""

OWNER_ALONE = 0o600
TAIL_BYTES = 65_536
"""Longer than any line: reasons are bounded, all else is short."""
FINGERPRINT_DIGITS = 32


class Chain(NamedTuple):
    """What was found in an audit log.

    Attributes:
        lines: How many lines hold together, from the first.
        last: Hash of the last of them; :data:`FIRST` when there is none.
        broken: What is wrong with the line after them; None when there is nothing after them.
    """

    lines: int
    last: str
    broken: str | None


def fingerprint_of(ciphertext: str) -> str:
    """Return what names a ciphertext in the log: 32 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(ciphertext.encode()).hexdigest()[:FINGERPRINT_DIGITS]


def entry(action: str, when: datetime, **details: str) -> dict[str, str]:
    """Return what is to be written of an action: when, what, and which user of the system did it.

    The user is the one the process runs as; variables, which anyone can set, are not asked.
    """
    return {
        "time": when.isoformat(timespec="milliseconds"),
        "action": action,
        "who": _name_of_user(os.getuid()),
        **details,
    }


def _name_of_user(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:  # containers run under ids that no user has
        return str(user)


def append(file: Path, entries: Sequence[Mapping[str, str]]) -> None:
    """Add ``entries``, in order; when this returns they are on disk.

    One process at a time; others wait. The file is made for its owner alone where there is none.

    Raises:
        ConfigError: It cannot be written, or ends within a line.
    """
    try:
        with _locked(file) as opened:
            previous = _hash_of_last_line(opened, file)
            lines = []
            for entry in entries:
                line = json.dumps({**entry, "previous": previous}).encode()
                previous = hashlib.sha256(line).hexdigest()
                lines.append(line + b"\n")
            opened.write(b"".join(lines))
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be written: {error.strerror}")) from None


def verify(file: Path, noted: str | None = None) -> Chain:
    """Return how far the log holds together; ``noted`` is the hash of a line that it must have.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return _chain(opened, noted)
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be read: {error.strerror}")) from None


def _chain(written: Iterable[bytes], noted: str | None) -> Chain:
    count = 0
    last = FIRST
    found = noted in {None, FIRST}
    for line in written:
        if (broken := _broken(line, last)) is not None:
            return Chain(count, last, broken)
        last = hashlib.sha256(line.removesuffix(b"\n")).hexdigest()
        count += 1
        found = found or last == noted
    return Chain(count, last, None if found else "is missing: the line that was noted is not there")


def _broken(line: bytes, previous: str) -> str | None:
    if not line.endswith(b"\n"):
        return "is not whole"
    try:
        said = json.loads(line)
    except ValueError:
        return "is not JSON"
    if not isinstance(said, dict) or said.get("previous") != previous:
        return "does not follow on the line before it"
    return None


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[IO[bytes]]:
    is_new = not file.exists()
    place = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, OWNER_ALONE)
    with os.fdopen(place, "rb+") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)  # let go when the file is closed, or the process ends
        if is_new:
            _keep_name_of(file)
        yield opened


def _keep_name_of(file: Path) -> None:
    """Make sure that a new file's name outlives a crash, as what is in it does."""
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _hash_of_last_line(opened: IO[bytes], file: Path) -> str:
    size = opened.seek(0, os.SEEK_END)
    opened.seek(max(0, size - TAIL_BYTES))
    tail = opened.read()
    if not tail:
        return FIRST
    if not tail.endswith(b"\n"):
        raise ConfigError(Problem(str(file), "", "ends within a line; nothing can be added to it"))
    last = tail.removesuffix(b"\n").rpartition(b"\n")[2]
    return hashlib.sha256(last).hexdigest()
