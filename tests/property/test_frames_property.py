"""The tables of many events at once are those of its events one at a time."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from functools import reduce
from itertools import chain, groupby
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from hypothesis import event, given, settings
from hypothesis import strategies as st

from streamproc.events import Json, Micros, RedactedBody
from streamproc.warehouse.dialects import DUCKDB
from streamproc.warehouse.kinds import WIDER, Kind, Misfit, fit, join, kind_of
from streamproc.warehouse.rows import LoadedRow
from streamproc.warehouse.schema import Schema
from streamproc.warehouse.shape.arrow import TYPES, recast
from streamproc.warehouse.shape.frames import Framer, Frames, Shaping
from streamproc.warehouse.shape.names import Naming
from streamproc.warehouse.shape.packed import Alike, Packed
from streamproc.warehouse.shape.tables import rows_of
from streamproc.warehouse.standard import BASE, EVERY, ROW, TRACK

DEPTH = 2
NAMING = Naming(DUCKDB)


def body_of(fields: dict[str, Any]) -> RedactedBody:
    """Return ``fields`` as the body of a redacted event."""
    return RedactedBody(fields)


# Few keys, and such as come out alike, are standard, or have a meaning of their own.
KEYS = """
    a A aB a_b 日本 select id name category channel ip context_a context traits 1st _row
    other_columns passed_ip groupId identity identity_a account_id
"""
IDS = """
    tok_k1_abcdefghijklmnopabcdefghijklmnop 6fa459ea-ee8a-3ca4-894e-db77e160355e
"""
keys = st.sampled_from(["", "a b", *KEYS.split(), *IDS.split()]) | st.text(max_size=2)
TEXTS = """
    2026-01-02 2026-02-30 2026-01-02T03:04:05Z 2026-01-02T03:04:05.123456Z 0000-01-01T00:00:00Z
    2026-02-30T00:00:00Z 2026-01-02T03:04:05+01:00 1 x é
"""
texts = st.sampled_from(["", " ", "\0", "2026-01-02 03:04Z", *TEXTS.split()]) | st.text(max_size=3)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.integers(-2, 2)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=2) | st.dictionaries(keys, below, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(keys, values, max_size=5)
somewhat = objects | values
bodies = st.fixed_dictionaries(
    {},
    optional={
        "context": st.fixed_dictionaries({}, optional={"traits": somewhat, "ip": somewhat})
        | somewhat,
        "properties": somewhat,
        "traits": somewhat,
        "userProperties": somewhat,
        "name": somewhat,
        "category": somewhat,
        "channel": somewhat,
        "request_ip": somewhat,
        "groupId": somewhat,
        "identity": somewhat,
        "previousId": somewhat,
    },
).map(body_of)
tame_values = st.recursive(
    scalars,
    lambda below: st.dictionaries(
        st.sampled_from(["a", "b", "c", *IDS.split()]), below, max_size=3
    ),
    max_leaves=5,
)
tame = st.dictionaries(st.sampled_from(["a", "b", "c d", "cD", "e"]), tame_values, max_size=4)
tame_bodies = st.fixed_dictionaries(
    {"context": tame},
    optional={"properties": tame, "traits": tame, "identity": tame, "channel": st.just("web")},
).map(body_of)
# Of each key values of one type: what a producer sends.
typed = {
    "a": texts,
    "aB": texts,
    "a_b": texts,
    "b": st.integers(-2, 2) | st.none(),
    "c": st.floats(-9, 9) | st.just(2.0),
    "d": st.booleans(),
    "f": st.lists(st.integers(-2, 2), max_size=2),
    "name": texts,
    "id": texts,
    "ip": texts,
}
below = st.fixed_dictionaries({}, optional=typed)
above = st.fixed_dictionaries({}, optional=typed | {"e": below | st.none(), "traits": below})
usual_bodies = st.fixed_dictionaries(
    {"context": above},
    optional={
        **dict.fromkeys(["properties", "traits", "userProperties"], above),
        **dict.fromkeys(["name", "category", "channel", "request_ip", "groupId"], texts),
        "identity": st.fixed_dictionaries({}, optional={"plan": texts, "seats": st.integers(1, 9)}),
        "integrations": st.just({"All": True}),
    },
).map(body_of)
maybe_text = st.none() | st.sampled_from(["", " ", "u1", "u\0"])
moments = st.integers(0, 2**50).map(Micros)
rows = st.builds(
    LoadedRow,
    message_id=st.sampled_from(["", "m1", "m2", "m\0"]),
    type=st.sampled_from(["identify", "track", "track", "page", "screen", "group", "alias"]),
    event=st.sampled_from([None, "", " ", "Paid", "paid", "tracks", "日本"]),
    user_id=maybe_text,
    anonymous_id=maybe_text,
    identity_id=maybe_text,
    account_id=maybe_text,
    identity_resolved_by=maybe_text,
    identity_resolved_at=st.none() | moments,
    original_timestamp=st.none() | moments,
    sent_at=st.none() | moments,
    received_at=moments,
    timestamp=moments,
    payload=bodies | tame_bodies,
    manifest=st.just("[]"),
    ruleset=st.just("f00d"),
    source_topic=st.just("raw"),
    source_partition=st.just(0),
    source_offset=st.integers(0, 9),
    violations=st.sampled_from(["[]", '[{"path":"a","code":"b"}]']),
    correction=st.booleans(),
)
batches = st.lists(rows, max_size=12)
usual_rows = st.builds(lambda row, body: row._replace(payload=body), rows, usual_bodies)
mostly_usual = st.lists(
    st.integers(0, 9).flatmap(lambda dice: usual_rows if dice else rows), min_size=1, max_size=12
)
shapings = st.builds(
    Shaping,
    dialect=st.just(DUCKDB),
    depth=st.just(DEPTH),
    columns=st.sampled_from([1_000, 24]),
    widen=st.booleans(),
)


def one_by_one(given_rows: Sequence[LoadedRow], known: Schema, shaping: Shaping) -> dict[str, Any]:
    """Return, by table, the rows as Python values, and every discard: the meaning of frames."""
    tables: dict[str, list[tuple[int, dict[str, Any], dict[str, Json]]]] = defaultdict(list)
    for number, row in enumerate(given_rows):
        for table, standard, others in rows_of(row, NAMING, shaping.depth):
            tables[table].append((number, dict(standard), dict(others)))
    return {
        table: table_of(table, lines, known.get(table, {}), shaping)
        for table, lines in tables.items()
    }


def table_of(
    table: str,
    lines: list[tuple[int, dict[str, Any], dict[str, Json]]],
    known: Any,
    shaping: Shaping,
) -> Any:
    """Return rows by number, the columns' kinds, and discards, of one table."""
    columns = {name for _, _, others in lines for name in others}
    there = {*known, *lines[0][1]} - {"uuid_ts", "other_columns"}
    new = sorted(columns - there)
    aside = new[max(0, shaping.columns - 3 - len(there)) :]
    for _, _, others in lines:
        if beyond := {name: others.pop(name) for name in aside if name in others}:
            others["other_columns"] = beyond
    kinds: dict[str, Kind] = {}
    for name in sorted({name for _, _, others in lines for name in others}):
        seen = reduce(join, [kind for _, _, each in lines if (kind := kind_of(each.get(name)))])
        kind = known.get(name)
        if name == "other_columns":
            kinds[name] = Kind.JSON
        elif kind is None:
            kinds[name] = seen
        else:
            kinds[name] = join(kind, seen) if shaping.widen else kind
    found, discards = {}, []
    for number, standard, others in lines:
        row = dict(standard)
        for name, kind in kinds.items():
            try:
                row[name] = fit(others.get(name), kind)
            except Misfit as misfit:
                row[name] = None
                discards.append((table, name, number, misfit.reason))
        found[number] = row
    return found, kinds, sorted(discards)


def told(frames: Frames) -> dict[str, Any]:
    """Return what ``frames`` hold in the shape of :func:`one_by_one`."""
    discards = defaultdict(list)
    if "discards" in frames.tables:
        for line in frames.tables["discards"].to_pylist():
            place = (line["table_name"], line["column_name"], line[ROW], line["reason"])
            discards[line["table_name"]].append(place)
    told_of = {}
    for table, kinds in frames.kinds.items():
        frame = frames.tables[table]
        assert frame.column_names == [ROW, *kinds]
        assert frame.schema.types[1:] == [TYPES[kind] for kind in kinds.values()]
        assert frame.validate(full=True) is None
        lines = {line.pop(ROW): line for line in plain(frame)}
        others = {name: kind for name, kind in kinds.items() if name not in STANDARD}
        told_of[table] = (lines, others, sorted(discards[table]))
    return told_of


FIELD_TYPES = dict.fromkeys(LoadedRow._fields, pa.string()) | {
    **{name: pa.int64() for name, kind in EVERY.items() if kind is Kind.TIMESTAMP},
    "source_partition": pa.int64(),
    "source_offset": pa.int64(),
    "correction": pa.bool_(),
}
STANDARD = {*EVERY, *TRACK, *BASE}


def plain(frame: pa.Table) -> list[dict[str, Any]]:
    """Return rows with the times of standard columns in microseconds, as rows have them."""
    for place, name in enumerate(frame.column_names):
        if name in STANDARD and pa.types.is_timestamp(frame.schema.types[place]):
            frame = frame.set_column(place, name, frame[name].cast(pa.int64()))
    lines: list[dict[str, Any]] = frame.to_pylist()
    return lines


def known_of(frames: Frames) -> Schema:
    """Return the columns of ``frames``, without the standard ones."""
    return {
        table: {name: kind for name, kind in kinds.items() if name not in STANDARD}
        for table, kinds in frames.kinds.items()
    }


@settings(max_examples=200, deadline=None)
@given(batches, batches, shapings)
def test_many_at_once_are_as_one_by_one(
    before: list[LoadedRow], after: list[LoadedRow], shaping: Shaping
) -> None:
    framer = Framer(shaping)
    first = framer.frames(enumerate(before), {})
    assert told(first) == one_by_one(before, {}, shaping)
    known = known_of(first)
    second = framer.frames(enumerate(after), known)
    assert told(second) == one_by_one(after, known, shaping)


def packed_of(given_rows: Sequence[LoadedRow]) -> Packed:
    """Return rows side by side, those of one type and name together."""
    order = sorted(range(len(given_rows)), key=lambda each: repr(given_rows[each][1:3]))
    alike = []
    for (kind, name), places in groupby(range(len(order)), lambda at: given_rows[order[at]][1:3]):
        start, *others = places
        alike.append(Alike(kind, name, start, start + 1 + len(others)))
    by_field = zip(*(given_rows[place] for place in order), strict=True)
    fields = dict(zip(LoadedRow._fields, by_field, strict=True))
    payloads = pa.array([orjson.dumps(body) + b"\n" for body in fields.pop("payload")], pa.binary())
    arrays = {name: pa.array(values, FIELD_TYPES[name]) for name, values in fields.items()}
    return Packed(np.array(order, np.int64), tuple(alike), arrays, payloads)


def framed(framer: Framer, given_rows: Sequence[LoadedRow], known: Schema) -> Frames:
    """Return the tables of rows whose payloads are read together, where they can be."""
    bulk = framer.parse(packed_of(given_rows), fewest=1)
    left = ((number, given_rows[number]) for number in bulk.left)
    event("most together" if len(bulk.left) < len(given_rows) / 2 else "most one by one")
    return framer.frames(left, known, bulk)


@settings(max_examples=300, deadline=None)
@given(mostly_usual, mostly_usual, shapings)
def test_payloads_that_are_read_together_are_as_one_by_one(
    before: list[LoadedRow], after: list[LoadedRow], shaping: Shaping
) -> None:
    framer = Framer(shaping)
    first = framed(framer, before, {})
    assert told(first) == one_by_one(before, {}, shaping)
    known = known_of(first)
    second = framed(framer, after, known)
    assert told(second) == one_by_one(after, known, shaping)


@given(batches, shapings, st.data())
def test_the_order_in_which_events_come_changes_nothing(
    given_rows: list[LoadedRow], shaping: Shaping, data: st.DataObject
) -> None:
    numbered = data.draw(st.permutations(list(enumerate(given_rows))))
    frames = Framer(shaping).frames(numbered, {})
    assert told(frames) == one_by_one(given_rows, {}, shaping)


@given(batches)
def test_every_event_has_one_message_and_its_base_row(given_rows: list[LoadedRow]) -> None:
    frames = Framer(Shaping(DUCKDB, DEPTH, 1_000, widen=True)).frames(enumerate(given_rows, 7), {})
    assert frames.events == len(given_rows)
    assert frames.corrections == sum(row.correction for row in given_rows)
    if given_rows:
        messages = frames.tables["streamproc_messages"]
        assert sorted(messages[ROW].to_pylist()) == list(range(7, 7 + len(given_rows)))
        base = ("tracks", "identifies", "pages", "screens", "groups", "aliases")
        numbers = [frames.tables[name][ROW].to_pylist() for name in base if name in frames.tables]
        assert sorted(chain.from_iterable(numbers)) == list(range(7, 7 + len(given_rows)))


NUMBERS = {
    Kind.BOOLEAN: st.booleans(),
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
    Kind.FLOAT: st.floats(allow_nan=False, allow_infinity=False),
}
steps = st.sampled_from([(kind, wider) for kind in NUMBERS for wider in WIDER[kind]])


@given(steps, st.data())
def test_a_recast_column_holds_what_its_values_fit_to(
    step: tuple[Kind, Kind], data: st.DataObject
) -> None:
    kind, wider = step
    held = data.draw(st.lists(st.none() | NUMBERS[kind]))
    got = recast(frame_of(held, kind), {"b": Kind.DATE, "a": wider})
    assert got.column_names == [ROW, "b", "a"]
    assert got["a"].to_pylist() == [fit(value, wider) for value in held]
    assert got["b"].null_count == len(held)


@given(st.lists(st.none() | st.datetimes(timezones=st.just(UTC))))
def test_a_moment_recast_to_text_is_iso_8601_with_no_more_digits_than_it_needs(
    moments: list[datetime | None],
) -> None:
    texts = recast(frame_of(moments, Kind.TIMESTAMP), {"a": Kind.STRING})["a"].to_pylist()
    for moment, text in zip(moments, texts, strict=True):
        if moment is None:
            assert text is None
        else:
            assert datetime.fromisoformat(text) == moment
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,5}[1-9])?Z", text)


@given(st.lists(st.none() | st.dates()))
def test_a_date_recast_is_midnight_or_its_text(days: list[date | None]) -> None:
    frame = frame_of(days, Kind.DATE)
    texts = recast(frame, {"a": Kind.STRING})["a"].to_pylist()
    assert texts == [None if day is None else day.isoformat() for day in days]
    moments = recast(frame, {"a": Kind.TIMESTAMP})["a"].to_pylist()
    midnights = [None if day is None else datetime.combine(day, time(), UTC) for day in days]
    assert moments == midnights


def frame_of(held: Sequence[Any], kind: Kind) -> pa.Table:
    """Return a table with one column."""
    column = pa.array(held, TYPES[kind])
    return pa.table([pa.array(range(len(held)), pa.int64()), column], names=[ROW, "a"])
