"""LookML of a warehouse's tables: a view for each, and a model with an explore for each base table.

An explore joins who the event's user is, and whose its identity is by now.

Pure, and the same files for the same tables. What holds personal data is tagged so, with what was
found there and what became of it: ``tags: ["pii", "EMAIL_ADDRESS", "tokenised"]``.

https://cloud.google.com/looker/docs/reference/lookml-quick-reference
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.mappings import MAPPINGS
from streamproc.warehouse.redactions import Mark, Marks
from streamproc.warehouse.schema import Columns, Schema
from streamproc.warehouse.standard import ATTRIBUTES, BASE, LOADED, OVERFLOW, TABLES, USERS

__all__ = ["HEADER", "Place", "strangers", "to_lookml"]

HEADER: Final = (
    "# Made by `streamproc lookml` from the warehouse's tables, and overwritten by it.\n"
    "# Refine views in files of your own: view: +tracks { … }\n"
)

NAME: Final = re.compile(r"[a-z0-9_]+")
"""What all names of the loader's match, and what a name in LookML may be."""

HIDDEN: Final = frozenset(
    {*BASE, LOADED, OVERFLOW, "identity_resolved_at", "original_timestamp", "ruleset", "sent_at"}
)
"""Columns for those who look after the warehouse, not for those who ask it."""

TIMEFRAMES: Final = ("raw", "time", "hour", "date", "week", "month", "quarter", "year")
DATE_TIMEFRAMES: Final = ("raw", "date", "week", "month", "quarter", "year")

SUBJECTS: Final = {
    "anonymous_id": ("DEVICE_ID",),
    "identity_id": ("IDENTITY", "tokenised"),
    "user_id": ("USER_ID",),
}
"""Tags of columns that say who it was, whatever else they hold."""

KEYS: Final = {MAPPINGS: "token"}
"""The column that names a row, of tables where it is not ``id``."""

OF_MAPPINGS: Final = {
    "token": "Token of an identity, as events have it.",
    "kind": "What it is a token of: user_id, anonymous_id, or the name of a trait.",
    "identity_id": "Token of the person whose it is by now.",
    "valid_from": "When the link was stated that shows it.",
}

TREATMENTS: Final = {
    "date_shift": "shifted",
    "drop": "dropped",
    "encrypt": "encrypted",
    "format_preserve": "replaced in its form",
    "generalise": "generalised",
    "hash": "tokenised",
    "keep": "kept",
    "mask": "masked",
    "redact": "redacted",
    "replace": "replaced",
    "truncate_ip": "truncated",
}

DESCRIPTIONS: Final = {
    "id": "The event's message id.",
    "anonymous_id": "The device or browser.",
    "user_id": "The user; empty before they are known.",
    "identity_id": "Token of the person, as far as known when the event was processed.",
    "account_id": "Token of the account that the person belongs to, or that the event names.",
    "identity_resolved_by": (
        "What showed who it was: user_id, alias, anonymous_id or trait; empty where nothing did."
    ),
    "identity_resolved_at": (
        "When the link was stated that showed who it was; empty where the event's own id did."
    ),
    "received_at": "When the server received it.",
    "sent_at": "When it was sent, by the device's clock.",
    "original_timestamp": "When it happened, by the device's clock.",
    "timestamp": "When it happened, by the server's clock.",
    "ruleset": "Fingerprint of the ruleset that redacted the event.",
    "event": "Name of the event's own table.",
    "event_text": "Name of the event as it was sent.",
    "redaction_manifest": "What was redacted: paths, entities, rules; no values.",
    "tracking_plan_violations": "Where the event is not as the tracking plan has it.",
    LOADED: "When the loader wrote the row.",
    OVERFLOW: "What is beyond the table's most columns, as JSON.",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where Looker finds the tables.

    Attributes:
        dialect: The warehouse's.
        schema: The schema of the tables as SQL names it, such as ``STREAMPROC.EVENTS``.
        connection: Looker's name of its connection to the warehouse.
    """

    dialect: Dialect
    schema: str
    connection: str


def to_lookml(schema: Schema, marks: Marks, place: Place) -> dict[str, str]:
    """Return the files, by their path; names that are not the loader's are left out."""
    tables = {
        table: {name: kind for name, kind in columns.items() if NAME.fullmatch(name)}
        for table, columns in sorted(schema.items())
        if NAME.fullmatch(table) and _key(table) in columns
    }
    files = {
        f"views/{table}.view.lkml": HEADER + "\n" + _view(table, columns, marks, place)
        for table, columns in tables.items()
    }
    files["streamproc.model.lkml"] = HEADER + "\n" + _model(tables, place)
    return files


def strangers(schema: Schema) -> list[str]:
    """Return the tables, and ``table.column`` of the others, whose names are not the loader's."""
    found = []
    for table, columns in schema.items():
        if NAME.fullmatch(table) and _key(table) in columns:
            found += [f"{table}.{name}" for name in columns if not NAME.fullmatch(name)]
        else:
            found.append(table)
    return sorted(found)


def _model(tables: Collection[str], place: Place) -> str:
    lines = [f"connection: {_text(place.connection)}", 'include: "views/*.view.lkml"']
    own = [table for table in tables if table not in {*TABLES.values(), USERS, MAPPINGS}]
    for base in (table for table in TABLES.values() if table in tables):
        joins = list(_joins(base, own if base == TABLES["track"] else [], tables))
        lines += ["", *_block("explore", base, [line for join in joins for line in join])]
    return "\n".join(lines) + "\n"


def _joins(base: str, own: Iterable[str], tables: Collection[str]) -> Iterator[list[str]]:
    if USERS in tables:
        yield _block("join", USERS, _join(f"${{{base}.user_id}} = ${{users.id}}", "many_to_one"))
    if MAPPINGS in tables:
        found = f"${{{base}.identity_id}} = ${{{MAPPINGS}.token}}"
        yield _block("join", MAPPINGS, _join(found, "many_to_one"))
    for table in own:
        yield _block("join", table, _join(f"${{{base}.id}} = ${{{table}.id}}", "one_to_one"))


def _join(condition: str, relationship: str) -> list[str]:
    return [
        "type: left_outer",
        f"relationship: {relationship}",
        f"sql_on: {condition} ;;",
    ]


def _view(table: str, columns: Columns, marks: Marks, place: Place) -> str:
    groups = _groups(columns)
    lines = [f"sql_table_name: {place.schema}.{place.dialect.quote(table)} ;;"]
    for name, kind in columns.items():
        found = marks.get(table, {}).get(name, frozenset())
        body = [
            *(["primary_key: yes"] if name == _key(table) else []),
            *_typed(kind),
            f"sql: ${{TABLE}}.{place.dialect.quote(name)} ;;",
            *(_told_of_mappings(name) if table == MAPPINGS else _told(name, kind, found)),
        ]
        parameter = "dimension_group" if name in groups else "dimension"
        lines += ["", *_block(parameter, groups.get(name, name), body)]
    lines += _measures(columns, groups)
    return "\n".join(_block("view", table, lines)) + "\n"


def _key(table: str) -> str:
    return KEYS.get(table, "id")


def _typed(kind: Kind) -> list[str]:
    if kind is Kind.TIMESTAMP:
        return ["type: time", f"timeframes: [{', '.join(TIMEFRAMES)}]"]
    if kind is Kind.DATE:
        return [
            "type: time",
            f"timeframes: [{', '.join(DATE_TIMEFRAMES)}]",
            "datatype: date",
            "convert_tz: no",
        ]
    types = {Kind.BOOLEAN: "yesno", Kind.INTEGER: "number", Kind.FLOAT: "number"}
    return [f"type: {types.get(kind, 'string')}"]


def _told_of_mappings(name: str) -> Iterator[str]:
    if name == LOADED:
        yield "hidden: yes"
    if description := OF_MAPPINGS.get(name, DESCRIPTIONS.get(name)):
        yield f"description: {_text(description)}"
    if name in {"token", "identity_id"}:
        yield f"tags: [{', '.join(map(_text, ('pii', *SUBJECTS['identity_id'])))}]"


def _told(name: str, kind: Kind, found: Collection[Mark]) -> Iterator[str]:
    if name in HIDDEN or kind is Kind.JSON:
        yield "hidden: yes"
    entities = sorted({mark.entity for mark in found})
    treatments = sorted({TREATMENTS.get(mark.operator, mark.operator) for mark in found})
    description = DESCRIPTIONS.get(name, "")
    if not description and name.startswith(ATTRIBUTES):
        description = f"What the business says of the person: {name.removeprefix(ATTRIBUTES)}."
    if found:
        told = f"Personal data ({', '.join(entities)}), {', '.join(treatments)}."
        description = f"{description} {told}".lstrip()
    if description:
        yield f"description: {_text(description)}"
    if found or name in SUBJECTS:
        tags = dict.fromkeys(["pii", *SUBJECTS.get(name, ()), *entities, *treatments])
        yield f"tags: [{', '.join(map(_text, tags))}]"


def _groups(columns: Columns) -> dict[str, str]:
    """Return the names of the columns of times as groups: none of their fields has another's name.

    Looker calls a field of a group ``<group>_<timeframe>``.
    """
    taken = {name for name, kind in columns.items() if kind not in (Kind.TIMESTAMP, Kind.DATE)}
    groups: dict[str, str] = {}
    for name, kind in columns.items():
        if kind in (Kind.TIMESTAMP, Kind.DATE):
            group = name.removesuffix("_at") or name
            while not taken.isdisjoint(_fields(group)):
                group += "_"
            taken.update(_fields(group))
            groups[name] = group
    return groups


def _fields(group: str) -> set[str]:
    return {group, *(f"{group}_{timeframe}" for timeframe in TIMEFRAMES)}


def _measures(columns: Columns, groups: Mapping[str, str]) -> list[str]:
    taken = {*columns, *(field for group in groups.values() for field in _fields(group))}
    count = _free("count", taken)
    lines = ["", *_block("measure", count, ["type: count"])]
    if "identity_id" in columns:
        name = _free("identity_count", taken)
        told = f"description: {_text('How many persons, as far as they are known.')}"
        body = ["type: count_distinct", "sql: ${identity_id} ;;", told]
        lines += ["", *_block("measure", name, body)]
    return lines


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _block(parameter: str, name: str, body: Iterable[str]) -> list[str]:
    return [f"{parameter}: {name} {{", *(f"  {line}" if line else "" for line in body), "}"]


def _text(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
