"""Points at which a process can fail, found by watching it, and ways to fail there.

A process that is watched passes a point at every statement it says and every step it takes. Once
through without a fault gives the list of all points; then one of them, by its number, can be told
to fail. Nothing here knows which points there are: a new statement is one by itself.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar
from unittest.mock import patch

__all__ = [
    "MISSED",
    "Fault",
    "Faults",
    "Kind",
    "Point",
    "Points",
    "deaths",
    "failures",
    "gist",
    "refusals",
]

MISSED = 77
"""Exit code of a process that came to another point than the one it was to fail at."""

T = TypeVar("T")
Work: TypeAlias = Callable[[], Any]

Kind: TypeAlias = Literal["fails", "unanswered", "killed", "session lost"]
"""``fails``: it is not done, and that is told. ``unanswered``: it is done, and told to have failed.
``killed``: the process ends there; once the statement is on its way, where that is to a server.
``session lost``: it is not done, nor what was to be committed with it."""

Faults: TypeAlias = Mapping[Kind, Callable[[Work], Any]]
"""How to fail: each is given the work that the point is about."""


class Fault(NamedTuple):
    """Which point, counted from 0, and how."""

    number: int
    kind: Kind


class Point(NamedTuple):
    """What is about to be done, and how that can fail.

    Attributes:
        name: What it is.
        within: The point that it is a part of, if it is.
        kinds: How it can fail.
        aside: Whether it is done in a thread of its own, side by side with others like it.
    """

    name: str
    within: str
    kinds: tuple[Kind, ...]
    aside: bool


class Points:
    """The points that a process passes.

    Attributes:
        passed: All of them so far.
    """

    def __init__(self, fault: Fault | None = None) -> None:
        self._fault = fault
        self._lock = threading.Lock()
        self._within = [""]
        self.passed: list[Point] = []

    def take(self, name: str, work: Work, faults: Faults, *, often: bool = False) -> Any:
        """Do ``work``, or fail at it; what comes ``often`` counts once where it is in a row."""
        aside = threading.current_thread() is not threading.main_thread()
        point = Point(name, self._within[-1], tuple(faults), aside)
        with self._lock:
            number = len(self.passed)
            if often and number and self.passed[-1] == point:
                number = -1
            else:
                self.passed.append(point)
        if self._fault is not None and self._fault.number == number:
            if self._fault.kind not in faults:
                # What is done side by side came in another order, and this is another point.
                os._exit(MISSED)
            return faults[self._fault.kind](work)
        if aside:
            return work()
        self._within.append(name)
        try:
            return work()
        finally:
            self._within.pop()

    @contextmanager
    def watch(
        self, owner: type, method: str, faults: Faults, *, often: bool = False
    ) -> Iterator[None]:
        """Have every call of a method of a class be a point, named by what it is given first."""
        inner = getattr(owner, method)

        def call(*args: Any, **kwargs: Any) -> Any:
            told = " ".join(each for each in args if isinstance(each, str))
            name = f"{owner.__name__}.{method} {gist(told)}".rstrip()
            return self.take(name, lambda: inner(*args, **kwargs), faults, often=often)

        with patch.object(owner, method, call):
            yield


def gist(told: str) -> str:
    """Return what is said without what is of this run alone: long digits and folders' names."""
    return re.sub(r"(?i)[0-9a-f]*\d[0-9a-f]{3,}", "…", " ".join(told.split()))[:60]


def deaths() -> Faults:
    """Return the fault of what never fails by itself.

    To end after one point is to end before the next, which is one as well.
    """

    def killed(_work: Work) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    return {"killed": killed}


def refusals(error: Exception) -> Faults:
    """Return the faults of what raises ``error`` and has not been done then."""

    def fails(_work: Work) -> None:
        raise error

    return {"fails": fails, **deaths()}


def failures(error: Exception) -> Faults:
    """Return the faults of what raises ``error`` and may have been done all the same."""

    def unanswered(work: Work) -> None:
        work()
        raise error

    return {"unanswered": unanswered, **refusals(error)}
