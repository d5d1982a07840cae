"""How a column of Snowflake gets a wider type, whoever dies or comes late while it does.

Snowflake cannot change ``NUMBER`` to ``VARCHAR``, and each of its DDL statements is a transaction
of its own: several steps are needed, any loader can die between two of them, and others may be at
the same column. So nobody remembers how far a widening is. Whoever wants the column reads which
columns the table has *now*, and does the one step that follows from it (:func:`next_step`), until
there is none. Two loaders at it at once do each other's steps.

While ``c`` becomes wider there are columns beside it, whose names no event can make (they have a
space in them): ``c wide 1f0c9a7e``, empty, of the new type; and ``c was 83b1d2c4``, with the values
so far. The way is

1. add ``c wide …``;
2. rename ``c`` to ``c was …``: from now on no loader can write ``c``, and comes here too;
3. copy the values, as canonical text or number, in a transaction that first takes the lock of all
   loads: those who wrote ``c`` before are done by then;
4. rename ``c wide …`` to ``c``;
5. copy once more what ``c`` lacks, and drop ``c was …``.

A loader may be slow as well: it decides on a step, sleeps, and carries it out when the others are
long done and have begun to widen again. No such step loses a value:

- Names are made anew for every step that makes one and every statement is sent once, so a name
  stands for one column's values for good: whoever drops ``c was …`` late finds what it meant, or
  nothing.
- A column is only dropped when ``c`` has been seen to hold all of its values; one that is ``wide``
  never has a value that is not elsewhere.
- Renaming ``c`` away, however late, loses nothing: its values are in a ``was`` then, and go back
  to ``c`` by the same steps.

``tests/property/test_snowflake_widening.py`` has loaders step, sleep and die in any order.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Final, TypeAlias

from streamproc.warehouse.kinds import Kind, join
from streamproc.warehouse.schema import Columns

__all__ = ["Add", "Copy", "Drop", "Rename", "Step", "after", "fits", "next_step", "settled"]

BESIDE: Final = re.compile(r"(.+) (wide|was) [0-9a-f]{8}", re.DOTALL)
"""Columns beside those that are becoming wider."""


@dataclass(frozen=True, slots=True)
class Add:
    """Add a column."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a column another name."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Copy:
    """Fill what is NULL in ``target`` from ``sources``, and then, if ``drop``, drop the sources."""

    target: str
    kind: Kind
    sources: Columns
    drop: bool


@dataclass(frozen=True, slots=True)
class Drop:
    """Drop a column that has no value of its own."""

    name: str


Step: TypeAlias = Add | Rename | Copy | Drop


def settled(columns: Columns) -> Columns:
    """Return the columns of a table that can be written: without those on their way, in order.

    A column counts as missing until all of its values are back in it.
    """
    beside = [match for name in columns if (match := BESIDE.fullmatch(name))]
    away = {match[1] for match in beside if match[2] == "was"}
    hidden = away | {match[0] for match in beside}
    return {name: kind for name, kind in columns.items() if name not in hidden}


def next_step(
    columns: Columns, column: str, needed: Kind, fresh: str, filled: Collection[str] = ()
) -> Step | None:
    """Return what to do next so that ``column`` holds values of ``needed``; None if it does.

    Args:
        columns: All columns of the table, as they are now.
        column: Which is to be wide enough.
        needed: The kind it has to hold.
        fresh: Eight hexadecimal digits that were never given here before.
        filled: Columns that the caller has copied to.
    """
    was = _beside(columns, column, "was")
    wide = _beside(columns, column, "wide")
    now = columns.get(column)
    kinds = [kind for kind in (now, *was.values()) if kind is not None]
    wanted = reduce(join, kinds, needed)
    if not kinds:
        return Add(column, needed)
    if now is wanted:
        return _last_step(column, wanted, was, wide)
    suited = sorted(name for name, kind in wide.items() if kind is wanted)
    if not suited:
        return Add(f"{column} wide {fresh}", wanted)
    if now is not None:
        return Rename(column, f"{column} was {fresh}")
    ready = suited[0] in filled
    return Rename(suited[0], column) if ready else Copy(suited[0], wanted, was, drop=False)


def fits(columns: Columns, step: Copy) -> bool:
    """Return whether the columns that ``step`` is about are still what they were."""
    expected = {**step.sources, step.target: step.kind}
    return all(columns.get(name) is kind for name, kind in expected.items())


def _last_step(column: str, kind: Kind, was: Columns, wide: Columns) -> Step | None:
    if was:
        return Copy(column, kind, was, drop=True)
    return Drop(next(iter(wide))) if wide else None


def after(columns: Columns, step: Step) -> Columns:
    """Return the columns that a table has once ``step`` is done."""
    match step:
        case Add(name, kind):
            return {**columns, name: kind}
        case Rename(before, now):
            return {now if name == before else name: kind for name, kind in columns.items()}
        case Copy(sources=sources, drop=drop):
            gone = set(sources) if drop else set()
        case Drop(name):
            gone = {name}
    return {name: kind for name, kind in columns.items() if name not in gone}


def _beside(columns: Columns, column: str, which: str) -> Mapping[str, Kind]:
    return {
        name: kind
        for name, kind in columns.items()
        if (match := BESIDE.fullmatch(name)) and match[1] == column and match[2] == which
    }
