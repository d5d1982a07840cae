"""A ruleset tried beside the one in force: on which records, for how long, and what is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from streamproc.assemble import Assembly
from streamproc.effects.trials import TEST_RING
from streamproc.events import Micros, Origin, Record
from streamproc.identity import View
from streamproc.pipeline import Parts
from streamproc.rollout.bundle import open_bundle
from streamproc.rollout.pipelines import Pipelines
from streamproc.rollout.records import Published, Shadow
from streamproc.rollout.shadow import MOST_SECONDS, SHARE, Allowance, Candidate, Shadowing
from streamproc.rollout.shadow import is_sampled as sampled
from streamproc.rollout.shadow_report import ShadowReport, decode_report
from streamproc.rules import Ruleset
from streamproc.settings import Settings

RULES = """\
version: 1
name: %s
entities: [EMAIL_ADDRESS]
operators: {default: hash}
rules:
  - {name: note, fields: [properties.note], entity: NOTE, operator: %s}
"""
NOTE = "a note of somebody"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def published(number: int, operator: str) -> Published:
    files = {"rules.yaml": RULES % (f"r{number}", operator)}
    return Published(
        id=number,
        nonce="n",
        files=files,
        fingerprint=open_bundle(files).fingerprint,
        rows="",
        author="a",
        message="m",
        at="2026-01-01T00:00:00+00:00",
    )


def candidate(operator: str, *, sample: float = 1.0, seconds: float = 600) -> Candidate:
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    shadow = Shadow(id=2, sample=sample, until=until)
    return Candidate(shadow, published(2, operator), published(1, "hash"))


def records(count: int) -> list[Record]:
    return [record(offset) for offset in range(count)]


def record(offset: int) -> Record:
    event = {
        "type": "track",
        "event": "Seen",
        "anonymousId": "a",
        "messageId": f"m-{offset}",
        "properties": {"note": NOTE},
    }
    return Record(Origin("raw", 0, offset), None, orjson.dumps(event), Micros(0))


@pytest.fixture(scope="module")
def assembly() -> Assembly:
    return Assembly(Settings(), TEST_RING, View())


@pytest.fixture
def pipelines(assembly: Assembly) -> Iterator[Pipelines]:
    made = Pipelines(assembly.pipeline)
    yield made
    made.close()


def trying(
    pipelines: Pipelines, tried: Candidate | None, parts_of: Callable[[Ruleset], Parts]
) -> Shadowing:
    """Return what tries ``tried``, when it is ready."""
    shadowing = Shadowing("w", "raw", pipelines, parts_of)
    shadowing.follow(tried)
    pipelines.beside(lambda: None).result(60)
    return shadowing


def said(shadowing: Shadowing) -> ShadowReport | None:
    written = shadowing.said()
    return None if written is None else decode_report(written[1])


def test_what_would_be_otherwise_is_counted_and_no_value_is_said(
    assembly: Assembly, pipelines: Pipelines
) -> None:
    shadowing = trying(pipelines, candidate("{mask: {keep_last: 4}}"), assembly.parts)

    shadowing.look(records(1))

    written, found = shadowing.said(), said(shadowing)
    assert written is not None
    assert NOTE.encode() not in written[1]
    assert found is not None
    assert (found.ruleset, found.against, found.compared) == (2, 1, 1)
    assert [(each.kind, each.path) for each in found.changes] == [("exposed", "properties.note")]
    assert found.seconds > 0
    assert found.new_seconds > 0


def test_records_there_is_no_time_for_are_counted(assembly: Assembly, pipelines: Pipelines) -> None:
    shadowing = trying(pipelines, candidate("redact"), assembly.parts)

    shadowing.look(records(2_000))

    found = said(shadowing)
    assert found is not None
    assert 0 < found.compared < 2_000
    assert found.compared + found.missed == 2_000


def test_records_outside_of_the_sample_are_not_looked_at(
    assembly: Assembly, pipelines: Pipelines
) -> None:
    tried = candidate("redact", sample=0.000001)
    shadowing = trying(pipelines, tried, assembly.parts)

    shadowing.look(records(200))

    found = said(shadowing)
    assert found is not None
    assert (found.compared, found.missed) == (0, 0)


def test_nothing_is_looked_at_before_there_is_a_candidate_nor_after_its_time(
    assembly: Assembly, pipelines: Pipelines
) -> None:
    for tried in (None, candidate("redact", seconds=-1)):
        shadowing = trying(pipelines, tried, assembly.parts)
        shadowing.look(records(1))
        assert said(shadowing) is None


def test_what_was_found_is_forgotten_when_another_ruleset_is_in_force(
    assembly: Assembly, pipelines: Pipelines
) -> None:
    tried = candidate("redact")
    shadowing = trying(pipelines, tried, assembly.parts)
    shadowing.look(records(1))

    shadowing.follow(tried._replace(active=published(3, "hash")))

    assert said(shadowing) is None


def test_a_candidate_that_cannot_be_used_is_not_tried_and_ends_nothing(
    pipelines: Pipelines,
) -> None:
    def broken(ruleset: Ruleset) -> Parts:
        raise OSError(ruleset.name)

    shadowing = trying(pipelines, candidate("redact"), broken)

    shadowing.look(records(1))
    shadowing.look(records(1))

    assert said(shadowing) is None


def test_the_sample_is_the_same_everywhere_and_as_large_as_asked_for() -> None:
    places = [Origin("raw", n % 4, n) for n in range(20_000)]
    chosen = [each for each in places if sampled(each, 0.01)]

    assert chosen == [each for each in places if sampled(each, 0.01)]
    assert 150 < len(chosen) < 250
    assert all(sampled(each, 0.02) for each in chosen)
    assert all(sampled(each, 1.0) for each in places)


def test_an_allowance_is_used_up_and_grows_by_its_share_of_the_time_that_passes() -> None:
    clock = Clock()
    allowance = Allowance(clock)
    allowance.begin()
    assert allowance.lasts()

    clock.now += MOST_SECONDS * 1.01
    assert not allowance.lasts()

    clock.now += MOST_SECONDS
    allowance.begin()
    assert allowance.lasts()
    clock.now += MOST_SECONDS * SHARE
    assert not allowance.lasts()


def test_an_allowance_is_never_more_than_that_of_one_batch() -> None:
    clock = Clock()
    allowance = Allowance(clock)
    clock.now += 1_000
    allowance.begin()

    clock.now += MOST_SECONDS * 1.01

    assert not allowance.lasts()
