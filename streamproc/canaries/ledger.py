"""Which canaries are on their way, which have come, and what was found of them.

Pure: time comes in as seconds since whenever. A canary has one verdict. What is found of it
afterwards, or elsewhere, is a leak as well; the verdict stays.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias

from streamproc.canaries.hatching import Canary
from streamproc.canaries.leaks import Finder
from streamproc.canaries.planting import Planted

__all__ = ["WHERE", "Found", "Ledger", "Outcome", "Sent", "Verdict", "Where"]

Outcome: TypeAlias = Literal["clean", "leaked", "late"]
Where: TypeAlias = Literal["row", "dead_letter", "warehouse", "log", "metric"]

WHERE: Final[tuple[Where, ...]] = ("row", "dead_letter", "warehouse", "log", "metric")

LIVE: Final = 64
"""Canaries whose values are searched for: those sent last. Each costs 4 ms of every search's making
and nothing of the search."""


@dataclass(slots=True)
class Sent:
    """A canary on its way.

    Attributes:
        canary: It.
        partition: Where on the raw topic it lies.
        offset: The same.
        at: When it was sent.
        outcome: Its verdict, once there is one.
    """

    canary: Canary
    partition: int
    offset: int
    at: float
    outcome: Outcome | None = None
    found: set[tuple[str, str, str]] = field(default_factory=set)


class Verdict(NamedTuple):
    """What became of a canary, and how many seconds after it was sent."""

    outcome: Outcome
    seconds: float


class Found(NamedTuple):
    """A value of a canary where none may be; says which by where it was planted.

    Attributes:
        message_id: The canary's.
        kind: What the value is.
        path: Where in the event it was planted.
        where: What it was found in.
        place: Where there, as people say it: ``warehouse.load[2]@17``.
        ruleset: Fingerprint of the rules that let it through; empty where that is not known.
        seconds: Since the canary was sent; None if this process did not send it.
    """

    message_id: str
    kind: str
    path: str
    where: Where
    place: str
    ruleset: str
    seconds: float | None


class Spot(NamedTuple):
    """Where something was searched; the fields are those of :class:`Found`."""

    where: Where
    place: str
    ruleset: str = ""


class Ledger:
    """The canaries sent last, by message id; for one thread."""

    def __init__(self, expected_seconds: float) -> None:
        """Know of none; one that takes longer than ``expected_seconds`` is late."""
        self._expected = expected_seconds
        self._sent: OrderedDict[str, Sent] = OrderedDict()
        self._finder = Finder(())

    def send(self, sent: Sent) -> None:
        """Take a canary that the brokers have, and forget the oldest but :data:`LIVE`.

        Until it is forgotten its unmistakable values are searched for everywhere.
        """
        self._sent[sent.canary.message_id] = sent
        while len(self._sent) > LIVE:
            self._sent.popitem(last=False)
        self._finder = Finder(
            planted for each in self._sent.values() for planted in each.canary.unmistakable
        )

    def get(self, message_id: str) -> Sent | None:
        """Return the canary with a message id, if this process has sent it lately."""
        return self._sent.get(message_id)

    def at(self, partition: int, offset: int) -> Sent | None:
        """Return the canary that lies there on the raw topic."""
        return next(
            (
                each
                for each in self._sent.values()
                if each.partition == partition and each.offset == offset
            ),
            None,
        )

    @property
    def waiting(self) -> bool:
        """Whether some canary has no verdict yet."""
        return any(each.outcome is None for each in self._sent.values())

    def search(self, content: bytes) -> list[Planted]:
        """Return the unmistakable values in ``content``, of whichever canary."""
        return self._finder.find(content)

    def found(self, planted: Planted, spot: Spot, now: float) -> Found | None:
        """Return what is to be told of a value that was found; None where it was told already."""
        sent = self._sent.get(planted.message_id)
        if sent is not None:
            told = (planted.path, spot.where, spot.place)
            if told in sent.found:
                return None
            sent.found.add(told)
        seconds = None if sent is None else now - sent.at
        return Found(planted.message_id, planted.kind, planted.path, *spot, seconds)

    def come(self, sent: Sent, now: float, *, leaked: bool) -> Verdict | None:
        """Return the verdict on a canary that has come; None if there was one already."""
        if sent.outcome is not None:
            return None
        sent.outcome = "leaked" if leaked else "clean"
        return Verdict(sent.outcome, now - sent.at)

    def overdue(self, now: float) -> list[Sent]:
        """Return the canaries that are late as of now, each once."""
        late = [
            each
            for each in self._sent.values()
            if each.outcome is None and now - each.at > self._expected
        ]
        for each in late:
            each.outcome = "late"
        return late
