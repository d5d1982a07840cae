"""What the next batch would do: which statements change the tables, which rows go where.

A session runs as always, with three things in the place of others: a warehouse that takes note of
what it is told and does not do it, consumers without a group, so that no loader is disturbed, and
no way for dead letters to go.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from streamproc.events import DeadLetter, Micros
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.schema import AddColumns, Change, CreateTable, Schema, Widen
from streamproc.warehouse.sink import Batch, Load, LoadResult, Place, Position, Sink, Together

__all__ = ["LoadPlan", "NoDeadLetters", "PlanningSink"]


@dataclass(slots=True)
class LoadPlan:
    """One batch, not loaded.

    Attributes:
        statements: What would be said to the warehouse to change its tables.
        rows: By table, those that are there already among them.
        deletions: How many people would be deleted.
        dead: How many records would become dead letters.
    """

    statements: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    deletions: int = 0
    dead: int = 0


class NoDeadLetters:
    """Takes dead letters and sends them nowhere."""

    is_failing = False

    def send(self, letter: DeadLetter) -> None:
        """Forget ``letter``: the loader will send it."""

    def flush(self) -> None:
        """Return: there is nothing to wait for."""


class PlanningSink:
    """A :class:`~streamproc.warehouse.sink.Sink` that leaves another one as it is."""

    def __init__(self, sink: Sink, plan: LoadPlan) -> None:
        """Look at ``sink``; write into ``plan`` what would be done."""
        self._sink = sink
        self._plan = plan
        self._schema: Schema | None = None

    @property
    def dialect(self) -> Dialect:
        """Return how names and types are written there."""
        return self._sink.dialect

    def offsets(self) -> Mapping[Place, Position]:
        """Return how far each partition is."""
        return self._sink.offsets()

    def schema(self) -> Schema:
        """Return the tables as they would be by now."""
        if self._schema is None:
            self._schema = self._sink.schema()
        return self._schema

    def statements(self, changes: Sequence[Change]) -> list[str]:
        """Return what would be said."""
        return self._sink.statements(changes)

    def change(self, changes: Sequence[Change]) -> None:
        """Write down what would be said."""
        self._plan.statements += self._sink.statements(changes)
        self._schema = _changed(self.schema(), changes)

    def load(self, batch: Batch) -> LoadResult:
        """Write down how many rows would be loaded."""
        self._plan.rows.update({table: frame.rows for table, frame in batch.frames.items()})
        self._plan.deletions += len(batch.deletions)
        return LoadResult(0, 0)

    def counts(self) -> Mapping[str, int]:
        """Return the rows of each table."""
        return self._sink.counts()

    def loads(self, since: Micros) -> Sequence[Load]:
        """Return the batches loaded."""
        return self._sink.loads(since)

    def together(self, tokens: Collection[str]) -> Sequence[Together]:
        """Return which tokens any of ``tokens`` is in events with."""
        return self._sink.together(tokens)

    def clean(self) -> int:
        """Leave all as it is."""
        return 0

    def close(self) -> None:
        """Let go of the warehouse."""
        self._sink.close()


def _changed(schema: Schema, changes: Sequence[Change]) -> Schema:
    changed = {table: dict(columns) for table, columns in schema.items()}
    for change in changes:
        match change:
            case CreateTable(table, columns):
                changed[table] = dict(columns)
            case AddColumns(table, columns):
                changed[table] |= columns
            case Widen(table, column, _, after):
                changed[table][column] = after
    return changed
