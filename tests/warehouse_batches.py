"""Batches for the tests of sinks, from a few words about each event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, Final

import pyarrow as pa

from streamproc.events import Json, Micros
from streamproc.warehouse.kinds import Kind, fit, join, kind_of
from streamproc.warehouse.schema import Columns, Schema, changes
from streamproc.warehouse.shape.arrow import TYPES, recast
from streamproc.warehouse.sink import (
    Advance,
    Batch,
    Deletion,
    Frame,
    LoadResult,
    Place,
    Position,
    Sink,
)
from streamproc.warehouse.standard import BASE, EVERY, ROW, SYSTEM, TABLES, TRACK, USERS

NOW: Final = Micros(1_700_000_000_000_000)
HOUR: Final = 3_600_000_000
TOPIC: Final = "warehouse.load"


@dataclass(frozen=True)
class Event:
    """An event as a sink meets it: ``fields`` are properties or traits, by column."""

    id: str
    type: str = "track"
    table: str | None = "paid"
    received_at: int = NOW
    user_id: str | None = None
    anonymous_id: str | None = None
    identity_id: str | None = None
    correction: bool = False
    source_offset: int = 1
    fields: Mapping[str, Json] = field(default_factory=dict)
    discards: Sequence[str] = ()


def identify(id_: str, user_id: str | None, received_at: int = NOW, /, **traits: Json) -> Event:
    return Event(id_, "identify", None, received_at, user_id, fields=traits)


@dataclass(frozen=True)
class Rows:
    """A frame in memory, handed out in small pieces."""

    columns: Columns
    table: pa.Table

    @property
    def rows(self) -> int:
        return int(self.table.num_rows)

    def read(self) -> Iterator[pa.Table]:
        for start in range(0, self.rows, 3):
            yield self.table.slice(start, 3)


def batch(events: Iterable[Event] = (), **options: Any) -> Batch:
    """Return a batch of ``events``; ``options`` are its attributes, ``moved`` shortens advances."""
    listed = list(events)
    moved: Mapping[int, tuple[int, int]] = options.pop("moved", {})
    given: dict[str, Any] = {
        "advances": {Place(TOPIC, part): _advance(*moved[part]) for part in moved},
        "frames": frames(listed),
        "deletions": (),
        "mode": "dedupe",
        "corrections": any(event.correction for event in listed),
        "loader": "loader-0",
        "loaded_at": Micros(NOW + HOUR),
    }
    return Batch(**(given | options))


def _advance(expected: int, following: int) -> Advance:
    return Advance(Position(expected), Position(following))


def load(sink: Sink, events: Iterable[Event] = (), **options: Any) -> LoadResult:
    """Load ``events`` as a loader does: the tables are changed first, and the frames to them."""
    return sink.load(prepare(sink, batch(events, **options)))


def prepare(sink: Sink, made: Batch) -> Batch:
    """Make the sink's tables hold ``made``, and return it with the kinds of the tables."""
    needed = {t: f.columns for t, f in made.frames.items() if t not in SYSTEM}
    while due := changes(sink.schema(), needed):
        sink.change(due)
    known = sink.schema()
    return replace(made, frames={t: _recast(t, f, known) for t, f in made.frames.items()})


def deletion(token: str, until: int = NOW + HOUR, receipt: str = "r1") -> Deletion:
    return Deletion(token, Micros(until), receipt)


def frames(events: Sequence[Event]) -> dict[str, Frame]:
    """Return the frames of ``events``: their tables, users, discards and messages."""
    if not events:
        return {}
    rows: dict[str, list[dict[str, Any]]] = {"streamproc_messages": []}
    for number, event in enumerate(events, start=7):
        for table, row in _rows_of(event):
            rows.setdefault(table, []).append({ROW: number, **row})
    return {table: frame(table, found) for table, found in rows.items()}


def frame(table: str, rows: Sequence[Mapping[str, Any]]) -> Rows:
    """Return the frame of ``rows``, whose columns are those of the standard and what they hold."""
    standard = _standard(table)
    told = (name for row in rows for name, value in row.items() if value is not None)
    names = dict.fromkeys(name for name in told if name != ROW)
    columns = {
        name: standard.get(name) or _kind(row.get(name) for row in rows)
        for name in {**standard, **names}
    }
    arrays = [pa.array([row[ROW] for row in rows], pa.int64())]
    for name, kind in columns.items():
        values = [_value(row.get(name), kind, standard=name in standard) for row in rows]
        arrays.append(pa.array(values, TYPES[kind]))
    return Rows(columns, pa.table(arrays, names=[ROW, *columns]))


def _rows_of(event: Event) -> Iterator[tuple[str, dict[str, Any]]]:
    names = ("id", "received_at", "user_id", "anonymous_id", "identity_id")
    every: dict[str, Any] = {name: getattr(event, name) for name in names}
    yield (
        "streamproc_messages",
        {
            **every,
            "type": event.type,
            "event_table": event.table,
            "ruleset": "f00d",
            "source_topic": "events.raw",
            "source_partition": 0,
            "source_offset": event.source_offset,
            "correction": event.correction,
        },
    )
    if event.type == "track":
        yield "tracks", {**every, "event": event.table}
        if event.table is not None:
            yield event.table, {**every, "event": event.table, **event.fields}
    else:
        yield TABLES[event.type], {**every, **event.fields}
    if event.type == "identify" and event.user_id is not None:
        yield USERS, {**event.fields, "id": event.user_id, "received_at": event.received_at}
    for column in event.discards:
        yield (
            "discards",
            {"column_name": column, "row_id": event.id, "received_at": event.received_at},
        )


def _standard(table: str) -> Columns:
    if table in SYSTEM:
        filled = ("loaded_at", "uuid_ts")
        return {name: kind for name, kind in SYSTEM[table].items() if name not in filled}
    if table == USERS:
        return {"id": Kind.STRING, "received_at": Kind.TIMESTAMP}
    if table == TABLES["track"]:
        return {**EVERY, **TRACK, **BASE}
    return {**EVERY, **(BASE if table in TABLES.values() else TRACK)}


def _kind(values: Iterable[Json]) -> Kind:
    kinds = [kind for kind in map(kind_of, values) if kind is not None]
    return reduce(join, kinds) if kinds else Kind.STRING


def _value(value: Any, kind: Kind, *, standard: bool) -> Any:
    return value if value is None or standard else fit(value, kind)


def _recast(table: str, given: Frame, known: Schema) -> Frame:
    if table not in known:
        return given
    columns = {name: known[table][name] for name in given.columns}
    return Rows(columns, recast(pa.concat_tables(given.read()), columns))
