"""By which rules the rows of a warehouse were made, and of which raw records.

Pure but for the reader that is handed in. Every row has the fingerprint of its rules; what was
redacted in it stands in the manifest of its base table, and where it came from in
``streamproc_messages``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from streamproc.events import Micros
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.redactions import Reader
from streamproc.warehouse.sql.expressions import converted, iso
from streamproc.warehouse.sql.statements import MESSAGES, Parameter, Statement, in_case, quoted
from streamproc.warehouse.standard import BASE, TABLES, USERS

__all__ = ["Handled", "Made", "Offsets", "Window", "read_handled", "read_made", "read_offsets"]

MANIFEST: Final = next(iter(BASE))
RULESET: Final = "ruleset"

Offsets: TypeAlias = Mapping[tuple[str, int], Sequence[tuple[int, int]]]
"""By topic and partition: offsets as ranges, half-open, in order and apart."""


class Made(NamedTuple):
    """Rows of one table that were made by the same rules; None where that is not known."""

    table: str
    ruleset: str | None
    rows: int


class Handled(NamedTuple):
    """Something that rules redacted in rows of one table, by one operator; holds no value."""

    type: str
    table: str
    ruleset: str | None
    path: str
    entity: str
    operator: str


class Window(NamedTuple):
    """A time, by when events were received; ``until`` is one past its last moment."""

    since: Micros | None = None
    until: Micros | None = None


ALWAYS: Final = Window()


def read_made(reader: Reader) -> Sequence[Made]:
    """Return how many rows of each table were made by which rules, in the order of their names.

    Raises:
        RetryableError: The warehouse is not there.
    """
    schema, found = reader.schema(), []
    for table in (*TABLES.values(), USERS):
        if RULESET in schema.get(table, {}):
            rows = reader.fetch(_counts(reader.dialect, table))
            found += [Made(table, ruleset, int(count)) for _, ruleset, count in rows if count]
            found += _of_events(rows) if table == TABLES["track"] else []
    return sorted(found, key=lambda made: (made.table, made.ruleset or ""))


def read_handled(reader: Reader, rulesets: Collection[str | None]) -> Mapping[Handled, int]:
    """Return what was redacted in the rows made by ``rulesets``, and in how many rows.

    Raises:
        RetryableError: The warehouse is not there.
    """
    schema = reader.schema()
    found: Counter[Handled] = Counter()
    for type_, table in TABLES.items():
        if MANIFEST in schema.get(table, {}) and rulesets:
            for event, ruleset, manifest, count in reader.fetch(
                _manifests(reader.dialect, table, rulesets)
            ):
                for path, entity, operator in _entries(manifest):
                    for name in (table, event) if event else (table,):
                        handled = Handled(type_, name, ruleset, path, entity, operator)
                        found[handled] += int(count)
    return found


def read_offsets(
    reader: Reader, rulesets: Collection[str | None], window: Window = ALWAYS
) -> Offsets:
    """Return the raw records of the events that ``rulesets`` made rows of.

    Raises:
        RetryableError: The warehouse is not there.
    """
    if not rulesets:
        return {}
    found: defaultdict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for topic, partition, first, following in reader.fetch(
        _places(reader.dialect, rulesets, window)
    ):
        ranges = found[topic, int(partition)]
        if ranges and int(first) <= ranges[-1][1]:
            ranges[-1] = ranges[-1][0], max(ranges[-1][1], int(following))
        else:
            ranges.append((int(first), int(following)))
    return found


def _of_events(rows: Iterable[Sequence[Any]]) -> Iterator[Made]:
    return (Made(event, ruleset, int(count)) for event, ruleset, count in rows if event)


def _entries(manifest: str | None) -> set[tuple[str, str, str]]:
    """Return path, entity and operator of what rules did; ids are kept apart without rules."""
    return {
        (entry["path"], entry["entity"], entry["operator"])
        for entry in orjson.loads(manifest or b"[]")
        if entry["rule"] not in {"message-id", "identifiers"}
    }


def _event(dialect: Dialect, table: str) -> str:
    if table == TABLES["track"]:
        return '"event"'
    return f"CAST(NULL AS {dialect.types[Kind.STRING]})"


def _counts(dialect: Dialect, table: str) -> Statement:
    sql = f"SELECT {_event(dialect, table)}, {quoted([RULESET])}, COUNT(*)"
    sql += f" FROM {quoted([table])} GROUP BY 1, 2"
    return Statement(f"rulesets of {table}", in_case(dialect, sql))


def _manifests(dialect: Dialect, table: str, rulesets: Collection[str | None]) -> Statement:
    text = converted(dialect, quoted([MANIFEST]), Kind.JSON, Kind.STRING)
    among, parameters = _among(rulesets)
    sql = (
        f"SELECT {_event(dialect, table)}, {quoted([RULESET])}, {text}, COUNT(*)"  # noqa: S608 - names of ours
        f" FROM {quoted([table])} WHERE {among} GROUP BY 1, 2, 3"
    )
    return Statement(f"manifests of {table}", in_case(dialect, sql), parameters)


def _places(dialect: Dialect, rulesets: Collection[str | None], window: Window) -> Statement:
    """Return the query of ranges of offsets: in one, offsets and their numbers rise together."""
    conditions, parameters = _among(rulesets)
    moment = f"CAST(? AS {dialect.types[Kind.TIMESTAMP]})"
    for sign, limit in ((">=", window.since), ("<", window.until)):
        if limit is not None:
            conditions += f' AND "received_at" {sign} {moment}'
            parameters = (*parameters, iso(limit))
    place = '"source_topic", "source_partition"'
    number = f'ROW_NUMBER() OVER (PARTITION BY {place} ORDER BY "source_offset")'
    inner = (
        f'SELECT {place}, "source_offset", "source_offset" - {number} AS "apart"'  # noqa: S608 - names of ours
        f" FROM {quoted([MESSAGES])} WHERE {conditions}"
    )
    sql = (
        f'SELECT {place}, MIN("source_offset"), MAX("source_offset") + 1 FROM ({inner}) AS "places"'  # noqa: S608 - the same
        f' GROUP BY {place}, "apart" ORDER BY 1, 2, 3'
    )
    return Statement("places of messages", in_case(dialect, sql), parameters)


def _among(rulesets: Collection[str | None]) -> tuple[str, tuple[Parameter, ...]]:
    known = sorted(each for each in rulesets if each is not None)
    parts = [f"{quoted([RULESET])} IN ({', '.join('?' * len(known))})"] if known else []
    if None in rulesets:
        parts.append(f"{quoted([RULESET])} IS NULL")
    return f"({' OR '.join(parts)})", tuple(known)
