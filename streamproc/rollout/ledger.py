"""What the topic of rules comes to, statement by statement: pure, and the same for all who read it.

A ruleset decides a record if it is the last one, in the order of the log, whose fence is at or
before the record's offset. Fences of one partition need not rise: publishers know nothing of each
other. Fences of a raw topic that was deleted since, and made anew under its name, lie before all
that is in the new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streamproc.rollout.records import (
    Abort,
    Activate,
    Prepare,
    Published,
    Shadow,
    ShadowEnd,
    Statement,
)

__all__ = ["Ledger", "Piece", "Try"]


class Try(NamedTuple):
    """A try to have a ruleset take over, by its number and the ruleset's."""

    id: int
    attempt: int


class Piece(NamedTuple):
    """Consecutive offsets of a partition that one ruleset decides.

    Attributes:
        first: The first of them.
        following: One past the last.
        ruleset: The ruleset's number; None where there is none.
    """

    first: int
    following: int
    ruleset: int | None


@dataclass(slots=True)
class Ledger:
    """All that has been said so far.

    Attributes:
        topic: The raw topic; what is said of another one does not count.
        topic_id: Which topic of that name there is now; None where that is not known, and then
            all fences are taken for its own.
        rulesets: Every ruleset, by number.
        activations: What took over, in the order of the log.
        aborts: What came to nothing, in that order.
        shadow: What is to be tried beside the ruleset in force, or was last; None if nothing was.
        shadow_ended: Whether that was ended before its time.
    """

    topic: str
    topic_id: str | None = None
    rulesets: dict[int, Published] = field(default_factory=dict)
    activations: list[Activate] = field(default_factory=list)
    aborts: list[Abort] = field(default_factory=list)
    shadow: Shadow | None = None
    shadow_ended: bool = False
    _undecided: dict[Try, None] = field(default_factory=dict)
    _tries: set[Try] = field(default_factory=set)

    def apply(self, statement: Statement) -> bool:
        """Take the next statement of the log in; return whether it counts.

        The first outcome of a try counts, whatever is said later: that of a worker that gave up
        waiting, or of a publisher that was slow. A ruleset, once published, stays what it is.
        """
        if isinstance(statement, Published):
            counts = statement.id not in self.rulesets
            self.rulesets.setdefault(statement.id, statement)
            return counts
        if isinstance(statement, Shadow | ShadowEnd):
            return self._try_beside(statement)
        tried = Try(statement.id, statement.attempt)
        if isinstance(statement, Prepare):
            return self._prepare(tried)
        if isinstance(statement, Activate):
            return self._activate(tried, statement)
        return self._abort(tried, statement)

    @property
    def undecided(self) -> Sequence[Try]:
        """The tries that have no outcome yet, in the order of the log."""
        return list(self._undecided)

    @property
    def latest(self) -> int | None:
        """The number of the ruleset that took over last."""
        return self.activations[-1].id if self.activations else None

    def activated(self, tried: Try) -> bool:
        """Return whether ``tried`` succeeded."""
        return any((each.id, each.attempt) == tried for each in self.activations)

    def in_force(self, partition: int, offset: int) -> int | None:
        """Return the number of the ruleset that decides a record; None before the first of all."""
        for activation in reversed(self.activations):
            if self._fence(activation, partition) <= offset:
                return activation.id
        return None

    def pieces(self, partition: int, first: int, following: int) -> Sequence[Piece]:
        """Return what decides the offsets from ``first`` to before ``following``, in order."""
        fences = {self._fence(each, partition) for each in self.activations}
        starts = [first, *sorted(fence for fence in fences if first < fence < following)]
        pieces: list[Piece] = []
        for start, end in zip(starts, [*starts[1:], following], strict=True):
            ruleset = self.in_force(partition, start)
            if pieces and pieces[-1].ruleset == ruleset:
                start = pieces.pop().first  # noqa: PLW2901 - grown by what follows it
            pieces.append(Piece(start, end, ruleset))
        return pieces

    def _fence(self, activation: Activate, partition: int) -> int:
        ids = {activation.topic_id, self.topic_id} - {None}
        return 0 if len(ids) > 1 else activation.fence(partition)

    def _try_beside(self, statement: Shadow | ShadowEnd) -> bool:
        if isinstance(statement, Shadow):
            self.shadow, self.shadow_ended = statement, False
            return True
        counts = self.shadow is not None and self.shadow.id == statement.id
        self.shadow_ended = self.shadow_ended or counts
        return counts

    def _prepare(self, tried: Try) -> bool:
        # Whether its ruleset is known does not matter: one that cannot be read here takes over all
        # the same, and who cannot use it has to stop.
        if tried in self._tries:
            return False
        self._tries.add(tried)
        self._undecided[tried] = None
        return True

    def _activate(self, tried: Try, statement: Activate) -> bool:
        if tried not in self._undecided:
            return False
        del self._undecided[tried]
        if statement.topic != self.topic:  # it is over, and nothing to those who read this one
            return False
        self.activations.append(statement)
        return True

    def _abort(self, tried: Try, statement: Abort) -> bool:
        if statement.attempt > 0 and tried not in self._undecided:
            return False
        self._undecided.pop(tried, None)
        self.aborts.append(statement)
        return True
