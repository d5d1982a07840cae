"""The pipeline with a detector that finds what it is told to, and fails where it is told to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import orjson
import pytest
from redaction import LIMITS, RING, find_literals, record_of, scoped_sites_of

from streamproc.detect import Detector, Text
from streamproc.errors import EventError
from streamproc.events import (
    DeadLetter,
    Dropped,
    Finding,
    Json,
    Link,
    Micros,
    Origin,
    Outcome,
    Record,
    Row,
    Violation,
)
from streamproc.identity import View
from streamproc.pipeline import Parts, Pipeline
from streamproc.redact import Naming, Redactor, Tokens
from streamproc.tracking import load_tracking_plan

EMAIL = "jane@example.com"
POISON = "a text no detector survives"
DROP_TESTS = "{name: tests, fields: [context.test], entity: MARK, operator: drop_event}"


class ToldDetector:
    """Finds one e-mail address, fails on one text, and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def detect(self, texts: Sequence[Text]) -> list[tuple[Finding, ...]]:
        self.calls += 1
        if any(text.value == POISON for text in texts):
            raise EventError("detect", "detector_failed")
        return list(find_literals(texts, {EMAIL: "EMAIL_ADDRESS"}))


@pytest.fixture
def detector() -> ToldDetector:
    return ToldDetector()


@pytest.fixture
def parts(detector: ToldDetector) -> Parts:
    return Parts(
        limits=LIMITS,
        sites=scoped_sites_of(DROP_TESTS),
        detector=cast("Detector", detector),
        redactor=Redactor(Tokens(RING), "f00d"),
        view=View(),
        seal=None,
        ruleset="f00d",
    )


@pytest.fixture
def pipeline(parts: Parts) -> Pipeline:
    return Pipeline(parts)


def broken(offset: int) -> Record:
    return Record(Origin("raw", 0, offset), None, b"{", Micros(0))


def run(pipeline: Pipeline, *bodies: Mapping[str, Json]) -> Sequence[Outcome]:
    records = [record_of(body, offset=offset) for offset, body in enumerate(bodies)]
    return pipeline.run(records).outcomes


def test_every_record_has_its_outcome_in_order(pipeline: Pipeline) -> None:
    records = [
        record_of({"messageId": "a"}, offset=0),
        broken(1),
        record_of({"context": {"test": True}}, offset=2),
        record_of({"messageId": "d"}, offset=3),
    ]
    result = pipeline.run(records)
    assert [type(outcome) for outcome in result.outcomes] == [Row, DeadLetter, Dropped, Row]
    assert [outcome.origin.offset for outcome in result.outcomes] == [0, 1, 2, 3]
    assert [redacted is not None for redacted in result.redacted] == [True, False, False, True]


def test_an_empty_batch_becomes_nothing(pipeline: Pipeline) -> None:
    assert not pipeline.run([]).outcomes


def test_one_call_of_the_detector_serves_the_batch(
    pipeline: Pipeline, detector: ToldDetector
) -> None:
    run(pipeline, *[{"messageId": str(number)} for number in range(20)])
    assert detector.calls == 1


def test_a_detector_that_fails_costs_the_one_event_it_fails_on(pipeline: Pipeline) -> None:
    note: Json = {"note": f"write to {EMAIL}"}
    outcomes = run(pipeline, {"properties": note}, {"context": {"x": POISON}}, {"properties": note})
    first, second, third = outcomes
    assert isinstance(second, DeadLetter)
    assert (second.stage, second.code) == ("detect", "detector_failed")
    for row in (first, third):
        assert isinstance(row, Row)
        assert EMAIL.encode() not in row.payload


def test_a_fault_in_one_event_passes_nothing_of_it_on(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Tokens, identifier: str) -> str:
        raise ValueError(identifier)

    monkeypatch.setattr(Tokens, "of_identifier", fails)
    (letter,) = run(pipeline, {"properties": {"note": EMAIL}})
    assert isinstance(letter, DeadLetter)
    assert (letter.stage, letter.code) == ("redact", "internal_error")
    assert b"jane" not in letter.view


def test_the_deepest_nesting_that_decoding_allows_is_redacted(pipeline: Pipeline) -> None:
    value: Json = EMAIL
    for _ in range(LIMITS.depth - 2):
        value = [value]
    (row,) = run(pipeline, {"properties": {"x": value}})
    assert isinstance(row, Row)
    assert EMAIL.encode() not in row.payload


def test_links_are_stated_once_a_batch_and_count_from_their_event_on(pipeline: Pipeline) -> None:
    page: Mapping[str, Json] = {"type": "page", "userId": None, "anonymousId": "device"}
    identify: Mapping[str, Json] = {"type": "identify", "userId": "u", "anonymousId": "device"}
    records = [record_of(body) for body in (page, identify, identify, page)]
    result = pipeline.run(records)
    tokens = Tokens(RING)
    device, user = tokens.of_identifier("device"), tokens.of_identifier("u")
    assert list(result.links) == [Link("identify", device, user)]
    identities = [row.identity_id for row in result.outcomes if isinstance(row, Row)]
    assert identities == [device, user, user, user]


def test_links_known_before_are_stated_again_for_a_batch_that_is_read_again(
    pipeline: Pipeline,
) -> None:
    records = [record_of({"type": "identify", "userId": "u", "anonymousId": "a"})]
    assert list(pipeline.run(records).links) == list(pipeline.run(records).links)


def test_the_same_record_makes_the_same_row(pipeline: Pipeline) -> None:
    body: Mapping[str, Json] = {"properties": {EMAIL: [EMAIL, 1, None]}, "messageId": EMAIL}
    assert run(pipeline, body) == run(pipeline, body)


def test_redacting_a_redacted_event_changes_nothing(pipeline: Pipeline) -> None:
    (once,) = run(pipeline, {"properties": {EMAIL: f"to {EMAIL}"}, "messageId": EMAIL})
    assert isinstance(once, Row)
    (twice,) = run(pipeline, orjson.loads(once.payload))
    assert isinstance(twice, Row)
    assert (twice.payload, twice.message_id) == (once.payload, once.message_id)
    assert twice.manifest == ()


def test_events_are_held_against_the_tracking_plan_as_they_came(
    parts: Parts, tmp_path: Path
) -> None:
    (tmp_path / "plan.yaml").write_text(
        "version: 1\nname: test\nviolations: {unplanned_event: drop, wrong_type: dead_letter}\n"
    )
    (tmp_path / "track.json").write_text(
        '{"properties": {"n": {"type": "number"}, "to": {"format": "email"}}, "maxProperties": 1}'
    )
    pipeline = Pipeline(replace(parts, plan=load_tracking_plan(tmp_path)))

    planned, marked, refused = run(
        pipeline,
        {"properties": {"to": EMAIL}},
        {"properties": {"to": EMAIL, "n": 1}},
        {"properties": {"n": EMAIL}},
    )

    assert isinstance(planned, Row)
    assert EMAIL.encode() not in planned.payload  # what was an address for the plan is a token now
    assert planned.violations == ()
    assert isinstance(marked, Row)
    assert marked.violations == (Violation("properties", "other"),)
    assert isinstance(refused, DeadLetter)
    assert (refused.stage, refused.code, refused.path) == ("plan", "wrong_type", "properties.n")


def test_an_event_that_the_tracking_plan_drops_is_counted_by_what_is_wrong(
    parts: Parts, detector: ToldDetector, tmp_path: Path
) -> None:
    (tmp_path / "plan.yaml").write_text(
        "version: 1\nname: test\nviolations: {required_missing: drop}\n"
    )
    (tmp_path / "track.json").write_text('{"required": ["total"]}')
    pipeline = Pipeline(replace(parts, plan=load_tracking_plan(tmp_path)))

    result = pipeline.run([record_of({}, offset=0), record_of({"properties": {"total": 1}})])

    assert result.outcomes[0] == Dropped(Origin("raw", 0, 0), "plan:required_missing")
    assert isinstance(result.outcomes[1], Row)
    assert result.redacted[0] is None
    assert detector.calls == 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [("null", "generic"), ("x" * 250_000, "too_long"), ("a\x00b", "control_characters")],
)
def test_an_event_whose_ids_name_nobody_is_a_row_of_nobody_and_counted(
    parts: Parts, value: str, reason: str
) -> None:
    naming = Naming(generic=frozenset({"null"}))
    pipeline = Pipeline(replace(parts, redactor=Redactor(Tokens(RING), "f00d", naming)))
    body: Mapping[str, Json] = {"type": "identify", "userId": value, "anonymousId": value}

    result = pipeline.run([record_of(body)])
    (row,) = result.outcomes
    assert isinstance(row, Row)
    assert (row.identity_id, list(result.links)) == (None, [])
    assert result.unusable == {reason: 2}
    assert pipeline.run([]).unusable == {}


def test_ids_that_are_no_texts_make_a_dead_letter(pipeline: Pipeline) -> None:
    for value in (7, ["u"], {"id": "u"}, True):
        (letter,) = run(pipeline, {"userId": value})
        assert isinstance(letter, DeadLetter)
        assert (letter.stage, letter.code, letter.path) == ("decode", "wrong_type", "userId")
