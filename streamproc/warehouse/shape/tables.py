"""An event's rows in the tables of RudderStack's warehouse schema, one event at a time.

This is the meaning; :mod:`streamproc.warehouse.shape.frames` does the same for thousands of events
at once, and falls back to this for those that are unusual.

Which field goes where follows rudder-transformer, ``src/warehouse/index.js`` and ``config/``
(https://github.com/rudderlabs/rudder-transformer):

- ``context`` becomes ``context_…`` in every table, and ``identity``, which is streamproc's own,
  ``identity_…``, a column for each attribute; ``properties`` (of a group and an alias
  ``traits``) become columns of their own names, in ``tracks`` not at all. The traits of an identify
  are those of ``context.traits`` and of ``traits``, the latter first.
- Objects become columns down to some depth; what is deeper, and every list, is JSON.
- Null, empty texts, lists and objects are no value.

Where two keys of one event ask for one column RudderStack drops one; here both have a column
(:func:`streamproc.warehouse.shape.names.distinct`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from streamproc.events import Json
from streamproc.warehouse.kinds import Kind, fit
from streamproc.warehouse.rows import IDENTITY, LoadedRow
from streamproc.warehouse.shape.names import ColumnPath, Naming
from streamproc.warehouse.standard import TABLES, USER, USERS

__all__ = [
    "CONTEXT",
    "FIELDS",
    "PLAIN",
    "Fields",
    "TableRow",
    "event_table",
    "has_id_key",
    "has_user",
    "is_blank",
    "is_same",
    "leaves",
    "rows_of",
]

Fields: TypeAlias = Mapping[str, tuple[ColumnPath, ...]]

CONTEXT: Final[ColumnPath] = ("context",)
"""The object of an event whose columns keep its name before them."""

PLAIN: Final[Mapping[str, tuple[ColumnPath, ...]]] = {
    "track": (("properties",), ("userProperties",)),
    "identify": (("userProperties",), ("context", "traits"), ("traits",)),
    "page": (("properties",),),
    "screen": (("properties",),),
    "group": (("traits",),),
    "alias": (("traits",),),
}
"""By type, the objects whose columns do without their name; of one path, the later one's value."""

EVERY_FIELD: Final[dict[str, tuple[ColumnPath, ...]]] = {
    "channel": (("channel",),),
    "context_ip": (("context", "ip"), ("request_ip",)),
    "context_passed_ip": (("context", "ip"),),
    "context_request_ip": (("request_ip",),),
}
NAMED: Final[dict[str, tuple[ColumnPath, ...]]] = {
    "name": (("name",), ("properties", "name")),
    "category": (("category",), ("properties", "category")),
}
FIELDS: Final[Mapping[str, Fields]] = {
    "track": EVERY_FIELD,
    "identify": EVERY_FIELD,
    "page": EVERY_FIELD | NAMED,
    "screen": EVERY_FIELD | NAMED,
    "group": {**EVERY_FIELD, "group_id": (("groupId",),)},
    "alias": {**EVERY_FIELD, "previous_id": (("previousId",),)},
}
"""By type, columns for single fields: the first of these places that has a plain value."""


UUID_LENGTH: Final = 36
ID: Final = re.compile(
    r"(?:tok|enc)_[0-9A-Za-z]{1,16}_[a-p_]{32}"
    r"|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
)
"""What :mod:`streamproc.redact` puts in the place of a person's key, and UUIDs (RFC 9562); no part
of either is shorter than :data:`UUID_LENGTH` characters."""


class TableRow(NamedTuple):
    """A row of one table.

    Attributes:
        table: Its name.
        standard: The columns of :mod:`~streamproc.warehouse.standard` that hold what the row's own
            fields say; times in microseconds.
        values: Every other column, as the event has its value; no null among them.
    """

    table: str
    standard: Mapping[str, str | int | None]
    values: Mapping[str, Json]

    def __repr__(self) -> str:
        """Name the table; the rest is of the event."""
        return f"TableRow({self.table})"


def rows_of(row: LoadedRow, naming: Naming, depth: int) -> list[TableRow]:
    """Return the rows of an event in the tables of events, the base table first.

    Args:
        row: The event.
        naming: The warehouse's names.
        depth: Levels of objects that become columns.
    """
    standard = _standard(row)
    base = standard | _base(row)
    if row.type == "track":
        table = event_table(row, naming)
        track: dict[str, str | int | None] = {"event": table, "event_text": _text(row.event)}
        context = _values(row, (), naming, depth)
        rows = [TableRow(TABLES["track"], base | track, context)]
        if table is not None:
            values = _values(row, PLAIN["track"], naming, depth)
            rows.append(TableRow(table, standard | track, values))
        return rows
    values = _values(row, PLAIN[row.type], naming, depth)
    rows = [TableRow(TABLES[row.type], base, values)]
    if has_user(row):
        user = {name: standard[name] for name in USER} | {"id": _text(row.user_id)}
        rows.append(TableRow(USERS, user, values))
    return rows


def event_table(row: LoadedRow, naming: Naming) -> str | None:
    """Return the table of a tracked event's own, None without a name to call it by."""
    if row.type != "track" or row.event is None or not row.event.strip():
        return None
    return naming.table(row.event)


def has_user(row: LoadedRow) -> bool:
    """Whether an event has a line for ``users``: an identify that says who it is."""
    return row.type == "identify" and bool(row.user_id and row.user_id.strip())


def leaves(value: Json, path: ColumnPath, depth: int) -> Iterator[tuple[ColumnPath, Json]]:
    """Yield what becomes columns below ``path``, ``depth`` levels of objects deep.

    An object below that is keyed by ids is a value, of the column that has its name.
    """
    if isinstance(value, Mapping) and depth > 0:
        for key, below in value.items():
            keyed_by_ids = isinstance(below, Mapping) and has_id_key(below)
            yield from leaves(below, (*path, key), 0 if keyed_by_ids else depth - 1)
    elif not is_blank(value):
        yield path, value


def has_id_key(keys: Iterable[str]) -> bool:
    """Whether some key tells one thing from another of its kind, as a token does, or a UUID.

    There is no end to such keys: as columns, 300 invitations that hold the role of each guest make
    a table of 370.
    """
    return any(len(key) >= UUID_LENGTH and ID.search(key) is not None for key in keys)


def is_blank(value: Json) -> bool:
    """Whether ``value`` is none: null, or an empty text, list or object."""
    return value is None or (not value and isinstance(value, str | list | Mapping))


def is_same(one: Json, other: Json) -> bool:
    """Whether two values are the same in JSON: ``1`` is neither ``true`` nor ``1.0``."""
    return type(one) is type(other) and one == other


def _standard(row: LoadedRow) -> dict[str, str | int | None]:
    return {
        "id": _text(row.message_id),
        "anonymous_id": _text(row.anonymous_id),
        "user_id": _text(row.user_id),
        "received_at": row.received_at,
        "sent_at": row.sent_at,
        "original_timestamp": row.original_timestamp,
        "timestamp": row.timestamp,
        "identity_id": _text(row.identity_id),
        "account_id": _text(row.account_id),
        "identity_resolved_by": _text(row.identity_resolved_by),
        "identity_resolved_at": row.identity_resolved_at,
        "ruleset": _text(row.ruleset),
    }


def _base(row: LoadedRow) -> dict[str, str | int | None]:
    violations = None if row.violations == "[]" else row.violations
    return {"redaction_manifest": row.manifest, "tracking_plan_violations": violations}


def _text(value: str | None) -> str | None:
    text = fit(value or None, Kind.STRING)
    assert text is None or isinstance(text, str)
    return text


def _values(
    row: LoadedRow, plain: tuple[ColumnPath, ...], naming: Naming, depth: int
) -> dict[str, Json]:
    body = row.payload
    found: dict[ColumnPath, Json] = {}
    for container in (CONTEXT, *plain):
        value = _at(body, container)
        if isinstance(value, Mapping):
            prefix = CONTEXT if container == CONTEXT else ()
            found.update(leaves(value, prefix, depth))
        elif len(container) == 1 and not is_blank(value):
            found[container] = value
    fields = FIELDS[row.type]
    values = _fields(body, fields, found, depth)
    names = naming.columns(found, taken=fields)
    attributes = dict(_attributes(body.get(IDENTITY), naming))
    return values | {names[path]: value for path, value in found.items()} | attributes


def _attributes(identity: Json, naming: Naming) -> Iterator[tuple[str, Json]]:
    if isinstance(identity, Mapping):
        for name, value in identity.items():
            if not is_blank(value):
                yield naming.attribute(name), value


def _fields(
    body: Mapping[str, Json], fields: Fields, found: dict[ColumnPath, Json], depth: int
) -> dict[str, Json]:
    """Return the values of ``fields``; ``found`` loses what they say and gets what they cannot."""
    values: dict[str, Json] = {}
    for column, places in fields.items():
        for place in places:
            value = _at(body, place)
            if is_blank(value):
                continue
            if isinstance(value, Mapping | list):
                if len(place) == 1:
                    found.update(leaves(value, place, depth))
            elif column not in values:
                values[column] = value
    for column, places in fields.items():
        for place in places:
            path = place[1:] if place[0] == "properties" else place
            if column in values and path in found and is_same(found[path], values[column]):
                del found[path]
    return values


def _at(body: Mapping[str, Json], place: ColumnPath) -> Json:
    value: Json = body
    for key in place:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
