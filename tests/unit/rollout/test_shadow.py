"""A ruleset tried beside the one in force: on which records, for how long, and what is found."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import orjson
import pytest
from structlog.testing import capture_logs

from streamproc.assemble import Assembly
from streamproc.detect import Detector
from streamproc.effects.difference import Comparison
from streamproc.effects.trials import TEST_RING
from streamproc.errors import ConfigError, Problem
from streamproc.events import Micros, Origin, Record
from streamproc.identity import View
from streamproc.pipeline import Parts
from streamproc.rollout.bundle import open_bundle
from streamproc.rollout.records import Published, Shadow
from streamproc.rollout.shadow import (
    MOST_SECONDS,
    MOST_WAITING,
    SHARE,
    Allowance,
    Candidate,
    PartsOf,
    Shadowing,
)
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

Trying: TypeAlias = Callable[..., Shadowing]


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
def trying(assembly: Assembly) -> Iterator[Trying]:
    """What makes something that tries a candidate, and is ready."""
    with ExitStack() as stack:

        def make(tried: Candidate | None, parts_of: PartsOf = assembly.parts) -> Shadowing:
            shadowing = Shadowing("w", "raw", parts_of)
            stack.callback(shadowing.close)
            shadowing.follow(tried)
            settle(shadowing)
            return shadowing

        yield make


def settle(shadowing: Shadowing) -> None:
    """Wait until all that was begun is done."""
    shadowing._thread.submit(lambda: None).result(60)


def look(shadowing: Shadowing, records: Sequence[Record]) -> None:
    shadowing.look(records)
    settle(shadowing)


def said(shadowing: Shadowing) -> ShadowReport | None:
    written = shadowing.said()
    return None if written is None else decode_report(written[1])


def test_what_would_be_otherwise_is_counted_and_no_value_is_said(trying: Trying) -> None:
    shadowing = trying(candidate("{mask: {keep_last: 4}}"))

    look(shadowing, records(1))

    written, found = shadowing.said(), said(shadowing)
    assert written is not None
    assert NOTE.encode() not in written[1]
    assert found is not None
    assert (found.ruleset, found.against, found.compared) == (2, 1, 1)
    assert [(each.kind, each.path) for each in found.changes] == [("exposed", "properties.note")]
    assert found.seconds > 0
    assert found.new_seconds > 0


def test_records_there_is_no_time_for_are_counted(trying: Trying) -> None:
    shadowing = trying(candidate("redact"))

    look(shadowing, records(2_000))

    found = said(shadowing)
    assert found is not None
    assert 0 < found.compared < 2_000
    assert found.compared + found.missed == 2_000


def test_records_outside_of_the_sample_are_not_looked_at(trying: Trying) -> None:
    tried = candidate("redact", sample=0.000001)
    shadowing = trying(tried)

    look(shadowing, records(200))

    found = said(shadowing)
    assert found is not None
    assert (found.compared, found.missed) == (0, 0)


def test_nothing_is_looked_at_before_there_is_a_candidate_nor_after_its_time(
    trying: Trying,
) -> None:
    def nothing(ruleset: Ruleset) -> Parts:
        raise AssertionError(ruleset.name)

    for tried in (None, candidate("redact", seconds=-1)):
        shadowing = trying(tried, nothing)
        look(shadowing, records(1))
        assert said(shadowing) is None


def test_a_candidate_whose_time_is_over_is_not_kept(trying: Trying) -> None:
    made: list[weakref.ref[Detector]] = []

    def noting(ruleset: Ruleset) -> Parts:
        parts = Assembly(Settings(), TEST_RING, View()).parts(ruleset)
        made.append(weakref.ref(parts.detector))
        return parts

    shadowing = trying(candidate("redact", seconds=2), noting)
    assert made[0]() is not None
    time.sleep(2)

    look(shadowing, records(1))
    gc.collect()

    assert [each() for each in made] == [None, None]
    assert said(shadowing) is not None


def test_what_was_found_is_forgotten_when_another_ruleset_is_in_force(trying: Trying) -> None:
    tried = candidate("redact")
    shadowing = trying(tried)
    look(shadowing, records(1))

    shadowing.follow(tried._replace(active=published(3, "hash")))
    settle(shadowing)

    found = said(shadowing)
    assert found is not None
    assert (found.against, found.compared) == (3, 0)


def test_a_candidate_that_cannot_be_used_is_told_and_ends_nothing(trying: Trying) -> None:
    def broken(ruleset: Ruleset) -> Parts:
        raise ConfigError(Problem(ruleset.name, "", "no such model"))

    with capture_logs() as logs:
        shadowing = trying(candidate("redact"), broken)
        look(shadowing, records(1))

    found = said(shadowing)
    assert found is not None
    assert (found.ruleset, found.compared, found.failed) == (2, 0, 1)
    assert [each["problems"] for each in logs] == [["r1: no such model"]]


def test_a_fault_in_the_middle_is_told_with_what_was_found_before(
    trying: Trying, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadowing = trying(candidate("redact"))
    look(shadowing, records(1))

    def broken(*_: object) -> None:
        raise OSError(NOTE)

    monkeypatch.setattr(Comparison, "take", broken)
    with capture_logs() as logs:
        look(shadowing, records(1))
        look(shadowing, records(1))

    found = said(shadowing)
    assert found is not None
    assert (found.compared, found.failed) == (1, 1)
    assert [each["fault"] for each in logs] == ["OSError"]
    assert NOTE not in str(logs)


def test_nothing_is_made_or_looked_at_in_the_thread_that_asks(
    assembly: Assembly, trying: Trying, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def noting(ruleset: Ruleset) -> Parts:
        threads.append(threading.current_thread().name)
        return assembly.parts(ruleset)

    def take(*_: object) -> None:
        threads.append(threading.current_thread().name)

    monkeypatch.setattr(Comparison, "take", take)
    look(trying(candidate("redact"), noting), records(1))

    assert threads == ["shadow_0"] * 3


def test_batches_that_come_while_others_wait_are_counted_and_not_kept(
    trying: Trying, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadowing, goes_on = trying(candidate("redact")), threading.Event()
    monkeypatch.setattr(Comparison, "take", lambda *_: goes_on.wait(60))

    for _ in range(MOST_WAITING + 3):
        shadowing.look(records(10))
    waiting = shadowing._thread._work_queue.qsize()
    goes_on.set()
    settle(shadowing)

    found = said(shadowing)
    assert found is not None
    assert waiting <= MOST_WAITING
    assert found.missed >= 20


def test_the_sample_is_the_same_everywhere_and_as_large_as_asked_for() -> None:
    places = [Origin("raw", n % 4, n) for n in range(20_000)]
    chosen = [each for each in places if sampled(each, 0.01)]

    assert chosen == [each for each in places if sampled(each, 0.01)]
    assert 150 < len(chosen) < 250
    assert all(sampled(each, 0.02) for each in chosen)
    assert all(sampled(each, 1.0) for each in places)


def test_an_allowance_is_used_up_and_grows_by_its_share_of_the_time_that_passes() -> None:
    clock, used = Clock(), Clock()
    allowance = Allowance(clock, used)
    allowance.begin()
    clock.now += 10  # that others take
    assert allowance.lasts()

    used.now += MOST_SECONDS * 1.01
    assert not allowance.lasts()

    clock = Clock()
    allowance = Allowance(clock, used)
    allowance.begin()
    used.now += MOST_SECONDS * 1.01
    assert not allowance.lasts()
    clock.now += MOST_SECONDS
    allowance.begin()
    assert allowance.lasts()
    used.now += MOST_SECONDS * SHARE
    assert not allowance.lasts()


def test_an_allowance_is_never_more_than_that_of_one_batch() -> None:
    clock, used = Clock(), Clock()
    allowance = Allowance(clock, used)
    clock.now += 1_000
    allowance.begin()

    used.now += MOST_SECONDS * 1.01

    assert not allowance.lasts()
