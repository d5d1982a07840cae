"""Reads log files as they grow, whatever rotates them."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import structlog

__all__ = ["Grown", "Tails"]

log = structlog.get_logger()

MOST_BYTES: Final = 32 * 1_024 * 1_024
"""Of one file in one turn; what is more waits for the next."""
OVERLAP_BYTES: Final = 1_024
"""Longer than any form of a value, so that none is cut in two between turns."""


class Grown(NamedTuple):
    """What a file has got, with a little of what was before."""

    file: str
    content: bytes


@dataclass(slots=True)
class _Tail:
    device: tuple[int, int]
    offset: int
    before: bytes = b""


class Tails:
    """The files that some patterns name, each from where it ended when this was made."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Find the files; one that comes later is read from its beginning."""
        self._patterns = patterns
        self._tails: dict[str, _Tail] = {}
        self.refused: dict[str, str] = {}
        """Files that cannot be read, and why."""
        for file in self._files():
            found = file.stat()
            self._tails[str(file)] = _Tail((found.st_dev, found.st_ino), found.st_size)

    def grown(self) -> Iterator[Grown]:
        """Yield what each file has got since; at most :data:`MOST_BYTES` of each.

        A file that cannot be read is warned of, once.
        """
        for file in self._files():
            try:
                content = self._read(file)
            except OSError as error:
                cause = error.strerror or type(error).__name__
                if str(file) not in self.refused:
                    log.warning("a log cannot be searched", file=str(file), cause=cause)
                self.refused[str(file)] = cause
            else:
                self.refused.pop(str(file), None)
                if content:
                    yield Grown(str(file), content)

    def _files(self) -> list[Path]:
        # A pattern may begin anywhere, which Path.glob() has no form for.
        names = {name for each in self._patterns for name in glob.glob(each, recursive=True)}  # noqa: PTH207
        return [path for name in sorted(names) if (path := Path(name)).is_file()]

    def _read(self, file: Path) -> bytes:
        with file.open("rb") as source:
            found = file.stat()
            device = (found.st_dev, found.st_ino)
            tail = self._tails.get(str(file))
            if tail is None or tail.device != device or found.st_size < tail.offset:
                tail = self._tails[str(file)] = _Tail(device, 0)
            source.seek(tail.offset)
            content = source.read(MOST_BYTES)
        if not content:
            return b""
        whole = tail.before + content
        tail.offset += len(content)
        tail.before = whole[-OVERLAP_BYTES:]
        return whole
