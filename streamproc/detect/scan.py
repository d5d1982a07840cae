r"""One Vectorscan pass over a text that says which of Presidio's patterns can match it.

Vectorscan's prefilter mode promises to report every text the pattern matches, and some it does
not; Presidio's own regular expression then decides. For that promise to hold for the ``regex``
module's reading of a pattern, two gaps are closed here:

* Their Unicode tables differ. ``\w`` of ``regex`` knows 58,724 code points (combining marks, newer
  scripts) and ``\d`` 230 that Vectorscan's does not. So every code point outside ASCII is replaced,
  for the scan only, by a representative of its class that both know: a letter, a digit, a space or
  a sign. Patterns written in ASCII cannot tell the members of a class apart. Patterns that are not
  are taken for matching always.
* The dotted I, the dotless i, the long s and the Kelvin sign match ASCII letters when case is
  ignored, which Vectorscan does not always know. A text that holds one is taken for matching
  everything.

Each text is scanned by itself, so that ``^``, ``$`` and ``\b`` see its true borders, and each
pattern reports once. That costs 1.3 to 1.8 µs a text (11 characters on average); joining the texts
of a batch into one scan would save 0.9 µs, but weak patterns then report thousands of times, and
matches that cross a border would have to be told apart.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import hyperscan
import regex
import structlog

__all__ = ["Prefilter", "ScanPattern"]

log = structlog.get_logger()

LETTER, DIGIT, SPACE, SIGN = "\u00e9", "\u0660", "\u00a0", "\u00a1"
"""Representatives: é, ARABIC-INDIC DIGIT ZERO, NO-BREAK SPACE, ¡."""

_FLAGS = {
    regex.IGNORECASE: hyperscan.HS_FLAG_CASELESS,
    regex.DOTALL: hyperscan.HS_FLAG_DOTALL,
    regex.MULTILINE: hyperscan.HS_FLAG_MULTILINE,
}
_ALWAYS_ON = (
    hyperscan.HS_FLAG_PREFILTER
    | hyperscan.HS_FLAG_SINGLEMATCH
    | hyperscan.HS_FLAG_UTF8
    | hyperscan.HS_FLAG_UCP
)

# Escapes that mean the same to both and cannot tell non-ASCII code points of a class apart.
_PLAIN_ESCAPE = regex.compile(r"\\(?:[wWdDsSbBAZnrtfv0-9]|x[0-7][0-9a-fA-F]|[^\w])")
_ESCAPE = regex.compile(r"\\(?:x[0-9a-fA-F]{2}|.)", regex.DOTALL)
_SYNTAX_OF_ITS_OWN = regex.compile(r"\(\?[^:=!<>P()]|\(\?P[^<]|\[\[|\[:[^\]]*:\]")
"""Inline flags, comments, recursion, POSIX classes, nested sets."""
_MOST_TOGETHER = 64
"""Patterns in a database. All 173 that Presidio ships take 57 s in one, 25 s by 64; one more to
scan costs 0.1 µs a text in which nothing matches."""

_CASE_IGNORED = "(?i)"
"""At its start, a pattern's own way to say IGNORECASE: Presidio's URL patterns have it."""

_FOLDS_TO_ASCII = regex.compile("[\u0130\u0131\u017f\u212a]")
_CLASSES = (
    (regex.compile(r"\d"), DIGIT),
    (regex.compile(r"\w"), LETTER),
    (regex.compile(r"\s"), SPACE),
)


class ScanPattern(NamedTuple):
    """A pattern to scan for: its text and its ``regex`` flags."""

    regex: str
    flags: int


class _Compiled(NamedTuple):
    """A Vectorscan database, None without patterns, and the patterns it could not take."""

    database: Any
    refused: frozenset[int]


class _Representatives(dict[int, int]):
    """A translation table to class representatives, filled as code points are met.

    It can hold one entry for each code point of Unicode at most, 1.1 million.
    """

    def __missing__(self, code: int) -> int:
        character = chr(code)
        if code < 128:  # both engines agree on ASCII
            found = code
        else:
            kinds = (sample for pattern, sample in _CLASSES if pattern.match(character))
            found = ord(next(kinds, SIGN))
        self[code] = found
        return found


class Prefilter:
    """The compiled patterns; not safe for use by two threads at once."""

    def __init__(
        self, patterns: Sequence[ScanPattern], cache: Path, apart: Collection[int] = ()
    ) -> None:
        """Compile ``patterns``, or take them compiled from ``cache``.

        Compiling Presidio's default English patterns takes 3 to 5 s and gives 5 MB, loading them
        20 ms. The folder holds patterns only, never a text. It is made when it is missing; where
        it cannot be written, patterns are compiled at every start.

        Args:
            patterns: What to scan for; :meth:`candidates` answers with indexes into this sequence.
            cache: Folder of compiled databases.
            apart: Those that are compiled by themselves, by index. The 50 patterns of Presidio's
                that the shipped rules use take 3.4 s, the 93 of their own 0.5, and all of them in
                one database 117: Vectorscan looks for what they have in common.
        """
        self._everything = frozenset(range(len(patterns)))
        said = map(_as_scanned, patterns)
        plain = {i: pattern for i, pattern in enumerate(said) if _is_plain(pattern)}
        groups = [_open(group, cache) for group in _groups(plain, apart)]
        refused = frozenset().union(*(compiled.refused for compiled in groups))
        self._always = (self._everything - plain.keys()) | refused
        self._representatives = _Representatives()
        self._databases = [
            (compiled.database, hyperscan.Scratch(compiled.database))
            for compiled in groups
            if compiled.database
        ]

    def candidates(self, text: str) -> frozenset[int]:
        """Return the indexes of all patterns that can match in ``text``: a superset."""
        if not text.isascii():
            if _FOLDS_TO_ASCII.search(text):
                return self._everything
            text = text.translate(self._representatives)
        found: list[int] = []
        octets = text.encode()
        for database, scratch in self._databases:
            # By position, handler, flags, context, scratch: by name costs 0.3 µs a call.
            database.scan(octets, _note, 0, found, scratch)
        return self._always.union(found) if found else self._always


def _groups(
    patterns: Mapping[int, ScanPattern], apart: Collection[int]
) -> Iterator[Mapping[int, ScanPattern]]:
    """Yield what is compiled together."""
    for is_apart in (False, True):
        together = [index for index in patterns if (index in apart) is is_apart]
        for start in range(0, len(together), _MOST_TOGETHER):
            yield {index: patterns[index] for index in together[start : start + _MOST_TOGETHER]}


def _note(pattern: int, start: int, end: int, flags: int, found: list[int]) -> None:  # noqa: ARG001
    # The signature is Vectorscan's.
    found.append(pattern)


def _as_scanned(pattern: ScanPattern) -> ScanPattern:
    r"""Return ``pattern`` as Vectorscan can take it; it matches in the same texts.

    Flags at its start become its flags. ``\K`` is left out, which changes where a match starts, not
    whether there is one.
    """
    written, flags = pattern
    if written.startswith(_CASE_IGNORED):
        written, flags = written.removeprefix(_CASE_IGNORED), flags | int(regex.IGNORECASE)
    written = _ESCAPE.sub(lambda escape: "" if escape[0] == r"\K" else escape[0], written)
    return ScanPattern(written, flags)


def _is_plain(pattern: ScanPattern) -> bool:
    """Return whether Vectorscan, given representatives, cannot miss what ``pattern`` matches."""
    known_flags = sum(_FLAGS) | regex.UNICODE | regex.VERSION0
    return (
        pattern.regex.isascii()
        and not pattern.flags & ~known_flags
        and not _SYNTAX_OF_ITS_OWN.search(pattern.regex)
        and all(map(_PLAIN_ESCAPE.fullmatch, _ESCAPE.findall(pattern.regex)))
    )


def _open(patterns: Mapping[int, ScanPattern], cache: Path) -> _Compiled:
    """Return ``patterns`` compiled, from the folder ``cache`` if they are there."""
    stated = [version("hyperscan"), *(f"{i} {p.flags} {p.regex}" for i, p in patterns.items())]
    file = cache / f"{hashlib.sha256(repr(stated).encode()).hexdigest()[:32]}.hsdb"
    try:
        return _load(file.read_bytes())
    except FileNotFoundError:
        pass
    except (OSError, ValueError, hyperscan.error):
        # Damaged, or compiled for another kind of processor.
        log.warning("compiled patterns cannot be used, compiling them again", file=str(file))
    compiled = _compile(patterns)
    try:
        _write(file, _dump(compiled))
    except OSError as error:
        log.warning("compiled patterns cannot be kept", file=str(file), reason=error.strerror)
    return compiled


def _compile(patterns: Mapping[int, ScanPattern]) -> _Compiled:
    try:
        return _Compiled(_database(patterns), frozenset())
    except hyperscan.error:
        # Rare: some pattern is refused (it matches the empty text, or is too large). Find which.
        refused = frozenset(i for i, pattern in patterns.items() if not _compiles(i, pattern))
    taken = {i: pattern for i, pattern in patterns.items() if i not in refused}
    return _Compiled(_database(taken), refused)


def _compiles(index: int, pattern: ScanPattern) -> bool:
    try:
        _database({index: pattern})
    except hyperscan.error:
        return False
    return True


def _database(patterns: Mapping[int, ScanPattern]) -> Any:
    if not patterns:
        return None
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[pattern.regex.encode() for pattern in patterns.values()],
        ids=list(patterns),
        flags=[_flags(pattern) for pattern in patterns.values()],
    )
    return database


def _flags(pattern: ScanPattern) -> int:
    return _ALWAYS_ON | sum(theirs for ours, theirs in _FLAGS.items() if pattern.flags & ours)


def _dump(compiled: _Compiled) -> bytes:
    refused = ",".join(map(str, sorted(compiled.refused))).encode()
    database = hyperscan.dumpb(compiled.database) if compiled.database else b""
    content = refused + b"\n" + database
    return hashlib.sha256(content).digest() + content


def _load(content: bytes) -> _Compiled:
    # The digest is against damage: Vectorscan trusts the bytes it is given.
    digest, content = content[:32], content[32:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("damaged")
    refused, _, database = content.partition(b"\n")
    return _Compiled(
        hyperscan.loadb(database, hyperscan.HS_MODE_BLOCK) if database else None,
        frozenset(int(index) for index in refused.split(b",") if index),
    )


def _write(file: Path, content: bytes) -> None:
    """Write ``content`` so that a reader, or a crash, never sees half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".compiled-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
