from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import cast

import orjson
import pytest
from redaction import LIMITS, RING, find_literals, scoped_sites_of
from structlog.contextvars import get_contextvars

from streamproc.detect import Detector, Text
from streamproc.events import DeadLetter, Dropped, Finding, Headers, Micros, Origin, Record, Row
from streamproc.identity import View
from streamproc.kafka.producer import Outgoing
from streamproc.pipeline import Parts, Pipeline
from streamproc.redact import Redactor, Tokens
from streamproc.settings import TopicSettings
from streamproc.sight import Health, Meter, WorkerSight, metrics
from streamproc.sight.batch import Clock
from streamproc.sight.families import CONTEXT, TOP, family
from streamproc.sight.traces import Parent, Sampler, Trace
from streamproc.sight.worker import PIPELINE_SECONDS
from streamproc.telemetry import Totals

EMAIL = "jane@example.com"
DROP_TESTS = "{name: tests, fields: [context.test], entity: MARK, operator: drop_event}"
SECOND = 1_000_000_000
TOPICS = TopicSettings()


class ToldDetector:
    searched = read = 0

    def detect(self, texts: Sequence[Text]) -> list[tuple[Finding, ...]]:
        self.searched += len(texts)
        self.read += 1
        return list(find_literals(texts, {EMAIL: "EMAIL_ADDRESS"}))


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(
        Parts(
            limits=LIMITS,
            sites=scoped_sites_of(DROP_TESTS),
            detector=cast("Detector", ToldDetector()),
            redactor=Redactor(Tokens(RING), "f1"),
            view=View(),
            seal=None,
            ruleset="f1",
            name="test",
        )
    )


class Ticking:
    """A clock that goes on by a second whenever it is looked at; the wall's is in the year 2001."""

    def __init__(self) -> None:
        self.ticks: Iterator[int] = count(0, SECOND)
        self.clock = Clock(lambda: 10**18, lambda: next(self.ticks))


class Kept:
    def __init__(self, ratio: float = 0) -> None:
        self.traces: list[Trace] = []
        self.id_of = Sampler(ratio).id_of

    def take(self, trace: Trace) -> None:
        self.traces.append(trace)


def record(offset: int, headers: Headers = (), **body: object) -> Record:
    received = {"receivedAt": "2001-09-09T01:46:30Z"}  # 10 s before the wall's time
    value = orjson.dumps({"type": "track", "event": "E", "userId": "u", **received, **body})
    return Record(Origin("events.raw", 2, offset), b"k", value, Micros(10**15), headers)


def watched(sight: WorkerSight, pipeline: Pipeline, records: Sequence[Record]) -> None:
    """Have a batch go its way, as the flow does."""
    with sight.batch(records) as watch:
        watch.lap("rules")
        result = pipeline.run(records, watch.lap)
        watch.made(pipeline, records, result.outcomes)
        watch.sent([Outgoing(TOPICS.load, b"k", b"12345"), Outgoing(TOPICS.links, b"k", None)])
        watch.lap("publish")
        totals = Totals(events=len(records))
        for outcome in result.outcomes:
            totals.rows += isinstance(outcome, Row)
            if isinstance(outcome, DeadLetter):
                totals.dead[f"{outcome.stage}.{outcome.code}"] += 1
            if isinstance(outcome, Dropped):
                totals.dropped[outcome.rule] += 1
        watch.done(totals)


def test_a_batch_is_counted_by_what_became_of_it(pipeline: Pipeline) -> None:
    meter = Meter()
    sight = WorkerSight(TOPICS, meter, Health(), clock=Ticking().clock)
    records = [
        record(0, properties={"note": EMAIL, "again": EMAIL}),
        record(1, traits={"email": EMAIL}, context={"traits": {"email": EMAIL}}),
        record(2, context={"test": True}),
        Record(Origin("events.raw", 2, 3), b"k", b"no JSON", Micros(10**15)),
    ]

    watched(sight, pipeline, records)

    assert [meter.value(metrics.EVENTS, (each,)) for each in ("row", "dead", "dropped")] == [
        2,
        1,
        1,
    ]
    assert meter.value(metrics.DEAD_LETTERS, ("decode", "not_json")) == 1
    assert meter.value(metrics.DROPPED, ("tests",)) == 1
    assert meter.value(metrics.INPUT_BYTES) == sum(len(each.value or b"") for each in records)
    assert meter.value(metrics.OUTPUT_BYTES, ("load",)) == 5
    found = {
        part: meter.value(metrics.FINDINGS, ("EMAIL_ADDRESS", "operators.EMAIL_ADDRESS", part))
        for part in ("properties", "traits", "context.traits")
    }
    assert found == {"properties": 2, "traits": 1, "context.traits": 1}
    assert meter.value(metrics.MEMO_LOOKUPS, ("values", "miss")) > 0
    assert meter.value(metrics.INFLIGHT) == 0


def test_what_a_stage_took_is_its_own(pipeline: Pipeline) -> None:
    meter = Meter()
    watched(WorkerSight(TOPICS, meter, Health(), clock=Ticking().clock), pipeline, [record(0)])

    stages = ("rules", "decode", "suppress", "survey", "detect", "redact", "row", "publish")
    assert [meter.value(metrics.STAGE_SECONDS, (stage,)) for stage in stages] == [1] * len(stages)
    assert meter.value(metrics.STAGE_SECONDS, ("transform",)) == 0


def test_ages_are_told_from_receipt_and_from_the_record(pipeline: Pipeline) -> None:
    meter = Meter()
    watched(WorkerSight(TOPICS, meter, Health(), clock=Ticking().clock), pipeline, [record(0)])

    sums = {
        sample.labels["from"]: sample.value
        for family_ in meter.collect()
        for sample in family_.samples
        if sample.name == "streamproc_latency_seconds_sum"
    }
    assert sums == {"received": pytest.approx(18), "record": pytest.approx(8)}


def test_two_pipelines_that_share_a_detector_count_its_texts_once(pipeline: Pipeline) -> None:
    meter = Meter()
    sight = WorkerSight(TOPICS, meter, Health(), clock=Ticking().clock)
    other = Pipeline(pipeline._parts)

    for number, each in enumerate((pipeline, other, pipeline)):
        watched(sight, each, [record(number, properties={"n": f"text {number}"})])

    detector = cast("ToldDetector", pipeline.detector)
    counted = [meter.value(metrics.NAMES_TEXTS, (each,)) for each in ("read", "spared")]
    assert sum(counted) == detector.searched
    assert counted[0] == detector.read == 3


def test_a_batch_that_failed_is_not_counted_and_not_traced() -> None:
    meter, kept = Meter(), Kept(1)
    sight = WorkerSight(TOPICS, meter, Health(), kept)

    def fail() -> None:
        with sight.batch([record(0)]) as watch:
            watch.lap("rules")
            inflight.append(meter.value(metrics.INFLIGHT))
            raise ZeroDivisionError

    inflight: list[float] = []
    with pytest.raises(ZeroDivisionError):
        fail()

    assert inflight == [1]
    assert meter.value(metrics.EVENTS, ("row",)) == meter.value(metrics.INFLIGHT) == 0
    assert kept.traces == []


def test_a_traced_batch_says_what_it_became_and_who_sent_it(pipeline: Pipeline) -> None:
    kept = Kept(1)
    sight = WorkerSight(TOPICS, Meter(), Health(), kept, Ticking().clock)
    parent = (("traceparent", f"00-{'a' * 32}-{'b' * 16}-01".encode()),)
    records = [record(7, parent, properties={"note": EMAIL}), record(9)]

    with sight.batch(records):
        named = get_contextvars()["trace_id"]
    watched(sight, pipeline, records)

    (trace,) = kept.traces
    said = trace.whole.attributes
    assert named == f"{trace.id:032x}"
    assert "trace_id" not in get_contextvars()
    assert trace.links == [Parent(int("a" * 32, 16), int("b" * 16, 16))]
    assert (said["messaging.kafka.offset"], said["streamproc.offset.last"]) == (7, 9)
    assert (said["streamproc.rows"], said["streamproc.findings"]) == (2, 1)
    assert said["streamproc.ruleset"] == "f1"
    assert [stage.began for stage in trace.stages[1:]] == [
        stage.ended for stage in trace.stages[:-1]
    ]
    assert EMAIL not in repr(trace)


def test_a_pipeline_that_hangs_is_a_fault_and_a_broker_that_is_waited_for_is_none() -> None:
    now = 0
    health = Health()
    clock = Clock(lambda: 10**18, lambda: now)
    sight = WorkerSight(TOPICS, Meter(), health, clock=clock)

    with sight.batch([record(0)]) as watch:
        watch.lap("decode")
        now = round((PIPELINE_SECONDS + 1) * SECOND)
        assert health.faults() == {"pipeline": "hangs for 901 s after stage decode"}
        watch.lap("encode")
        now *= 3
        assert health.faults() == {}


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("properties.products[0].sku", "properties"),
        ("traits", "traits"),
        ("context.traits.email", "context.traits"),
        ("context.page.url", "context.page"),
        ("context.*", "context.other"),
        ("context.jane.x", "context.other"),
        ("context", "context.other"),
        ("jane@example.com", "other"),
        ("", "other"),
    ],
)
def test_a_path_is_cut_down_to_a_part_of_the_event_spec(path: str, part: str) -> None:
    assert family(path) == part
    assert len(TOP) + len(CONTEXT) + 1 == 32


def test_the_ruleset_in_force_is_shown(pipeline: Pipeline) -> None:
    meter, health = Meter(), Health({"rules": "none is ready"})
    sight = WorkerSight(TOPICS, meter, health)

    sight.rules(lambda: pipeline)

    assert meter.value(metrics.RULESET_INFO, ("test", "f1")) == 1
    assert health.lacks() == {}
