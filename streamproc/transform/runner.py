"""Batches of events through the transformations of a phase, whatever these do."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import structlog

from streamproc.errors import EventError
from streamproc.transform.code import Code, Phase, Transformation
from streamproc.transform.process import Gone, Limits, Process

__all__ = ["FIXED", "Given", "Made", "TransformDropped", "Transformer"]

log = structlog.get_logger()

FIXED: Final = (
    *("type", "messageId", "userId", "anonymousId", "previousId", "groupId"),
    *("originalTimestamp", "sentAt", "receivedAt"),
)
"""Fields of an event that stay as they are: what it is known, ordered, joined and deleted by."""

MOST_DEATHS: Final = 8
"""How often a batch may end its process before what is left of it is given up: each time may take
all the seconds that a batch has."""

SUSPECT: Final = 0.5
"""Part of a batch's time that one event has to have used to be the one that is to blame."""


class Given(NamedTuple):
    """An event for the transformations: its body, and what ``metadata(event)`` returns."""

    body: Mapping[str, Any]
    metadata: Mapping[str, Any]


class TransformDropped(NamedTuple):
    """That a transformation dropped the event, by its name."""

    transformation: str

    @property
    def rule(self) -> str:
        """What stands for it where drops are counted by the rule that made them."""
        return f"transform:{self.transformation}"


Made: TypeAlias = "dict[str, Any] | TransformDropped | EventError"
"""What became of an event: its new body, that it was dropped, or why it cannot go on."""


class Transformer:
    """Runs the transformations of one phase. Safe to share between threads.

    The process is started with the first batch, and again after it ended.
    """

    def __init__(self, code: Code, phase: Phase, limits: Limits, *, show_log: bool = False) -> None:
        """Keep the code; nothing is started. ``show_log`` as :class:`Process` has it."""
        self._show_log = show_log
        self._code = code
        self._phase: Phase = phase
        self._limits = limits
        self._steps: Sequence[Transformation] = code.of(phase)
        self._process: Process | None = None
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        """Return whether there is any transformation of this phase."""
        return bool(self._steps)

    def run(self, events: Sequence[Given]) -> list[Made]:
        """Return what became of ``events``, in their order.

        Codes of errors, of the stage ``transform``: ``raised``, ``timed_out``, ``process_ended``,
        ``several_events``, ``no_event``, ``no_list``, ``not_json``, ``changed_field``; and
        ``given_up`` of those that were not tried, as too many events of the batch had ended the
        process. Their path is the transformation's name, with the line and the exception's type
        where there are any.

        Raises:
            ConfigError: A transformation cannot be imported.
            RetryableError: The process does not start.
        """
        with self._lock:
            return self._run(events)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._process is not None:
                self._process.close()
                self._process = None

    def _run(self, events: Sequence[Given]) -> list[Made]:
        made: list[Made | None] = [None] * len(events)
        deaths = 0
        waiting = [list(range(len(events)))]
        while waiting:
            indexes = waiting.pop()
            if not indexes:
                continue
            if deaths >= MOST_DEATHS:
                for index in indexes:
                    made[index] = EventError("transform", "given_up")
                continue
            answer = self._exchange([events[index] for index in indexes])
            if not isinstance(answer, Gone):
                for index, told in zip(indexes, answer, strict=True):
                    made[index] = self._made(events[index], told)
                continue
            deaths += 1
            waiting += self._blame(indexes, answer, made)
        assert all(each is not None for each in made)
        return [each for each in made if each is not None]

    def _exchange(self, events: Sequence[Given]) -> list[Any] | Gone:
        if self._process is None:
            self._process = Process(self._code, self._phase, self._limits, show_log=self._show_log)
        answer = self._process.run(
            [event.body for event in events],
            [event.metadata for event in events],
            self._limits.seconds,
        )
        if isinstance(answer, Gone):
            self._process = None
        return answer

    def _blame(
        self, indexes: Sequence[int], gone: Gone, made: list[Made | None]
    ) -> list[list[int]]:
        """Decide what a death costs; return the events that are to be tried again, in parts."""
        if gone.which is None and not gone.timed_out:
            return [list(indexes)]  # somebody ended it while it was idle: no event is to blame
        name = "" if gone.which is None else self._steps[gone.which].name
        log.warning(
            "a transformation ran out of time" if gone.timed_out else "a transformation ended",
            transformation=name,
            events=len(indexes),
        )
        guilty = 0 if len(indexes) == 1 else gone.event
        if guilty is not None and (
            len(indexes) == 1 or not gone.timed_out or gone.seconds > SUSPECT * self._limits.seconds
        ):
            code = "timed_out" if gone.timed_out else "process_ended"
            made[indexes[guilty]] = EventError("transform", code, name)
            return [[index for place, index in enumerate(indexes) if place != guilty]]
        middle = len(indexes) // 2
        return [list(indexes[middle:]), list(indexes[:middle])]

    def _made(self, event: Given, told: Sequence[Any]) -> Made:
        if told[0] == "dropped":
            return TransformDropped(self._steps[told[1]].name)
        if told[0] == "failed":
            return self._error(*told[1:])
        body: dict[str, Any] = told[1]
        for name in FIXED:
            if body.get(name) != event.body.get(name):
                return EventError("transform", "changed_field", name)
        return body

    def _error(self, which: int, kind: str, line: int) -> EventError:
        step = self._steps[which].name
        if line == 0:
            return EventError("transform", kind, step if which >= 0 else "")
        return EventError("transform", "raised", f"{step}.py:{line} {kind}")
