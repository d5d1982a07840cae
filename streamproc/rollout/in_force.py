"""What the flow asks of rules: which pipeline is to make what of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from streamproc.events import Record
from streamproc.pipeline import Pipeline
from streamproc.rollout.ledger import Piece

__all__ = ["FixedRules", "Part", "RulesInForce", "records_of"]


class Part(NamedTuple):
    """Consecutive records of a batch, and the pipeline of the ruleset that is in force for them."""

    pipeline: Pipeline
    records: Sequence[Record]


class RulesInForce(Protocol):
    """Where a process's rules come from."""

    async def split(self, records: Sequence[Record]) -> Sequence[Part]:
        """Return ``records``, of one partition and in order, by the rulesets in force for them.

        The answer for an offset is the same whenever it is asked for, and in whichever worker.

        Raises:
            RetryableError: It cannot be found out now.
            ConfigError: The ruleset in force cannot be used here. Nothing may be done without it.
        """

    def in_force(self) -> Pipeline | None:
        """Return the pipeline of the ruleset that took over last; None where it is not ready."""

    def assigned(self, partitions: Iterable[int]) -> None:
        """Take note that these partitions, and no others, are this process's."""

    def look(self, records: Sequence[Record]) -> None:
        """Take note that all that was made of ``records`` is acknowledged; takes no time."""

    def progress(self) -> Mapping[str, object]:
        """Return what there is to say of them in a line of the log."""

    def close(self) -> None:
        """End what runs in the background."""


class FixedRules:
    """One ruleset for everything."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Keep its pipeline."""
        self._pipeline = pipeline

    async def split(self, records: Sequence[Record]) -> Sequence[Part]:
        """Return all of ``records`` in one part."""
        return [Part(self._pipeline, records)]

    def in_force(self) -> Pipeline | None:
        """Return its pipeline."""
        return self._pipeline

    def assigned(self, partitions: Iterable[int]) -> None:
        """Do nothing: all partitions are alike."""

    def look(self, records: Sequence[Record]) -> None:
        """Do nothing: nothing is tried."""

    def progress(self) -> Mapping[str, object]:
        """Return nothing: nothing changes."""
        return {}

    def close(self) -> None:
        """Do nothing: nothing runs."""


def records_of(piece: Piece, records: Sequence[Record]) -> Sequence[Record]:
    """Return those of ``records`` that are in ``piece``."""
    if records[0].origin.offset >= piece.first and records[-1].origin.offset < piece.following:
        return records
    return [each for each in records if piece.first <= each.origin.offset < piece.following]
