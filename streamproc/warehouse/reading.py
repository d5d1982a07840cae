"""Events read block by block: which tables they go to, and their values by column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from streamproc.warehouse.gather import Area, Leaf
from streamproc.warehouse.names import Naming
from streamproc.warehouse.rows import LoadedRow
from streamproc.warehouse.standard import TABLES
from streamproc.warehouse.tables import event_table, has_user, rows_of

__all__ = ["Group", "Reading"]

PAYLOAD: Final = LoadedRow._fields.index("payload")
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
        fields: The rows' own fields, by name, but for their payloads.
        groups: The numbers of the events of each group.
        context: The columns of all events' contexts.
        areas: The other columns, by type and event table.
        extras: By table and column, the values of events that went the long way.
    """

    def __init__(self, naming: Naming, depth: int) -> None:
        """Start with no event."""
        self._naming = naming
        self._depth = depth
        self._tables: dict[tuple[str, str | None], str | None] = {}
        self.events = 0
        self.fields: dict[str, list[Any]] = {
            name: [] for name in LoadedRow._fields if name != LoadedRow._fields[PAYLOAD]
        }
        self.groups: defaultdict[Group, list[int]] = defaultdict(list)
        self.context = Area(naming, depth, None)
        self.areas: dict[tuple[str, str | None], Area] = {}
        self.extras: defaultdict[str, defaultdict[str, Leaf]] = defaultdict(
            lambda: defaultdict(Leaf)
        )

    def add(self, block: Sequence[LoadedRow]) -> None:
        """Read a block of events; nothing of their payloads is kept but values."""
        start = self.events
        self.events += len(block)
        numbers = np.arange(start, self.events)
        by_field: list[tuple[Any, ...]] = list(zip(*block, strict=True))
        bodies = by_field.pop(PAYLOAD)
        for read, more in zip(self.fields.values(), by_field, strict=True):
            read.extend(more)
        odd = self.context.read(bodies, numbers)
        areas = self._divide(block, start)
        for area, places in areas.items():
            odd |= area.read([bodies[place] for place in places], numbers[places])
        usual = np.isin(numbers, list(odd), invert=True) if odd else None
        for area in (self.context, *areas):
            area.keep(usual, start)
        for number in sorted(odd):
            self._add_odd(block[number - start], number)

    def _divide(self, block: Sequence[LoadedRow], start: int) -> Mapping[Area, list[int]]:
        areas: defaultdict[Area, list[int]] = defaultdict(list)
        for place, row in enumerate(block):
            key = (row.type, row.event)
            if row.type != "track":
                key = (row.type, None)
            elif key not in self._tables:
                self._tables[key] = event_table(row, self._naming)
            table = self._tables.get(key)
            self.groups[Group(row.type, table, has_user(row))].append(start + place)
            areas[self._area(row.type, table)].append(place)
        return areas

    def _area(self, kind: str, table: str | None) -> Area:
        if (kind, table) not in self.areas:
            self.areas[kind, table] = Area(self._naming, self._depth, kind)
        return self.areas[kind, table]

    def _add_odd(self, row: LoadedRow, number: int) -> None:
        at = np.array([number])
        for table, _, values in rows_of(row, self._naming, self._depth):
            for column, value in values.items():
                self.extras[table][column].add(Leaf([at], [value], {type(value)}))
