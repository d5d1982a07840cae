"""A ruleset tried by a worker beside the one in force, on some of the records it has done with.

It delays nobody: a batch's own output is acknowledged by then, and all that trying takes happens in
a thread of its own, with detectors of its own. Making these takes seconds; what it takes from the
others meanwhile is the interpreter, some milliseconds at a time, and the language model while it
reads the texts of one event. Looking takes no more than :data:`SHARE` of the time, and what it does
not get to is counted, not kept. Which records are looked at follows from their offsets, so all
workers and all replays look at the same.
"""

from __future__ import annotations

import threading
import time
import uuid
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, TypeAlias

import structlog

from streamproc.effects.difference import Comparison
from streamproc.effects.trials import TEST_RING
from streamproc.errors import place_of
from streamproc.events import Origin, Record
from streamproc.pipeline import Parts
from streamproc.redact import Tokens
from streamproc.rollout.bundle import open_bundle
from streamproc.rollout.records import Published, Shadow
from streamproc.rollout.shadow_report import ShadowReport, encode_report, report_of
from streamproc.rules import Ruleset

__all__ = ["Allowance", "Candidate", "PartsOf", "Shadowing", "Trial", "is_sampled"]

log = structlog.get_logger()

MOST_SECONDS: Final = 0.05
"""How long records of one batch may be looked at. What is begun is ended."""
SHARE: Final = 0.1
"""The most of the time that goes into looking."""
MOST_WAITING: Final = 4
"""Batches that may wait to be looked at; what comes then is not kept."""

PartsOf: TypeAlias = Callable[[Ruleset], Parts]


class Candidate(NamedTuple):
    """What is tried, and beside what."""

    shadow: Shadow
    candidate: Published
    active: Published


class Allowance:
    """Time to look: what there is grows as time passes, and is never more than one batch's.

    What is used is the thread's own time: waiting for others takes nothing from them. For one
    thread at a time.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.thread_time,
    ) -> None:
        """Begin with one batch's; ``clock`` tells seconds, ``used`` those of the thread."""
        self._clock = clock
        self._used = used
        self._left = MOST_SECONDS
        self._at = clock()
        self._used_at = 0.0

    def begin(self) -> None:
        """Count what has passed since the beginning of the last look."""
        now = self._clock()
        self._left = min(MOST_SECONDS, self._left + SHARE * (now - self._at))
        self._at = now
        self._used_at = self._used()

    def lasts(self) -> bool:
        """Return whether there is some left, less what was used since it was asked last."""
        used = self._used()
        self._left -= used - self._used_at
        self._used_at = used
        return self._left > 0


class Trial:
    """One candidate against one ruleset in force, on this worker. For one thread at a time."""

    def __init__(self, tried: Candidate, comparison: Comparison, topic: str) -> None:
        """Compare with ``comparison``."""
        self.tried = tried
        self._comparison = comparison
        self._missed = 0
        self._empty = _empty(tried, topic)

    def look(self, records: Sequence[Record], allowance: Allowance) -> None:
        """Compare ``records``, while the allowance lasts."""
        for number, record in enumerate(records):
            if not allowance.lasts():
                self._missed += len(records) - number
                return
            self._comparison.take([record])
        allowance.lasts()  # the last one counts, too

    def report(self, missed: int) -> ShadowReport:
        """Return what was found; ``missed`` are records that it was not handed."""
        return report_of(self._comparison, self._empty, self._missed + missed)


class Shadowing:
    """The trials of a worker, one at a time, in a thread of their own.

    :meth:`follow` and :meth:`look` take no time, and may be called in any thread.
    """

    def __init__(self, worker: str, topic: str, parts_of: PartsOf) -> None:
        """Try nothing yet.

        Args:
            worker: This worker's name.
            topic: The raw topic.
            parts_of: Makes a ruleset ready, of parts that nobody else uses.
        """
        self._worker = worker
        self._topic = topic
        self._parts_of = parts_of
        self._nonce = uuid.uuid4().hex[:8]
        self._lock = threading.Lock()
        self._tried: Candidate | None = None
        self._trial: Trial | None = None
        self._report: ShadowReport | None = None
        self._waiting = 0
        self._missed = 0
        self._allowance = Allowance()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shadow")

    def follow(self, tried: Candidate | None) -> None:
        """Try this from now on, or nothing; what was found of another is forgotten."""
        with self._lock:
            if tried == self._tried:
                return
            self._tried, self._trial, self._report, self._missed = tried, None, None, 0
        if tried is not None:
            self._thread.submit(self._begin, tried)

    def look(self, records: Sequence[Record]) -> None:
        """Have the candidate tried on the sample of ``records``, if one is ready."""
        trial = self._trial
        if trial is None:
            return
        if _is_over(trial.tried):
            self._trial = None  # its detectors take memory
            return
        share = trial.tried.shadow.sample
        chosen = [each for each in records if is_sampled(each.origin, share)]
        with self._lock:
            if self._waiting >= MOST_WAITING:
                self._missed += len(chosen)
                return
            self._waiting += 1
        self._thread.submit(self._look, trial, chosen)

    def said(self) -> tuple[bytes, bytes] | None:
        """Return key and value of what there is to say on the topic of status; None for nothing."""
        report = self._report
        return None if report is None else encode_report(report, self._worker, self._nonce)

    def close(self) -> None:
        """End the thread; what waits to be looked at is not."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    # -- the thread -------------------------------------------------------------------------------

    def _begin(self, tried: Candidate) -> None:
        if tried is not self._tried or _is_over(tried):  # another came, or it is from long ago
            return
        try:
            rulesets = [open_bundle(each.files) for each in (tried.active, tried.candidate)]
            before, after = map(self._parts_of, rulesets)
            # Throwaway keys: nothing that is made here leaves the worker.
            comparison = Comparison(before, after, Tokens(TEST_RING), time.perf_counter)
        except Exception as error:  # noqa: BLE001 - a candidate, however odd, must not end the worker
            self._give_up(tried, error)
            return
        trial = Trial(tried, comparison, self._topic)
        self._tell(tried, trial, trial.report(0))

    def _look(self, trial: Trial, records: Sequence[Record]) -> None:
        with self._lock:
            self._waiting -= 1
            missed = self._missed
        if trial is not self._trial:
            return
        self._allowance.begin()
        try:
            trial.look(records, self._allowance)
        except Exception as error:  # noqa: BLE001 - as above
            self._give_up(trial.tried, error)
        else:
            self._tell(trial.tried, trial, trial.report(missed))

    def _tell(self, tried: Candidate, trial: Trial | None, report: ShadowReport) -> None:
        with self._lock:
            if tried is self._tried:
                self._trial, self._report = trial, report

    def _give_up(self, tried: Candidate, error: Exception) -> None:
        """Say that ``tried`` cannot be tried here: what was found until now is not all."""
        report = self._report or _empty(tried, self._topic)
        self._tell(tried, None, report.model_copy(update={"failed": 1}))
        log.error(
            "a ruleset cannot be tried beside the one in force",
            ruleset=tried.candidate.id,
            fault=type(error).__name__,
            place=place_of(error),
            # Only our own texts are known to hold no value.
            problems=[str(each) for each in getattr(error, "problems", ())],
        )


def _is_over(tried: Candidate) -> bool:
    return tried.shadow.until.timestamp() < time.time()


def _empty(tried: Candidate, topic: str) -> ShadowReport:
    return ShadowReport(ruleset=tried.candidate.id, against=tried.active.id, topic=topic)


def is_sampled(origin: Origin, share: float) -> bool:
    """Return whether a record is among this share of all; the same in every worker.

    By CRC-32 of where it is, whose values are as good as even.
    """
    place = f"{origin.topic}-{origin.partition}-{origin.offset}".encode()
    return zlib.crc32(place) < share * 0x1_0000_0000
