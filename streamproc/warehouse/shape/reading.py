"""Events read block by block: which tables they go to, and their values by column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.rows import LoadedRow
from streamproc.warehouse.schema import Columns
from streamproc.warehouse.shape.arrow import TYPES
from streamproc.warehouse.shape.flatten import Columns as ParsedColumns
from streamproc.warehouse.shape.gather import Area, Bodies
from streamproc.warehouse.shape.names import Naming
from streamproc.warehouse.shape.packed import Packed
from streamproc.warehouse.shape.parsing import Parsed
from streamproc.warehouse.shape.series import Leaf, Numbers, Series
from streamproc.warehouse.shape.tables import event_table, has_user, rows_of
from streamproc.warehouse.standard import EVERY, SYSTEM, TABLES

__all__ = ["Group", "Reading"]

PAYLOAD: Final = "payload"
KINDS: Final[Columns] = {
    **dict.fromkeys(LoadedRow._fields, Kind.STRING),
    **EVERY,
    **SYSTEM["streamproc_messages"],
}
"""Of the rows' own fields."""
TYPE_ORDER: Final = list(TABLES)


class Group(NamedTuple):
    """Events that go to the same tables.

    Attributes:
        type: Their type.
        table: A tracked event's own table.
        user: Whether there is a line for ``users``.
    """

    type: str
    table: str | None
    user: bool

    @property
    def order(self) -> tuple[int, str, bool]:
        """Return what to sort by: groups of one base table lie together."""
        return TYPE_ORDER.index(self.type), self.table or "", self.user


class Reading:
    """What was read.

    Attributes:
        events: How many events.
        corrections: How many of them replace what is there.
        numbers: What the events are called, each by its place; the others say places.
        fields: The rows' own fields, by name, but for their payloads; in pieces.
        groups: The numbers of the events of each group.
        context: The columns of all events' contexts, and of their identities' attributes.
        areas: The other columns, by type and event table.
        extras: By table and column, the values of events that went the long way.
    """

    def __init__(self, naming: Naming, depth: int) -> None:
        """Start with no event."""
        self._naming = naming
        self._depth = depth
        self._tables: dict[tuple[str, str | None], str | None] = {}
        self.events = 0
        self.corrections = 0
        self.numbers: list[int] = []
        self.fields: dict[str, list[pa.Array]] = {
            name: [] for name in LoadedRow._fields if name != PAYLOAD
        }
        self.groups: defaultdict[Group, list[int]] = defaultdict(list)
        self.context = Area(naming, depth, None)
        self.areas: dict[tuple[str, str | None], Area] = {}
        self.extras: defaultdict[str, defaultdict[str, Series]] = defaultdict(
            lambda: defaultdict(Series)
        )

    def add(self, numbered: Sequence[tuple[int, LoadedRow]]) -> None:
        """Read a block of events; nothing of their payloads is kept but values."""
        block = [row for _, row in numbered]
        self.numbers += [number for number, _ in numbered]
        start = self.events
        self.events += len(block)
        numbers = np.arange(start, self.events)
        by_field = dict(zip(LoadedRow._fields, zip(*block, strict=True), strict=True))
        bodies: Sequence[Mapping[str, Any]] = by_field[PAYLOAD]
        for name, pieces in self.fields.items():
            pieces.append(pa.array(by_field[name], TYPES[KINDS[name]]))
        self.corrections += sum(by_field["correction"])
        odd = self.context.read(Bodies(bodies, numbers))
        areas = self._divide(block, start)
        for area, places in areas.items():
            odd |= area.read(Bodies([bodies[place] for place in places], numbers[places]))
        self._keep((self.context, *areas), numbers, odd)
        for number in sorted(odd):
            self._add_odd(block[number - start], number)

    def add_packed(self, packed: Packed, parsed: Parsed) -> None:
        """Read events of one type and name whose payloads are columns."""
        kind, _, first, stop = parsed.alike
        numbers = np.arange(self.events, self.events + stop - first)
        self.events += len(numbers)
        self.numbers += packed.numbers[first:stop].tolist()
        own = {name: array.slice(first, stop - first) for name, array in packed.fields.items()}
        for name, pieces in self.fields.items():
            pieces.append(own[name].cast(TYPES[KINDS[name]]))
        self.corrections += own["correction"].true_count
        row = next(packed.rows(range(first, first + 1)))
        table = self._table(row)
        if kind == "identify":
            for number, row in zip(numbers.tolist(), packed.rows(range(first, stop)), strict=True):
                self.groups[Group(kind, table, has_user(row))].append(number)
        else:
            self.groups[Group(kind, table, False)] += numbers.tolist()
        source, area = ParsedColumns(parsed, numbers), self._area(kind, table)
        odd = self.context.read(source) | area.read(source)
        self._keep((self.context, area), numbers, odd)
        if odd:
            places = [number - int(numbers[0]) + first for number in sorted(odd)]
            for number, row in zip(sorted(odd), packed.rows(places), strict=True):
                self._add_odd(row, number)

    def _keep(self, areas: Iterable[Area], numbers: Numbers, odd: set[int]) -> None:
        usual = np.isin(numbers, list(odd), invert=True) if odd else None
        for area in areas:
            area.keep(usual, int(numbers[0]))

    def _divide(self, block: Sequence[LoadedRow], start: int) -> Mapping[Area, list[int]]:
        alike: defaultdict[tuple[str, str | None], list[int]] = defaultdict(list)
        for place, row in enumerate(block):
            alike[row.type, row.event if row.type == "track" else None].append(place)
        areas: defaultdict[Area, list[int]] = defaultdict(list)
        for (kind, _), places in alike.items():
            table = self._table(block[places[0]])
            areas[self._area(kind, table)] += places
            if kind == "identify":
                for place in places:
                    self.groups[Group(kind, table, has_user(block[place]))].append(start + place)
            else:
                self.groups[Group(kind, table, False)] += [start + place for place in places]
        return areas

    def _table(self, row: LoadedRow) -> str | None:
        key = row.type, row.event
        if key not in self._tables:
            self._tables[key] = event_table(row, self._naming)
        return self._tables[key]

    def _area(self, kind: str, table: str | None) -> Area:
        if (kind, table) not in self.areas:
            self.areas[kind, table] = Area(self._naming, self._depth, kind)
        return self.areas[kind, table]

    def _add_odd(self, row: LoadedRow, number: int) -> None:
        at = np.array([number])
        for table, _, values in rows_of(row, self._naming, self._depth):
            for column, value in values.items():
                self.extras[table][column].add(Leaf([at], [value], {type(value)}))
