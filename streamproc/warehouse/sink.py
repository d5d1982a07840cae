"""The port of the loader: what a warehouse has to do for it.

The warehouse is the authority on how far each partition of the loader topic has been loaded. It
keeps that offset beside the rows and moves both in one transaction, so a loader that dies anywhere
leaves a batch wholly in or not at all, and whoever comes next goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from streamproc.errors import RetryableError
from streamproc.events import Micros
from streamproc.warehouse.rows import LoadedRow

__all__ = ["Advance", "Batch", "LoadResult", "OffsetsMovedError", "Sink"]


class Advance(NamedTuple):
    """How a batch moves a partition: from the warehouse's offset to the next one to read.

    Gaps between the two are fine: a topic need not have a record at every offset.
    """

    expected: int
    following: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction loads.

    Attributes:
        topic: The loader topic.
        rows: The rows in the order they were read; a ``message_id`` may come more than once.
        advances: By partition. Covers every record read, rows or not.
        loaded_at: The moment, for the rows' ``loaded_at``.
    """

    topic: str
    rows: Sequence[LoadedRow] = field(repr=False)
    advances: Mapping[int, Advance]
    loaded_at: Micros


class LoadResult(NamedTuple):
    """Rows that are new in the warehouse, and rows that were left out as duplicates."""

    rows: int
    duplicates: int


class OffsetsMovedError(RetryableError):
    """Another loader moved a partition on: nothing was loaded, read the offsets again."""


class Sink(Protocol):
    """A warehouse. Used by one thread."""

    def offsets(self, topic: str) -> Mapping[int, int]:
        """Return, by partition, the next offset to load; a partition never loaded is left out.

        Raises:
            RetryableError: The warehouse is not there.
        """

    def load(self, batch: Batch) -> LoadResult:
        """Load ``batch`` in one transaction: offsets compared and set, then the rows not yet there.

        Of rows with one ``message_id`` the first ever loaded stays. A partition never loaded
        counts as being at offset 0. When this returns, the batch is durable; when it raises,
        nothing of it is there.

        Raises:
            OffsetsMovedError: A partition is not where the batch expects it.
            RetryableError: The warehouse is not there, locked or full.
        """

    def close(self) -> None:
        """Let go of the warehouse; the sink is of no use afterwards."""
