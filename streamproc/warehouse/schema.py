"""The tables of a warehouse as they are, as a batch needs them, and what has to change between.

Pure: a sink reports a :class:`Schema` and carries changes out; the loader compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from streamproc.warehouse.kinds import Kind, join

__all__ = ["AddColumns", "Change", "Columns", "CreateTable", "Schema", "Widen", "changes"]

Columns: TypeAlias = Mapping[str, Kind]
Schema: TypeAlias = Mapping[str, Columns]
"""Tables and their columns, in the warehouse's order, by the names that ``naming`` gives them."""


@dataclass(frozen=True, slots=True)
class CreateTable:
    """A table that is not there yet."""

    table: str
    columns: Columns


@dataclass(frozen=True, slots=True)
class AddColumns:
    """Columns that a table does not have yet."""

    table: str
    columns: Columns


@dataclass(frozen=True, slots=True)
class Widen:
    """A column whose kind does not hold all values any more."""

    table: str
    column: str
    before: Kind
    after: Kind


Change: TypeAlias = CreateTable | AddColumns | Widen


def changes(there: Schema, needed: Schema) -> list[Change]:
    """Return what makes ``there`` hold all that is ``needed``; nothing if it does already."""
    found: list[Change] = []
    for table, columns in needed.items():
        if (known := there.get(table)) is None:
            found.append(CreateTable(table, columns))
            continue
        if new := {name: kind for name, kind in columns.items() if name not in known}:
            found.append(AddColumns(table, new))
        for name, kind in columns.items():
            if name in known and (wider := join(known[name], kind)) is not known[name]:
                found.append(Widen(table, name, known[name], wider))
    return found
