"""What is written of ``identity_mappings`` next, and whether it may be.

The warehouse's offsets say, for the partitions of the topic of links too, how far they have been
taken into account; each batch compares them and moves them on, as batches of rows do. So of two
loaders that write to the table the second is told, and reads on before it goes on: what is written
never is older than what is there. A loader's own state knows what it has not written yet; it notes
how far the table was when it wrote to it last.

The table is made *anew*, as a whole, where that is of no use: the table is not there, it is of
another topic, or behind what this state has written (somebody has restored it), or the state is
new. Meanwhile the offsets have, in the place of a topic's id, a name of their own; so nobody takes
the table for whole, and whoever comes next begins anew too. Rows stay until the last batch, which
takes away what was not written since.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import pyarrow as pa

from streamproc.events import Micros
from streamproc.identity.mappings import Due
from streamproc.identity.mappings import Mapping as Told
from streamproc.warehouse.mappings import COLUMNS, MAPPINGS
from streamproc.warehouse.schema import Columns
from streamproc.warehouse.shape.arrow import TYPES
from streamproc.warehouse.sink import START, Advance, Batch, Mapped, Place, Position
from streamproc.warehouse.standard import ROW

__all__ = ["ANEW", "MappingBatch", "Standing", "anew", "is_useful", "noted", "reached", "to_note"]

Standing: TypeAlias = Mapping[Place, Position]
"""Where the table is, by the partitions of the topic of links."""

ANEW: Final = "anew-"
"""How, in the place of a topic's id, a name begins of one who makes the table anew."""

FRAME_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True)
class MappingFrame:
    """Mappings as a sink takes them; a :class:`~streamproc.warehouse.sink.Frame`."""

    mappings: Sequence[Told] = field(repr=False)

    @property
    def columns(self) -> Columns:
        """Return the table's columns."""
        return COLUMNS

    @property
    def rows(self) -> int:
        """Return how many tokens it tells of."""
        return len(self.mappings)

    def read(self) -> Iterator[pa.Table]:
        """Yield the rows."""
        for start in range(0, len(self.mappings), FRAME_ROWS):
            some = self.mappings[start : start + FRAME_ROWS]
            columns = {
                ROW: pa.array(range(start, start + len(some)), pa.int64()),
                "token": pa.array([each.token for each in some], pa.string()),
                "kind": pa.array([each.kind or None for each in some], pa.string()),
                "identity_id": pa.array([each.identity for each in some], pa.string()),
                "valid_from": pa.array([each.since for each in some], TYPES[COLUMNS["valid_from"]]),
            }
            yield pa.table(columns)


@dataclass(frozen=True, slots=True)
class MappingBatch:
    """One transaction.

    Attributes:
        due: What it tells.
        before: Where the table has to be.
        after: Where it is then.
        mapped: How it is written.
    """

    due: Due
    before: Standing
    after: Standing
    mapped: Mapped

    @property
    def says_something(self) -> bool:
        """Return whether there is anything to be written."""
        return bool(self.due.mappings) or self.before != self.after or self.mapped.whole

    def to_batch(self, loader: str, at: Micros) -> Batch:
        """Return it as a sink takes it."""
        frame = MappingFrame(self.due.mappings)
        return Batch(
            advances={
                place: Advance(self.before.get(place, START), following)
                for place, following in self.after.items()
            },
            frames={MAPPINGS: frame} if frame.rows else {},
            deletions=(),
            mode="dedupe",
            corrections=False,
            loader=loader,
            loaded_at=at,
            mapped=self.mapped,
        )


def reached(at: Mapping[Place, int], topic_id: str | None) -> Standing:
    """Return where a table is that has all that a state has read."""
    return {place: Position(offset, topic_id) for place, offset in at.items()}


def anew(places: Sequence[Place], name: str, number: int) -> Standing:
    """Return where a table is of which ``number`` batches were written since it is made anew."""
    return {place: Position(number, ANEW + name) for place in places}


def to_note(standing: Standing) -> str:
    """Return what a state notes of a table that was written to."""
    return json.dumps([[*place, *position] for place, position in sorted(standing.items())])


def noted(note: str | None) -> Standing | None:
    """Return what was noted; None where nothing was."""
    if note is None:
        return None
    return {Place(topic, number): Position(*at) for topic, number, *at in json.loads(note)}


def is_useful(
    standing: Standing, written: Standing | None, at: Mapping[Place, int], topic_id: str | None
) -> bool:
    """Return whether a table can be gone on with, by a state that has read all there is.

    Args:
        standing: Where the table is.
        written: Where it was when this state wrote to it last; None if it never did.
        at: Up to where the state has read.
        topic_id: Of the topic that it reads.
    """
    if written is None:
        return False
    return standing.keys() >= written.keys() and all(
        position.topic_id == topic_id
        and written.get(place, START).offset <= position.offset <= at.get(place, 0)
        for place, position in standing.items()
    )
