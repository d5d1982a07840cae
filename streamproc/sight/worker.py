"""What a worker lets be seen of itself: counted per acknowledged batch, or asked at each scrape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias
from weakref import WeakKeyDictionary

from structlog.contextvars import bound_contextvars

from streamproc.events import Record
from streamproc.settings import TopicSettings
from streamproc.sight import metrics
from streamproc.sight.batch import CLOCK, BatchWatch, Clock, Watched
from streamproc.sight.families import family
from streamproc.sight.health import Health, Pulse
from streamproc.sight.meter import Meter, Samples
from streamproc.sight.traces import UNTRACED, Tracing, hex_id, trace_of_batch

if TYPE_CHECKING:
    from streamproc.pipeline import Pipeline

__all__ = ["PARTS", "Membership", "WorkerSight"]

_Pair: TypeAlias = tuple[int, int]

PARTS: Final = {
    "topics": "brokers and topics are waited for",
    "identity": "identity links have not been read to their ends",
    "rules": "no ruleset is ready",
    "group": "no partitions were assigned, or refused, so far",
}
"""What a worker needs to be ready, in the order in which it gets it, and what to say till then."""
LOOP_SECONDS: Final = 30.0
"""How long the event loop may hang: Kafka takes a member that is silent for 10 s for dead."""
PIPELINE_SECONDS: Final = 900.0
"""How long one batch may be computed: the worst of 4 MB takes minutes."""
COMPUTED: Final = frozenset(
    ("queue", "decode", "suppress", "transform", "survey", "detect", "redact", "row")
)
"""Stages with the pipeline at work behind them."""
STAGES: Final = (
    "catch_up", "rules", "queue", "decode", "suppress", "transform", "survey", "detect", "redact",
    "row", "encode", "publish",
)  # fmt: skip
"""In the order of a batch's way; `transform` may come twice."""


class Membership(Protocol):
    """A worker's place in its group."""

    @property
    def lags(self) -> Mapping[tuple[str, int], int]:
        """Return by topic and partition how many records are not done yet."""

    @property
    def trouble(self) -> str | None:
        """Return why nothing can be read; None if it can."""


class WorkerSight:
    """Counts what a worker does.

    Attributes:
        meter: Where it is counted.
        health: Of the worker.
        loop: Beats with the event loop.
    """

    def __init__(
        self,
        topics: TopicSettings,
        meter: Meter,
        health: Health,
        tracing: Tracing = UNTRACED,
        clock: Clock = CLOCK,
    ) -> None:
        """Have nothing counted; ``topics`` say what is sent where, ``tracing`` what is traced."""
        self._tracing = tracing
        self.meter, self.health = meter, health
        self._roles = {topics.load: "load", topics.dead: "dead", topics.links: "links"}
        self._clock = clock
        self._watches: set[BatchWatch] = set()
        self._seen: WeakKeyDictionary[object, _Pair] = WeakKeyDictionary()
        self.loop = Pulse(LOOP_SECONDS, lambda: clock.monotonic() / 1e9)
        health.watch("event loop", self.loop.check)
        health.watch("pipeline", self._hanging)
        meter.set(metrics.BUILD_INFO, 1, (version("streamproc"),))
        for outcome in ("row", "dead", "dropped"):
            meter.count(metrics.EVENTS, 0, (outcome,))
        for stage in STAGES:
            meter.count(metrics.STAGE_SECONDS, 0, (stage,))
        meter.count(metrics.INPUT_BYTES, 0)
        meter.ask(metrics.INFLIGHT, lambda: [((), len(self._watches))])

    def key(self, name: str) -> None:
        """Say which key new tokens are made with."""
        self.meter.set(metrics.KEY_VERSION, 1, (name,))

    def rules(self, in_force: Callable[[], Pipeline | None]) -> None:
        """Say that rules are ready, and who knows which."""
        self.health.there("rules")
        self.meter.ask(metrics.RULESET_INFO, lambda: _ruleset(in_force()))
        self.meter.ask(metrics.MEMO_ENTRIES, lambda: _entries(in_force()))

    def joined(self, membership: Callable[[], Membership]) -> None:
        """Say that the worker is in its group, once; who tells how far it is."""
        self.health.there("group", lambda: membership().trouble)
        self.meter.ask(metrics.PARTITIONS, lambda: [((), len(membership().lags))])
        self.meter.ask(metrics.LAG, lambda: _lags(membership()))

    @contextmanager
    def batch(self, records: Sequence[Record]) -> Iterator[BatchWatch]:
        """Watch a batch from now to the end of the block, done or not.

        If it is traced, log lines within have the trace's id.
        """
        trace_id = self._tracing.id_of(records[0].origin)
        watch = BatchWatch(records, self._count, self._clock)
        self._watches.add(watch)
        try:
            if trace_id is None:
                yield watch
                return
            with bound_contextvars(trace_id=hex_id(trace_id)):
                yield watch
            if watch.watched.totals.events:  # it was done
                self._tracing.take(trace_of_batch(trace_id, watch.watched))
        finally:
            self._watches.discard(watch)

    def _hanging(self) -> str | None:
        for watch in list(self._watches):
            seconds = watch.standing_seconds
            if watch.stage in COMPUTED and seconds > PIPELINE_SECONDS:
                return f"hangs for {seconds:.0f} s after stage {watch.stage}"
        return None

    def _count(self, watched: Watched) -> None:
        meter, totals = self.meter, watched.totals
        dropped = totals.dropped.total()
        meter.count(metrics.EVENTS, totals.rows, ("row",))
        meter.count(metrics.EVENTS, totals.dead.total(), ("dead",))
        meter.count(metrics.EVENTS, dropped, ("dropped",))
        for cause, number in totals.dead.items():
            stage, _, code = cause.partition(".")
            meter.count(metrics.DEAD_LETTERS, number, (stage, code))
        for rule, number in totals.dropped.items():
            meter.count(metrics.DROPPED, number, (rule,))
        for reason, number in totals.unusable.items():
            meter.count(metrics.UNUSABLE_IDS, number, (reason,))
        meter.count_all(metrics.FINDINGS, _by_family(watched.findings))
        for pipeline in watched.pipelines:
            self._count_looked(pipeline)
        self._count_bytes(watched)
        self._count_time(watched)

    def _count_looked(self, pipeline: Pipeline) -> None:
        memo, detector = pipeline.memo, pipeline.detector
        asked, missed = self._since(pipeline, (memo.asked, memo.missed))
        # Apart: pipelines of rulesets that search for the same share a detector.
        searched, read = self._since(detector, (detector.searched, detector.read))
        self.meter.count(metrics.MEMO_LOOKUPS, asked - missed, ("values", "hit"))
        self.meter.count(metrics.MEMO_LOOKUPS, missed, ("values", "miss"))
        self.meter.count(metrics.NAMES_TEXTS, read, ("read",))
        self.meter.count(metrics.NAMES_TEXTS, searched - read, ("spared",))

    def _since(self, counter: object, now: _Pair) -> _Pair:
        """Return what ``counter`` has counted since it was looked at last."""
        before = self._seen.get(counter, (0, 0))
        self._seen[counter] = now
        return now[0] - before[0], now[1] - before[1]

    def _count_bytes(self, watched: Watched) -> None:
        read = sum(len(record.value or b"") for record in watched.records)
        self.meter.count(metrics.INPUT_BYTES, read)
        for topic, size in watched.output_bytes.items():
            self.meter.count(metrics.OUTPUT_BYTES, size, (self._roles.get(topic, "other"),))

    def _count_time(self, watched: Watched) -> None:
        meter = self.meter
        for lap in watched.laps:
            meter.count(metrics.STAGE_SECONDS, lap.seconds, (lap.stage,))
        meter.observe(metrics.BATCH_EVENTS, [len(watched.records)])
        ended = watched.laps[-1].ended if watched.laps else watched.began
        meter.observe(metrics.BATCH_SECONDS, [(ended - watched.began) / 1e9])
        for since, times in (("received", watched.received), ("record", watched.written)):
            # Many are of the same millisecond. A producer's clock may be ahead of ours.
            ages = [(max(0.0, ended / 1e9 - at / 1e6), many) for at, many in Counter(times).items()]
            meter.observe_counted(metrics.LATENCY, ages, ("loader_topic", since))


def _by_family(findings: Mapping[tuple[str, str, str], int]) -> Counter[tuple[str, ...]]:
    counted: Counter[tuple[str, ...]] = Counter()
    for (entity, rule, path), number in findings.items():
        counted[entity, rule, family(path)] += number
    return counted


def _ruleset(pipeline: Pipeline | None) -> Samples:
    return [] if pipeline is None else [((pipeline.name, pipeline.ruleset), 1)]


def _entries(pipeline: Pipeline | None) -> Samples:
    return [] if pipeline is None else [(("values",), len(pipeline.memo))]


def _lags(membership: Membership) -> Samples:
    return [((topic, str(number)), lag) for (topic, number), lag in membership.lags.items()]
