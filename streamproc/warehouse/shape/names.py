"""Names of tables and columns for whatever an event calls things.

The rules are RudderStack's, in the version its code has now (numbers stay with their word), so that
models written for its tables find ours:
https://github.com/rudderlabs/rudder-server, ``processor/…/embedded/warehouse/safe.go``, and
https://www.rudderstack.com/docs/destinations/warehouse-destinations/warehouse-schema/.

- Words are split at everything but ASCII letters and digits, and where case changes; they are
  written in lower case with ``_`` between: ``CamelCase123Key``, ``camel_case123_key``.
- ``_`` at the start stays, and comes before a digit, a reserved word, and the name of a table or
  column that is taken already. ``identity_`` is taken as a beginning: for attributes
  (:meth:`Naming.attribute`).

Where RudderStack cuts, drops or overwrites, a hash of the whole keeps things apart:

- a name longer than 127 characters, or than the warehouse's limit;
- a name with letters of other scripts than the Latin one, or with no letter or digit at all;
- of several keys of one event that come out the same, all but one (:func:`distinct`).

Whatever comes in, what comes out matches ``[a-z0-9_]+``: no name can end an identifier in SQL or
climb out of a folder.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final, TypeAlias

from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.mappings import MAPPINGS
from streamproc.warehouse.standard import (
    ATTRIBUTES,
    BASE,
    EVERY,
    LOADED,
    OVERFLOW,
    ROW,
    SYSTEM,
    TABLES,
    TRACK,
    USERS,
)

__all__ = ["ColumnPath", "Naming", "distinct"]

ColumnPath: TypeAlias = tuple[str, ...]
"""Keys from an event's root to a leaf, without a leading ``properties`` or ``traits``."""

LENGTH: Final = 127
"""Longest name in RudderStack's schema, in characters (of one byte each)."""

WORDS: Final = re.compile(
    r"[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]+|[0-9]+[A-Z]?[a-z]+|[0-9]+[A-Z]+|[A-Z]+(?![a-z])|[0-9]+"
)
"""RudderStack's ``reUnicodeWordsWithNumbers``, as far as ASCII goes: its other branches match what
these do, or what has been taken out before."""

OWN_TABLES: Final = frozenset({*TABLES.values(), USERS, MAPPINGS, *SYSTEM, "accounts"})
OWN_TABLE_PREFIXES: Final = ("streamproc_", "rudder_")
OWN_COLUMNS: Final = frozenset({*EVERY, *TRACK, *BASE, LOADED, OVERFLOW, ROW})
PLAIN_ATTRIBUTE: Final = re.compile(r"[a-z0-9_]+")

DIGEST_BYTES: Final = 6
"""Of a hash in a name: with 100,000 of them in one table, the odds are 1 in 50,000 that any two are
the same; within one event :func:`distinct` sees to it."""

CACHED: Final = 16_384
CACHED_LENGTH: Final = 256
"""Names kept, and the longest of them: hostile names take a few megabytes and no more."""


class Naming:
    """The names of one warehouse; as pure as its dialect, and quick for names it has seen."""

    def __init__(self, dialect: Dialect) -> None:
        """Follow ``dialect``'s limit and reserved words."""
        self._length = min(LENGTH, dialect.name_length)
        self._reserved = dialect.reserved
        self._cached_table = lru_cache(CACHED)(self._table)
        self._cached_column = lru_cache(CACHED)(self._column)

    def table(self, event: str) -> str:
        """Return the table of the tracked events called ``event``, be it empty.

        Never one of streamproc's or RudderStack's own. Names that differ in no more than signs
        and case share a table; ``event_text`` tells them apart there.
        """
        known = len(event) <= CACHED_LENGTH
        return self._cached_table(event) if known else self._table(event)

    def column(self, path: ColumnPath) -> str:
        """Return the column of the value at ``path``, as far as ``path`` alone decides.

        Never one of streamproc's own; the standard fields of an event are not asked for here.
        """
        known = sum(map(len, path)) <= CACHED_LENGTH
        return self._cached_column(path) if known else self._column(path)

    def attribute(self, name: str) -> str:
        """Return the column of an attribute of the identity: no two have the same.

        It is ``identity_`` and the name as it stands. Names that the identity configuration refuses
        have a hash at the end: what is no column's name, or would be that of a standard column.
        """
        column = ATTRIBUTES + name
        if column in OWN_COLUMNS or PLAIN_ATTRIBUTE.fullmatch(name) is None:
            column = f"{_snake(column, column)}_{_digest(name)}"
        return _cut(column, self._length)

    def columns(
        self, paths: Iterable[ColumnPath], taken: Collection[str] = ()
    ) -> dict[ColumnPath, str]:
        """Return the columns of the values at ``paths`` in one event: no two the same, none taken.

        Does not depend on the order of ``paths``; the result has their order.
        """
        names = {path: self.column(path) for path in paths}
        used = set(names.values())
        if len(used) == len(names) and used.isdisjoint(taken):
            return names
        return distinct(names, self._length, taken)

    def _table(self, event: str) -> str:
        name = _snake(event, event)
        while name in OWN_TABLES or name in self._reserved or name.startswith(OWN_TABLE_PREFIXES):
            name = "_" + name
        return _cut(name, self._length)

    def _column(self, path: ColumnPath) -> str:
        name = _snake("_".join(path), path)
        while name in OWN_COLUMNS or name in self._reserved or name.startswith(ATTRIBUTES):
            name = "_" + name
        return _cut(name, self._length)


def distinct(
    names: Mapping[ColumnPath, str], length: int, taken: Collection[str] = ()
) -> dict[ColumnPath, str]:
    """Return ``names`` with a hash at the end of those that an other path has, or that are taken.

    Pure, for one event at a time; the order of ``names`` decides nothing. Of paths with one name it
    stays with the one of the event's context, as in RudderStack; else with the key that is written
    like the column; else with the smallest.
    """
    used = set(taken)
    found: dict[ColumnPath, str] = {}
    for path in sorted(names, key=lambda path: _rank(path, names[path])):
        name = names[path]
        if name in used:
            name = next(name for name in _marked(names[path], path, length) if name not in used)
        used.add(name)
        found[path] = name
    return {path: found[path] for path in names}


def _rank(path: ColumnPath, name: str) -> tuple[bool, bool, int, ColumnPath]:
    in_context = len(path) > 1 and path[0] == "context"
    return not in_context, "_".join(path) != name, len(path), path


def _marked(name: str, path: ColumnPath, length: int) -> Iterable[str]:
    digest = _digest(path)
    while True:
        yield _with_digest(name, digest, length)
        digest = _digest(digest)


def _snake(name: str, whole: str | ColumnPath) -> str:
    words = WORDS.findall(name)
    underscores = len(name) - len(name.lstrip("_"))
    snake = "_" * underscores + "_".join(words).lower() if words else "unnamed"
    if snake[0].isdigit():
        snake = "_" + snake
    foreign = not words or (not name.isascii() and any(map(_is_foreign, name)))
    return f"{snake}_{_digest(whole)}" if foreign else snake


def _is_foreign(character: str) -> bool:
    # Latin letters with accents are lost as RudderStack loses them: its models count on `c_z`.
    return (
        not character.isascii()
        and character.isalnum()
        and not unicodedata.name(character, "").startswith("LATIN")
    )


def _cut(name: str, length: int) -> str:
    return name if len(name) <= length else _with_digest(name, _digest(name), length)


def _with_digest(name: str, digest: str, length: int) -> str:
    return f"{name[: length - len(digest) - 1]}_{digest}"


def _digest(whole: str | ColumnPath) -> str:
    text = whole if isinstance(whole, str) else "\0".join(whole)
    return blake2b(text.encode(errors="surrogatepass"), digest_size=DIGEST_BYTES).hexdigest()
