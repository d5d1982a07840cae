"""What a worker lets be seen of itself: counted per acknowledged batch, or asked at each scrape."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from streamproc.events import Record
from streamproc.settings import TopicSettings
from streamproc.sight import metrics
from streamproc.sight.batch import BatchWatch, Watched
from streamproc.sight.families import family
from streamproc.sight.health import Health, Pulse
from streamproc.sight.meter import Meter

__all__ = ["PARTS", "WorkerSight"]

PARTS: Final = ("topics", "identity", "rules", "group")
"""What a worker needs to be ready, in the order in which it gets it."""
LOOP_SECONDS: Final = 30.0
"""How long the event loop may hang: Kafka takes a member that is silent for 10 s for dead."""
PIPELINE_SECONDS: Final = 900.0
"""How long one batch may be computed: the worst of 4 MB takes minutes."""
STAGES: Final = (
    "rules", "queue", "decode", "suppress", "transform", "survey", "detect", "redact", "row",
    "encode", "publish",
)  # fmt: skip
"""In the order of a batch's way; `transform` may come twice."""


class WorkerSight:
    """Counts what a worker does.

    Attributes:
        meter: Where it is counted.
        health: Of the worker.
        loop: Beats with the event loop.
        pipeline: Beats as a batch is computed.
    """

    def __init__(
        self,
        topics: TopicSettings,
        meter: Meter,
        health: Health,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Have nothing counted; ``topics`` say what is sent where."""
        self.meter, self.health = meter, health
        self._roles = {topics.load: "load", topics.dead: "dead", topics.links: "links"}
        self._inflight = 0
        self.loop = Pulse(LOOP_SECONDS, clock)
        self.pipeline = Pulse(PIPELINE_SECONDS, clock)
        health.watch("event loop", self.loop.check)
        health.watch("pipeline", self.pipeline.check)
        for outcome in ("row", "dead", "dropped"):
            meter.count(metrics.EVENTS, 0, (outcome,))
        for stage in STAGES:
            meter.count(metrics.STAGE_SECONDS, 0, (stage,))
        meter.count(metrics.INPUT_BYTES, 0)
        meter.ask(metrics.INFLIGHT, lambda: [((), self._inflight)])

    def batch(self, records: Sequence[Record]) -> BatchWatch:
        """Return what watches a batch that was taken just now; :meth:`ended` has to follow."""
        self._inflight += 1
        return BatchWatch(records, self._count)

    def ended(self) -> None:
        """Say that a batch is out of hands, done or not."""
        self._inflight -= 1

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
        self._count_bytes(watched)
        self._count_time(watched)

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
            # A device's clock, or a producer's, may be ahead of ours.
            ages = [max(0.0, ended / 1e9 - each / 1e6) for each in times]
            meter.observe(metrics.LATENCY, ages, ("loader_topic", since))


def _by_family(findings: Mapping[tuple[str, str, str], int]) -> Counter[tuple[str, ...]]:
    counted: Counter[tuple[str, ...]] = Counter()
    for (entity, rule, path), number in findings.items():
        counted[entity, rule, family(path)] += number
    return counted
