"""Topics that are deleted and made anew while rules are rolled out, on real Kafka."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import EMBEDDED_PARTITIONS, Broker
from deleting import make_anew
from processes import wait_until
from rolling_out import Place, event

from streamproc.kafka.control import RECORD_BYTES
from streamproc.rollout.log import RulesLog

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

EVENTS = 40
FEWER = 20
"""What a new topic has at first: a consumer whose position is past its end begins anew."""


@pytest.fixture
def place(kafka: Broker, tmp_path: Path) -> Iterator[Place]:
    with Place(kafka, tmp_path) as place:
        yield place


def make(place: Place, count: int = EVENTS) -> None:
    place.work.broker.produce(place.work.topics.raw, [event(number) for number in range(count)])


def made_by(place: Place) -> list[str]:
    """Return by which rules rows were made, in the order that they were."""
    rows = place.rows(place.work.topics.load)
    return sorted({each.ruleset for versions in rows.values() for each in versions})


def rows_of(place: Place, number: int) -> str:
    place.log.catch_up()
    return place.log.ledger.rulesets[number].rows


@pytest.mark.parametrize("running", [True, False])
def test_a_raw_topic_that_is_made_anew_begins_with_the_latest_rules(
    place: Place, *, running: bool
) -> None:
    place.publish(0)
    make(place)
    worker = place.start_worker()
    place.work.wait_until_processed(EVENTS)
    fences = place.publish(1).fences
    assert fences is not None
    assert sum(fences.values()) == EVENTS
    if not running:
        assert worker.stop() == 0
    make_anew(place.work.broker, place.work.topics.raw, EMBEDDED_PARTITIONS)
    make_anew(place.work.broker, place.work.topics.load, EMBEDDED_PARTITIONS)
    make(place, FEWER)
    if not running:
        worker = place.start_worker()
    wait_until(lambda: len(place.rows(place.work.topics.load)) == FEWER)

    assert made_by(place) == [rows_of(place, 2)]
    after = place.publish(2).fences
    make(place)
    wait_until(lambda: len(place.rows(place.work.topics.load)) == FEWER + EVENTS)
    assert worker.stop() == 0
    assert made_by(place) == sorted([rows_of(place, 2), rows_of(place, 3)])
    assert after is not None
    for (partition, offset), versions in place.rows(place.work.topics.load).items():
        expected = rows_of(place, 3 if offset >= after[str(partition)] else 2)
        assert {each.ruleset for each in versions} == {expected}


def test_a_topic_of_rules_that_is_made_anew_stops_who_follows_it(place: Place) -> None:
    place.publish(0)
    make(place)
    worker = place.start_worker()
    place.work.wait_until_processed(EVENTS)
    rules = place.work.topics.rules
    make_anew(place.work.broker, rules, 1, {"max.message.bytes": str(RECORD_BYTES)})
    worker.wait_for("log cannot be followed any more")
    make(place)
    worker.wait_for("worker cannot go on, nothing of this batch is committed")
    assert worker.wait() == 1
    assert place.work.committed() == EVENTS

    again = place.start_worker()
    again.wait_for("no ruleset has been published, waiting")
    time.sleep(1)
    assert place.work.committed() == EVENTS
    with RulesLog(place.settings) as log:
        place.log, before = log, place.log
        assert place.publish(1).fences == {}
        place.log = before
    place.work.wait_until_processed(2 * EVENTS)
    assert again.stop() == 0
    assert len(place.rows(place.work.topics.load)) == 2 * EVENTS
