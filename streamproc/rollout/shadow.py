"""A ruleset tried by a worker beside the one in force, on some of the records it has done with.

It delays nobody much: a batch's own output is acknowledged by then, looking ends after
:data:`MOST_SECONDS`, takes no more than :data:`SHARE` of the worker's time, and what it does not
get to is counted, not kept. Which records are looked at follows from their offsets, so all workers
and all replays look at the same.
"""

from __future__ import annotations

import time
import uuid
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, NamedTuple, TypeAlias

import structlog

from streamproc.effects.difference import Comparison
from streamproc.effects.trials import TEST_RING
from streamproc.errors import place_of
from streamproc.events import Origin, Record
from streamproc.pipeline import Parts
from streamproc.redact import Tokens
from streamproc.rollout.bundle import open_bundle
from streamproc.rollout.pipelines import Pipelines
from streamproc.rollout.records import Published, Shadow
from streamproc.rollout.shadow_report import ShadowReport, encode_report, report_of
from streamproc.rules import Ruleset

__all__ = ["Allowance", "Candidate", "PartsOf", "Shadowing", "Trial", "is_sampled"]

log = structlog.get_logger()

MOST_SECONDS: Final = 0.05
"""How long records of one batch may be looked at. What is begun is ended: an event whose texts were
never met takes some 20 ms more, the first one of a candidate with other detectors 0.6 s."""
SHARE: Final = 0.1
"""The most of a worker's time that goes into looking."""

PartsOf: TypeAlias = Callable[[Ruleset], Parts]


class Candidate(NamedTuple):
    """What is tried, and beside what."""

    shadow: Shadow
    candidate: Published
    active: Published


class Allowance:
    """Time to look: what there is grows as time passes, and is never more than one batch's."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with one batch's; ``clock`` tells seconds."""
        self._clock = clock
        self._left = MOST_SECONDS
        self._at = clock()

    def begin(self) -> None:
        """Count what has passed since the end of the last look."""
        now = self._clock()
        self._left = min(MOST_SECONDS, self._left + SHARE * (now - self._at))
        self._at = now

    def lasts(self) -> bool:
        """Return whether there is some left, less what was used since it was asked last."""
        now = self._clock()
        self._left -= now - self._at
        self._at = now
        return self._left > 0


class Trial:
    """One candidate against one ruleset in force, on this worker. For one thread at a time."""

    def __init__(self, tried: Candidate, comparison: Comparison, topic: str) -> None:
        """Compare with ``comparison``."""
        self.tried = tried
        self._comparison = comparison
        self._missed = 0
        self._empty = ShadowReport(ruleset=tried.candidate.id, against=tried.active.id, topic=topic)

    def look(self, records: Sequence[Record], allowance: Allowance) -> None:
        """Compare those of ``records`` that are in the sample, while the allowance lasts."""
        chosen = [each for each in records if is_sampled(each.origin, self.tried.shadow.sample)]
        for number, record in enumerate(chosen):
            if not allowance.lasts():
                self._missed += len(chosen) - number
                return
            self._comparison.take([record])
        allowance.lasts()  # the last one counts, too

    def report(self) -> ShadowReport:
        """Return what was found."""
        return report_of(self._comparison, self._empty, self._missed)


class Shadowing:
    """The trials of a worker, one at a time.

    :meth:`follow` may be called in any thread; :meth:`look` in the one that runs the pipelines,
    with which it shares detectors.
    """

    def __init__(self, worker: str, topic: str, pipelines: Pipelines, parts_of: PartsOf) -> None:
        """Try nothing yet.

        Args:
            worker: This worker's name.
            topic: The raw topic.
            pipelines: Whose thread rulesets are made ready in.
            parts_of: Makes a ruleset ready.
        """
        self._worker = worker
        self._topic = topic
        self._pipelines = pipelines
        self._parts_of = parts_of
        self._nonce = uuid.uuid4().hex[:8]
        self._tried: Candidate | None = None
        self._made: Future[Trial] | None = None
        self._report: ShadowReport | None = None
        self._allowance = Allowance(time.monotonic)

    def follow(self, tried: Candidate | None) -> None:
        """Try this from now on, or nothing; what was found of another is forgotten."""
        if tried == self._tried:
            return
        self._tried, self._report = tried, None
        self._made = None if tried is None else self._pipelines.beside(lambda: self._make(tried))

    def look(self, records: Sequence[Record]) -> None:
        """Try the candidate on the sample of ``records``, if there is one and time is left."""
        made, tried = self._made, self._tried
        if made is None or tried is None or not made.done() or not records:
            return
        if tried.shadow.until.timestamp() < time.time():
            return
        self._allowance.begin()
        try:
            trial = made.result()
            trial.look(records, self._allowance)
            if tried is self._tried:
                self._report = trial.report()
        except Exception as error:  # noqa: BLE001 - a candidate, however odd, must not end the worker
            self._made = None
            log.error(  # noqa: TRY400 - a traceback's text may quote a value
                "a ruleset cannot be tried beside the one in force",
                ruleset=tried.candidate.id,
                fault=type(error).__name__,
                place=place_of(error),
            )

    def said(self) -> tuple[bytes, bytes] | None:
        """Return key and value of what there is to say on the topic of status; None for nothing."""
        report = self._report
        return None if report is None else encode_report(report, self._worker, self._nonce)

    def _make(self, tried: Candidate) -> Trial:
        rulesets = [open_bundle(each.files) for each in (tried.active, tried.candidate)]
        before, after = map(self._parts_of, rulesets)
        # Throwaway keys: nothing that is made here leaves the worker.
        comparison = Comparison(before, after, Tokens(TEST_RING), time.perf_counter)
        return Trial(tried, comparison, self._topic)


def is_sampled(origin: Origin, share: float) -> bool:
    """Return whether a record is among this share of all; the same in every worker.

    By CRC-32 of where it is, whose values are as good as even.
    """
    place = f"{origin.topic}-{origin.partition}-{origin.offset}".encode()
    return zlib.crc32(place) < share * 0x1_0000_0000
