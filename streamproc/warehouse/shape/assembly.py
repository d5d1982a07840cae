"""The tables of what was read: every column in its kind, over one order of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streamproc.events import Json
from streamproc.warehouse.kinds import Kind, MisfitReason
from streamproc.warehouse.schema import Columns, Schema
from streamproc.warehouse.shape.columns import Wanted, column, has_dates, plain_array, spread
from streamproc.warehouse.shape.discards import Discards, Misplaced
from streamproc.warehouse.shape.gather import Area
from streamproc.warehouse.shape.reading import Group, Reading
from streamproc.warehouse.shape.series import Leaf, Numbers, Series
from streamproc.warehouse.standard import (
    BASE,
    EVERY,
    LOADED,
    OVERFLOW,
    ROW,
    SYSTEM,
    TABLES,
    TRACK,
    USER,
    USERS,
)

__all__ = ["MESSAGES", "Assembly", "Limits", "Made"]

MESSAGES: Final = "streamproc_messages"
STANDARD: Final[Columns] = {**EVERY, **TRACK, **BASE}
MESSAGE: Final[Columns] = {
    name: kind for name, kind in SYSTEM[MESSAGES].items() if name != "loaded_at"
}

NOT_OF_VALUES: Final = 3
"""Columns a table needs room for beside those of values: ``_row`` (while it is staged), ``uuid_ts``
and ``other_columns``."""

FIELDS: Final = {
    "id": "message_id",
    "event_text": "event",
    "redaction_manifest": "manifest",
    "tracking_plan_violations": "violations",
}
"""Standard columns that are called otherwise than the row's field."""


class Limits(NamedTuple):
    """What bounds a column and a table."""

    columns: int
    widen: bool
    text_bytes: int


class Span(NamedTuple):
    """Rows that lie together; half-open."""

    start: int
    stop: int

    @property
    def rows(self) -> int:
        """Return how many."""
        return self.stop - self.start


class Plan(NamedTuple):
    """A table to make: its rows, its standard columns, and what its others come from."""

    name: str
    span: Span
    standard: Columns
    areas: Sequence[tuple[Area, Span]]


class Natural(NamedTuple):
    """The plain values of one column, over all rows of its area."""

    array: pa.Array
    kind: Kind


class Part(NamedTuple):
    """What a table has of one column: the values of some places, and of one that is plain itself.

    ``plain`` has the table's rows.
    """

    series: Sequence[Series]
    plain: Natural | None = None


class Made(NamedTuple):
    """A table, its columns' kinds, and how many columns had no room."""

    name: str
    table: pa.Table
    kinds: Columns
    put_aside: int


class Assembly:
    """Makes the tables of one reading."""

    def __init__(self, reading: Reading, limits: Limits, discards: Discards) -> None:
        """Put the events in order; misfits go to ``discards``."""
        self._reading = reading
        self._limits = limits
        self._discards = discards
        self._groups = sorted(reading.groups, key=lambda group: group.order)
        numbers = [number for group in self._groups for number in reading.groups[group]]
        self._order = np.array(numbers, np.int64)
        self._places = np.empty_like(self._order)
        self._places[self._order] = np.arange(len(numbers))
        self._rows = pa.array(np.array(reading.numbers, np.int64)[self._order])
        self._standard = self._standard_columns()
        self._naturals: dict[Series, Natural | None] = {}

    def messages(self) -> pa.Table:
        """Return the lines of ``streamproc_messages``."""
        arrays = [self._rows, *(self._standard[name] for name in MESSAGE)]
        return pa.table(arrays, names=[ROW, *MESSAGE])

    def tables(self, known: Schema) -> Iterator[Made]:
        """Yield the tables of events, and ``users``."""
        for plan in self._plans():
            yield self._make(plan, known.get(plan.name, {}))

    def _plans(self) -> Iterator[Plan]:
        context = (self._reading.context, Span(0, len(self._order)))
        for kind, table in TABLES.items():
            groups = [group for group in self._groups if group.type == kind]
            if not groups:
                continue
            whole = self._span(groups)
            if kind == "track":
                yield Plan(table, whole, {**EVERY, **TRACK, **BASE}, [context])
                for group in groups:
                    if group.table is not None:
                        span = self._span([group])
                        areas = [context, (self._reading.areas[kind, group.table], span)]
                        yield Plan(group.table, span, {**EVERY, **TRACK}, areas)
                continue
            areas = [context, (self._reading.areas[kind, None], whole)]
            yield Plan(table, whole, {**EVERY, **BASE}, areas)
            if users := [group for group in groups if group.user]:
                yield Plan(USERS, self._span(users), USER, areas)

    def _span(self, groups: Sequence[Group]) -> Span:
        """Return the rows of ``groups``, which lie together."""
        start = int(self._places[self._reading.groups[groups[0]][0]])
        return Span(start, start + sum(len(self._reading.groups[group]) for group in groups))

    def _standard_columns(self) -> Mapping[str, pa.Array]:
        """Return the columns of what the rows' own fields say, in order."""
        types: list[str] = []
        tables: list[str | None] = []
        for group in self._groups:
            count = len(self._reading.groups[group])
            types += [group.type] * count
            tables += [group.table] * count
        order = pa.array(self._order)
        columns = {"type": pa.array(types, pa.string()), "event": pa.array(tables, pa.string())}
        columns["event_table"] = columns["event"]
        for name, kind in {**STANDARD, **MESSAGE}.items():
            if name not in columns:
                pieces = self._reading.fields[FIELDS.get(name, name)]
                columns[name] = _standard(pa.concat_arrays(pieces), kind).take(order)
        violations = columns["tracking_plan_violations"]
        columns["tracking_plan_violations"] = _without(violations, "[]")
        return columns

    def _make(self, plan: Plan, known: Columns) -> Made:
        arrays = {name: self._standard[name] for name in plan.standard}
        if plan.name == USERS:
            arrays["id"] = self._standard["user_id"]
        arrays = {
            name: array.slice(plan.span.start, plan.span.rows) for name, array in arrays.items()
        }
        kinds = dict(plan.standard)
        parts = dict(self._parts(plan))
        aside = self._beyond(plan, parts, known)
        for name, part in parts.items():
            if name not in aside:
                wanted = Wanted(known.get(name), self._limits.widen, self._limits.text_bytes)
                arrays[name], kinds[name] = self._column(plan, name, part, wanted)
        if aside:
            part = self._together(plan, {name: parts[name] for name in aside})
            wanted = Wanted(Kind.JSON, False, self._limits.text_bytes)
            arrays[OVERFLOW], kinds[OVERFLOW] = self._column(plan, OVERFLOW, part, wanted)
        rows = self._rows.slice(plan.span.start, plan.span.rows)
        table = pa.table([rows, *arrays.values()], names=[ROW, *arrays])
        return Made(plan.name, table, kinds, len(aside))

    def _parts(self, plan: Plan) -> Iterator[tuple[str, Part]]:
        """Yield the columns that have a value in the table, by name."""
        found: dict[str, list[tuple[Series, Span]]] = {}
        for area, span in plan.areas:
            for name, series in area.columns.items():
                found.setdefault(name, []).append((series, span))
        for name, series in self._reading.extras.get(plan.name, {}).items():
            found.setdefault(name, []).append((series, plan.span))
        for name in sorted(found):
            (series, span), *others = found[name]
            if not others and (natural := self._natural(series, span)) is not None:
                array = natural.array.slice(plan.span.start - span.start, plan.span.rows)
                if array.null_count < len(array):
                    yield name, Part([series], natural._replace(array=array))
                continue
            part = Part([series, *(series for series, _ in others)])
            if len(self._within(plan.span, part)[1]):
                yield name, part

    def _natural(self, series: Series, span: Span) -> Natural | None:
        """Return the values of ``series`` over ``span``, None if they are not plain."""
        if series not in self._naturals:
            natural = None
            array, kind = plain_array(series, self._limits.text_bytes), series.kind
            if array is not None and kind is not None:
                places = self._places[series.numbers()] - span.start
                natural = Natural(spread(array, places, span.rows), kind)
            self._naturals[series] = natural
        return self._naturals[series]

    def _within(self, span: Span, part: Part) -> tuple[Series, Numbers]:
        """Return the values that lie in ``span``, and where in it."""
        values = Series()
        for series in part.series:
            values.extend(series)
        places = self._places[values.numbers()] - span.start
        inside = (places >= 0) & (places < span.rows)
        return (values, places) if inside.all() else (values.only(inside), places[inside])

    def _column(self, plan: Plan, name: str, part: Part, wanted: Wanted) -> tuple[pa.Array, Kind]:
        if (plain := part.plain) is not None:
            kind = wanted.kind(plain.kind)
            # Dates among texts, or whole numbers among others, may be all that is in these rows.
            may_narrow = kind is Kind.STRING or len(part.series[0].types) > 1
            if kind is plain.kind and (
                wanted.known is kind
                or not may_narrow
                or (kind is Kind.STRING and not has_dates(plain.array))
            ):
                return plain.array, kind
        values, places = self._within(plan.span, part)
        made = column(values, places, plan.span.rows, wanted)
        for place, value, reason in made.misfits:
            self._discard(plan, name, (place, reason), value)
        return made.array, made.kind

    def _discard(
        self, plan: Plan, name: str, misfit: tuple[int, MisfitReason], value: Json
    ) -> None:
        place, reason = misfit[0] + plan.span.start, misfit[1]
        row_id = self._standard["user_id" if plan.name == USERS else "id"][place].as_py()
        received_at = self._standard["received_at"][place].value
        row = self._rows[place].as_py()
        where = Misplaced(row, row_id, received_at, plan.name, name, reason)
        self._discards.add(where, value)

    def _beyond(self, plan: Plan, parts: Mapping[str, Part], known: Columns) -> Sequence[str]:
        """Return the columns that the table has no room for: of the new ones the last by name."""
        there = {*known, *plan.standard} - {LOADED, OVERFLOW}
        room = max(0, self._limits.columns - NOT_OF_VALUES - len(there))
        return [name for name in parts if name not in there][room:]

    def _together(self, plan: Plan, parts: Mapping[str, Part]) -> Part:
        """Return one JSON object a row, with the values of several columns."""
        rows: dict[int, dict[str, Json]] = {}
        for name, part in parts.items():
            values, places = self._within(plan.span, part)
            for place, value in zip(places.tolist(), values.values(), strict=True):
                rows.setdefault(place, {})[name] = value
        numbers = self._order[np.array(list(rows), np.int64) + plan.span.start]
        together = Series()
        together.add(Leaf([numbers], list(rows.values()), {dict}))
        return Part([together])


def _standard(array: pa.Array, kind: Kind) -> pa.Array:
    if kind is not Kind.STRING:
        return array
    return pc.replace_substring(_without(array, ""), "\0", "\N{REPLACEMENT CHARACTER}")


def _without(texts: pa.Array, text: str) -> pa.Array:
    """Return ``texts`` with null in the place of those that are ``text``."""
    return pc.if_else(pc.equal(texts, text), None, texts)
