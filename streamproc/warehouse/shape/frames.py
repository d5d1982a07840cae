"""Thousands of events as typed Arrow tables: :mod:`~streamproc.warehouse.shape.tables`, quickly.

Payloads of events that are alike are read into columns together
(:mod:`~streamproc.warehouse.shape.parsing`). Events of which that cannot be said to mean the same
are read in blocks: from each the values are gathered key by key
(:mod:`~streamproc.warehouse.shape.gather`), and what was parsed is let go of. At the end the
events are put in the order of their tables, so that ``tracks`` and the tables of its events are
slices of the same arrays. Events that need a decision of their own about names go one by one
through :func:`~streamproc.warehouse.shape.tables.rows_of`, and into the same columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Final, NamedTuple

import pyarrow as pa

from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.rows import LoadedRow
from streamproc.warehouse.schema import Schema
from streamproc.warehouse.shape.assembly import MESSAGES, Assembly, Limits
from streamproc.warehouse.shape.discards import DISCARDS, Discards, Seal
from streamproc.warehouse.shape.names import Naming
from streamproc.warehouse.shape.packed import Packed
from streamproc.warehouse.shape.parsing import FEWEST, Parsed, Parser
from streamproc.warehouse.shape.reading import Reading

__all__ = ["Alarm", "Bulk", "Framer", "Frames", "Shaping"]

BLOCK: Final = 512
"""Events whose parsed payloads are there at a time. With 5,000 they fall out of the processor's
cache: parsing and gathering take 12 µs an event instead of 6."""


@dataclass(frozen=True, slots=True)
class Shaping:
    """How tables are made.

    Attributes:
        dialect: The warehouse's names and limits.
        depth: Levels of objects that become columns; what is deeper is JSON.
        columns: Most columns of a table; the rest goes into one.
        widen: Whether a known column's kind is widened for values that do not fit it.
        seal: Encrypts a discarded value to somebody's public key; without it, it is gone.
    """

    dialect: Dialect
    depth: int
    columns: int
    widen: bool
    seal: Seal | None = field(default=None, repr=False)


class Alarm(NamedTuple):
    """A table that has all the columns it can have, and how many more were asked for."""

    table: str
    columns: int


@dataclass(frozen=True, slots=True)
class Frames:
    """The tables of some events.

    Attributes:
        tables: By name, with :data:`~streamproc.warehouse.standard.ROW` first: those of the events,
            ``users``, ``streamproc_messages`` and, if there is any, ``discards``. Rows of one table
            are in no order that means something but for that column.
        kinds: The columns of the tables of events and of ``users``, without the batch's own.
        events: How many events there were.
        corrections: How many of them replace what is there.
        discards: How many values fit no column.
        alarms: Tables with too many columns.
    """

    tables: Mapping[str, pa.Table] = field(repr=False)
    kinds: Schema
    events: int
    corrections: int
    discards: int
    alarms: Sequence[Alarm]


class Bulk(NamedTuple):
    """Events whose payloads were read together.

    Attributes:
        packed: The events.
        parsed: Those that were read.
        left: The numbers of the others, which have to be read one at a time, if they can be.
    """

    packed: Packed
    parsed: Sequence[Parsed]
    left: Sequence[int]

    def numbered_from(self, first: int) -> Bulk:
        """Return the same, their numbers counted from ``first`` instead of 0."""
        packed = replace(self.packed, numbers=self.packed.numbers + first)
        return Bulk(packed, self.parsed, [first + number for number in self.left])


class Framer:
    """Makes tables of events, as one warehouse wants them."""

    def __init__(self, shaping: Shaping) -> None:
        """Follow ``shaping``."""
        self._shaping = shaping
        self._naming = Naming(shaping.dialect)
        self._parser = Parser(shaping.depth)
        self._limits = Limits(shaping.columns, shaping.widen, shaping.dialect.text_bytes)

    def parse(self, packed: Packed, fewest: int = FEWEST) -> Bulk:
        """Read payloads, all those that can be read together, ``fewest`` at a time."""
        found = list(self._parser.parse(packed, fewest))
        parsed = [each for each in found if isinstance(each, Parsed)]
        left = [each for each in found if not isinstance(each, Parsed)]
        numbers = [packed.numbers[each.start : each.stop].tolist() for each in left]
        return Bulk(packed, parsed, list(chain.from_iterable(numbers)))

    def frames(
        self, rows: Iterable[tuple[int, LoadedRow]], known: Schema, bulk: Bulk | None = None
    ) -> Frames:
        """Return the tables of ``rows``.

        Standard columns always have their own kinds. Another column has the narrowest kind that
        holds its values and its known kind; where kinds must not be widened, the known one, and
        values that do not fit are discarded.

        Args:
            rows: The events and their numbers, for :data:`~streamproc.warehouse.standard.ROW`. Best
                taken from an iterator that decodes them as they are asked for, since a payload that
                is parsed takes ten times the room it has as JSON; and best with those of one type
                and event one after the other, which takes 10 µs an event less than any order.
            known: The tables as they are, or will be once what was framed before is loaded.
            bulk: More events; ``rows`` have those of them that are left.
        """
        reading = Reading(self._naming, self._shaping.depth)
        if bulk is not None:
            for parsed in bulk.parsed:
                reading.add_packed(bulk.packed, parsed)
        source = iter(rows)
        while block := list(islice(source, BLOCK)):
            reading.add(block)
        if not reading.events:
            return Frames({}, {}, 0, 0, 0, [])
        discards = Discards(self._shaping.seal)
        assembly = Assembly(reading, self._limits, discards)
        made = list(assembly.tables(known))
        tables = {each.name: each.table for each in made}
        tables[MESSAGES] = assembly.messages()
        if discards:
            tables[DISCARDS] = discards.table()
        return Frames(
            tables,
            {each.name: each.kinds for each in made},
            reading.events,
            reading.corrections,
            len(discards),
            [Alarm(each.name, each.put_aside) for each in made if each.put_aside],
        )
