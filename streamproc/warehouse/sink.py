"""The port of the loader: what a warehouse has to do for it.

The warehouse is the authority on how far each partition of the loader's topics has been loaded. It
keeps that offset beside the rows and moves both in one transaction, so a loader that dies anywhere
leaves a batch wholly in or not at all, and whoever comes next goes on from there.

Tables that a sink keeps beside those of the events (:data:`~streamproc.warehouse.standard.SYSTEM`):

``streamproc_offsets``
    By topic and partition, the next offset to load, and the id of the topic that it is of.
``streamproc_messages``
    One line for every message id ever loaded: what the dedupe asks, and where to find a row again.
``streamproc_deletions``
    Tokens of people whose rows were deleted, so that a row that comes late stays out.
``streamproc_loads``
    One line a batch: when, by whom, how many rows, how many seconds of the warehouse.
``discards``
    Values that did not fit their columns: where, which type, how long; never the value in clear.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol, TypeAlias

from streamproc.errors import RetryableError
from streamproc.events import Deletion, Micros
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.schema import Change, Columns, Schema

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "START",
    "Access",
    "Advance",
    "Batch",
    "Deletion",
    "Frame",
    "Load",
    "LoadResult",
    "Mapped",
    "Mode",
    "OffsetsMovedError",
    "Place",
    "Position",
    "SchemaMovedError",
    "Sink",
    "Together",
]

Mode: TypeAlias = Literal["dedupe", "merge", "append"]
"""What a row does whose message id is in the warehouse already: stay out, replace, come again."""

Access: TypeAlias = Literal["load", "look"]
"""What a sink is opened for: to load, or to look and touch nothing."""


class Place(NamedTuple):
    """A partition of one of the loader's topics."""

    topic: str
    partition: int


class Position(NamedTuple):
    """How far a partition is loaded.

    A topic that is deleted and made anew has the same name and begins at offset 0 once more, but
    has another id: an offset is one of the topic with ``topic_id`` and says nothing of others.

    Attributes:
        offset: The next to load.
        topic_id: As Kafka writes it; None if it is not known, where brokers give topics none.
    """

    offset: int
    topic_id: str | None = None


START: Final = Position(0)
"""Where a partition is that was never loaded."""


class Advance(NamedTuple):
    """How a batch moves a partition: from where the warehouse has it to the next record to read.

    Gaps between the two are fine: a topic need not have a record at every offset. Where the topic
    was made anew the offset may be less than before.
    """

    expected: Position
    following: Position


class Frame(Protocol):
    """The rows of one table in a batch, in memory or spooled to disk."""

    @property
    def columns(self) -> Columns:
        """Return every column but the batch's own, with the kind its values have here."""

    @property
    def rows(self) -> int:
        """Return how many rows there are."""

    def read(self) -> Iterator[pa.Table]:
        """Yield the rows, some at a time; may be called again.

        First :data:`~streamproc.warehouse.standard.ROW` as int64, then ``columns``, in that order,
        each kind as its Arrow type in :data:`~streamproc.warehouse.shape.arrow.TYPES`.
        """


class Mapped(NamedTuple):
    """How what a batch tells of ``identity_mappings`` is written.

    Attributes:
        at: The moment, for ``uuid_ts`` in that table.
        whole: Whether the table is whole now, so that all that was written at another moment goes.
    """

    at: Micros
    whole: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction loads.

    Attributes:
        advances: By partition. Covers every record read, rows or not.
        frames: By table: ``streamproc_messages`` with one line an event, the tables of the events,
            ``users`` with one line an identify (not merged yet), and ``discards``; or
            ``identity_mappings`` with one line a token, without an identity where its row goes.
        deletions: People to be deleted, after the rows are in.
        mode: What to do with message ids that are there already.
        corrections: Whether ``streamproc_messages`` has lines whose ``correction`` is true: these
            replace what is there, in every mode.
        loader: Name of the process, for what it stages and for ``streamproc_loads``.
        loaded_at: The moment, for ``uuid_ts`` and ``loaded_at``.
        mapped: How ``identity_mappings`` is written, if it is.
    """

    advances: Mapping[Place, Advance]
    frames: Mapping[str, Frame] = field(repr=False)
    deletions: Sequence[Deletion]
    mode: Mode
    corrections: bool
    loader: str
    loaded_at: Micros
    mapped: Mapped | None = None


class LoadResult(NamedTuple):
    """What one batch did, in events (not in rows of tables).

    Attributes:
        rows: New events.
        duplicates: Events left out, their message id was there already.
        replaced: Events that took the place of one with their message id.
        deleted: Events that deletions took away or kept out.
        discards: Values that did not fit their columns.
        seconds: Time the warehouse was at work, for the estimate of what it costs.
    """

    rows: int
    duplicates: int
    replaced: int = 0
    deleted: int = 0
    discards: int = 0
    seconds: float = 0.0


class Together(NamedTuple):
    """Tokens that are in events together.

    Attributes:
        user_id: As the events have it, as the other two.
        last: When the last of these events was received.
        events: How many there are.
    """

    user_id: str | None
    anonymous_id: str | None
    identity_id: str | None
    last: Micros
    events: int

    def __repr__(self) -> str:
        """Say how many events they are."""
        return f"Together({self.events} events)"


class Load(NamedTuple):
    """One line of ``streamproc_loads``: what one batch did."""

    loader: str
    loaded_at: Micros
    events: int
    duplicates: int
    replaced: int
    deleted: int
    discards: int
    received_up_to: Micros | None
    seconds: float


class OffsetsMovedError(RetryableError):
    """Another loader moved a partition on: nothing was loaded, read the offsets again."""


class SchemaMovedError(RetryableError):
    """A table is not as the batch expects it: nothing was loaded, read the schema again."""


class Sink(Protocol):
    """A warehouse. Used by one thread at a time."""

    @property
    def dialect(self) -> Dialect:
        """Return how names and types are written here."""

    def offsets(self) -> Mapping[Place, Position]:
        """Return how far each partition is; one never loaded is left out.

        Raises:
            RetryableError: The warehouse is not there.
        """

    def schema(self) -> Schema:
        """Return the tables of events as they are now, without those of the system.

        Raises:
            RetryableError: The warehouse is not there.
        """

    def statements(self, changes: Sequence[Change]) -> list[str]:
        """Return what :meth:`change` would say to the warehouse, for people to read."""

    def change(self, changes: Sequence[Change]) -> None:
        """Change tables; each change is harmless where it is made already, by whomever.

        A change may turn out differently (another loader has added the column with another kind):
        read the schema again and compare. Killed anywhere, what is half done is finished by the
        next call, and no value is lost.

        Raises:
            RetryableError: The warehouse is not there, or others are at it.
        """

    def load(self, batch: Batch) -> LoadResult:
        """Load ``batch`` in one transaction: offsets compared and set, then all that is in it.

        A partition never loaded counts as being at :data:`START`. When this returns, the batch is
        durable; when it raises, either nothing of it is there or (a connection lost at the end)
        all of it: the offsets say which.

        Raises:
            OffsetsMovedError: A partition is not where the batch expects it.
            SchemaMovedError: A table lacks a column of a frame, or has it with a narrower kind.
            RetryableError: The warehouse is not there, locked or full.
        """

    def counts(self) -> Mapping[str, int]:
        """Return the rows of each table, of those of the events, ``streamproc_messages``, discards.

        Raises:
            RetryableError: The warehouse is not there.
        """

    def loads(self, since: Micros) -> Sequence[Load]:
        """Return the batches loaded from ``since`` on, the oldest first.

        Raises:
            RetryableError: The warehouse is not there.
        """

    def together(self, tokens: Collection[str]) -> Sequence[Together]:
        """Return which tokens any of ``tokens`` is in events with, by ``streamproc_messages``.

        Raises:
            RetryableError: The warehouse is not there.
        """

    def clean(self) -> int:
        """Remove what loaders that are gone have left staged, and return how many things it was."""

    def close(self) -> None:
        """Let go of the warehouse; the sink is of no use afterwards."""
