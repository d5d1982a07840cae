"""What a loader has done, and how far it is: what its log says and its command prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Progress", "Totals"]


@dataclass(slots=True)
class Totals:
    """What a loader has done since it started: events, values discarded, tokens of mappings."""

    rows: int = 0
    duplicates: int = 0
    dead: int = 0
    replaced: int = 0
    deleted: int = 0
    discards: int = 0
    batches: int = 0
    mappings: int = 0


class Progress(NamedTuple):
    """How far a loader is.

    Attributes:
        done: Events loaded or left out, and dead letters.
        rate: Of those, how many a second since it was last told.
        waiting: Records read and not loaded yet.
        behind: Records not read yet, of the partitions this loader has.
    """

    done: int
    rate: float
    waiting: int
    behind: int
