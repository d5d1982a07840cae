"""How a patrol goes on: round after round until it is stopped, or one round and its verdict."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import structlog

from streamproc.canary.patrol import Patrol, Summary, Terms
from streamproc.errors import RetryableError
from streamproc.settings import Settings
from streamproc.sight import Health

__all__ = ["TOPICS", "check", "run"]

log = structlog.get_logger()

TOPICS: Final = "topics"
"""The part of a canary's health that says whether it can send and read."""
AGAIN_SECONDS: Final = 5.0
"""After brokers could not be reached."""


class _Times:
    """What is due when."""

    def __init__(self, clock: Callable[[], float], seconds: float, *, at_once: bool) -> None:
        self._clock = clock
        self._seconds = seconds
        self._at = clock() + (0.0 if at_once else seconds)

    @property
    def due(self) -> bool:
        """Whether it is time."""
        return self._clock() >= self._at

    def done(self) -> None:
        """Begin to wait anew; what was missed is not made up for."""
        self._at = self._clock() + self._seconds

    def later(self, seconds: float) -> None:
        """Be due again sooner than usual, or later."""
        self._at = self._clock() + seconds


class _Rounds:
    """A patrol's rounds over the partitions."""

    def __init__(self, patrol: Patrol, settings: Settings, health: Health, terms: Terms) -> None:
        self._patrol, self._health, self._terms = patrol, health, terms
        self._next = _Times(terms.clock, settings.canary.interval_seconds, at_once=True)
        self._removal = _Times(terms.clock, settings.canary.removal_seconds, at_once=False)
        self._progress = _Times(terms.clock, settings.log.progress_seconds, at_once=False)
        self._sent = 0
        self._told = 0

    def turn(self) -> None:
        """Do what is due."""
        try:
            if self._next.due:
                self._next.later(AGAIN_SECONDS)
                partitions = self._patrol.partitions()
                self._patrol.send(partitions[self._sent % len(partitions)])
                self._sent += 1
                self._next.done()
            self._patrol.look()
            if self._removal.due:
                self._removal.later(AGAIN_SECONDS)
                self._patrol.remove()
                self._removal.done()
        except RetryableError as error:
            _wait(str(error), self._health, self._terms)
        else:
            self._health.there(TOPICS)
        if self._progress.due:
            self._tell()

    def _tell(self) -> None:
        self._progress.done()
        outcomes = self._patrol.summary.outcomes
        if outcomes.total() != self._told:
            self._told = outcomes.total()
            log.info("canary progress", **outcomes)


def run(
    begin: Callable[[], AbstractContextManager[Patrol]],
    settings: Settings,
    health: Health,
    terms: Terms,
) -> None:
    """Send canaries one after the other, and look for them, until ``terms`` say stop.

    Those that have come by then are removed; brokers that are away are waited for.

    Args:
        begin: Opens the patrol, once the brokers are there.
        settings: How often.
        health: Is told whether the topics can be written and read.
        terms: Say when it is over.

    Raises:
        ConfigError: The settings cannot be used.
    """
    while not terms.stop():
        try:
            with begin() as patrol:
                _go_round(patrol, settings, health, terms)
        except RetryableError as error:
            _wait(str(error), health, terms)


def _go_round(patrol: Patrol, settings: Settings, health: Health, terms: Terms) -> None:
    rounds = _Rounds(patrol, settings, health, terms)
    log.info("canary ready", interval_seconds=settings.canary.interval_seconds)
    while not terms.stop():
        rounds.turn()
    try:
        patrol.remove()
    except RetryableError as error:
        log.warning("rows of canaries were not removed", cause=str(error))
    log.info("canary stopped", **patrol.summary.outcomes)


def _wait(cause: str, health: Health, terms: Terms) -> None:
    health.missing(TOPICS, cause)
    log.warning("canaries wait for the brokers, trying again", cause=cause)
    until = terms.clock() + AGAIN_SECONDS
    while terms.clock() < until and not terms.stop():
        terms.sleep(0.1)


def check(patrol: Patrol, terms: Terms, tell: Callable[[Summary], object]) -> Summary:
    """Send two canaries to each partition, wait until all have come or are late, and look.

    Two, as every second one is an identify event. ``tell`` is told now and then how far it is.

    Raises:
        RetryableError: The brokers are not there, or went.
    """
    for partition in patrol.partitions():
        patrol.send(partition)
        patrol.send(partition)
    while patrol.waiting and not terms.stop():
        patrol.look()
        tell(patrol.summary)
    patrol.look_elsewhere()
    patrol.remove()
    return patrol.summary
