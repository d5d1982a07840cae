"""From spooled chunks to what a sink takes: one kind a column, the tables ready for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog

from streamproc.errors import RetryableError
from streamproc.events import Micros
from streamproc.warehouse.kinds import join
from streamproc.warehouse.loading.pending import Chunk, Sealed
from streamproc.warehouse.loading.spool import SpooledFrame
from streamproc.warehouse.schema import Change, Schema, changes
from streamproc.warehouse.sink import Batch, Frame, LoadResult, Mode, Sink
from streamproc.warehouse.standard import LOADED, SYSTEM

__all__ = ["Loaded", "LoadedBy", "load", "merged", "needed", "to_batch"]

log = structlog.get_logger()

ROUNDS: Final = 5
"""How often a table may turn out differently than it was made: others change it too."""
BY_SINK: Final = frozenset({"loaded_at", LOADED})
"""Columns of the system's tables that a sink fills."""


@dataclass(frozen=True, slots=True)
class LoadedBy:
    """Who loads, when and how."""

    loader: str
    mode: Mode
    at: Micros


class Loaded(NamedTuple):
    """What came of a batch, and the tables as they are now."""

    result: LoadResult
    schema: Schema


def load(sink: Sink, sealed: Sealed, known: Schema, by: LoadedBy) -> Loaded:
    """Load a batch: change the tables until they hold it, then hand it over.

    Args:
        sink: The warehouse.
        sealed: What to load.
        known: The tables as they were last seen.
        by: Who loads it.

    Raises:
        RetryableError: As the sink's methods do.
    """
    schema = _change(sink, known, needed(sealed.chunks))
    return Loaded(sink.load(to_batch(sealed, schema, by)), schema)


def needed(chunks: Iterable[Chunk]) -> Schema:
    """Return the tables of events that hold all of ``chunks``."""
    found: Schema = {}
    for chunk in chunks:
        found = merged(found, chunk.kinds)
    return found


def merged(one: Schema, other: Schema) -> Schema:
    """Return the tables that hold all that both do."""
    found = dict(one)
    for table, columns in other.items():
        there = found.get(table, {})
        wider = {
            name: join(there[name], kind) if name in there else kind
            for name, kind in columns.items()
        }
        found[table] = {**there, **wider}
    return found


def to_batch(sealed: Sealed, schema: Schema, by: LoadedBy) -> Batch:
    """Return the batch, its columns in the kinds that they have in ``schema``."""
    chunks = sealed.chunks
    tables = dict.fromkeys(table for chunk in chunks for table in chunk.tables.rows)
    return Batch(
        advances=sealed.advances,
        frames={table: _frame(table, chunks, schema) for table in tables},
        deletions=[deletion for chunk in chunks for deletion in chunk.deletions],
        mode=by.mode,
        corrections=any(chunk.corrections for chunk in chunks),
        loader=by.loader,
        loaded_at=by.at,
    )


def _frame(table: str, chunks: Sequence[Chunk], schema: Schema) -> Frame:
    pieces = [chunk for chunk in chunks if table in chunk.tables.rows]
    if table in SYSTEM:
        columns = {name: kind for name, kind in SYSTEM[table].items() if name not in BY_SINK}
    else:
        names = dict.fromkeys(name for chunk in pieces for name in chunk.kinds[table])
        columns = {name: schema[table][name] for name in names}
    return SpooledFrame(
        table,
        columns,
        sum(chunk.tables.rows[table] for chunk in pieces),
        [chunk.tables for chunk in pieces],
    )


def _change(sink: Sink, known: Schema, asked: Schema) -> Schema:
    for _ in range(ROUNDS):
        due: list[Change] = changes(known, asked)
        if not due:
            return known
        sink.change(due)
        log.info("tables changed", changes=len(due), tables=sorted({each.table for each in due}))
        known = sink.schema()
    raise RetryableError("the tables are changed by others again and again")
