"""Pipelines of rulesets, made in the background and kept as long as they are used."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from streamproc.errors import ConfigError, Problem, place_of
from streamproc.pipeline import Pipeline
from streamproc.rollout.bundle import open_bundle
from streamproc.rollout.records import Published
from streamproc.rollout.status import RulesetStatus
from streamproc.rules import Ruleset

__all__ = ["Pipelines"]

KEPT: Final = 4
"""Pipelines kept: what is in force, what is about to be, and where partitions that are read anew
are. Each has some 10 MB, and what it remembers of values."""


class Pipelines:
    """Makes pipelines in a thread of its own, one after the other. Safe to use from several."""

    def __init__(self, make: Callable[[Ruleset], Pipeline]) -> None:
        """Prepare the thread.

        Args:
            make: See :meth:`streamproc.assemble.Assembly.pipeline`.
        """
        self._make = make
        self._lock = threading.Lock()
        self._made: OrderedDict[int, Future[Pipeline]] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rules")

    def of(self, published: Published) -> Future[Pipeline]:
        """Return the pipeline of a ruleset: at once if it is made, else when it is.

        Its exception is a ConfigError where the ruleset cannot be used here.
        """
        with self._lock:
            made = self._made.get(published.id)
            if made is None:
                made = self._made[published.id] = self._thread.submit(self._pipeline, published)
            self._made.move_to_end(published.id)
            while len(self._made) > KEPT and (unused := self._unused()) is not None:
                del self._made[unused]
            return made

    def ready(self, published: Published) -> Pipeline | None:
        """Return the pipeline of a ruleset if it is made and kept; has none made."""
        with self._lock:
            made = self._made.get(published.id)
        if made is None or not made.done() or made.cancelled() or made.exception() is not None:
            return None
        return made.result()

    def _unused(self) -> int | None:
        """Return what was not asked for longest; the newest one may be about to take over."""
        newest = max(self._made)
        return next(
            (id_ for id_, made in self._made.items() if id_ != newest and made.done()), None
        )

    def states(self) -> Mapping[int, RulesetStatus]:
        """Return how it stands with each ruleset that was asked for lately."""
        with self._lock:
            return {number: _state(made) for number, made in self._made.items()}

    def close(self) -> None:
        """End the thread; what waits to be made is not."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _pipeline(self, published: Published) -> Pipeline:
        try:
            return self._make(_read(published))
        except ConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - a ruleset, however odd, must not end the worker
            told = f"meets a fault of streamproc: {type(error).__name__} at {place_of(error)}"
            raise ConfigError(Problem(f"ruleset {published.id}", "", told)) from None


def _read(published: Published) -> Ruleset:
    ruleset = open_bundle(published.files)
    if ruleset.fingerprint != published.fingerprint:
        told = "means something else to this version of streamproc than to the one that published"
        raise ConfigError(Problem(f"ruleset {published.id}", "", told))
    return ruleset


def _state(made: Future[Pipeline]) -> RulesetStatus:
    if not made.done():
        return RulesetStatus(state="preparing")
    if made.cancelled() or made.exception() is not None:
        return RulesetStatus(state="refused")
    return RulesetStatus(state="ready", rows=made.result().ruleset)
