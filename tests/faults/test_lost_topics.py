"""Topics that a worker cannot do without are deleted while it runs, on real Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import EMBEDDED_PARTITIONS, WAIT_SECONDS, Broker
from confluent_kafka.admin import AdminClient
from rolling_out import Place, event
from workplace import Workplace

from streamproc.demo import Generated, Mix, generate
from streamproc.kafka.control import RECORD_BYTES
from streamproc.rollout.log import RulesLog

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

EVENTS = 200
COMPACTED: dict[str, str] = {"cleanup.policy": "compact"}


def delete(broker: Broker, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.delete_topics([topic])[topic].result(WAIT_SECONDS)


def events(seed: int) -> list[Generated]:
    return list(generate(EVENTS, seed, Mix(malformed=0.0)))


@pytest.fixture
def rules(kafka: Broker, tmp_path: Path) -> Iterator[Place]:
    with Place(kafka, tmp_path) as place:
        yield place


def test_without_the_topic_of_rules_nothing_is_done_and_nothing_is_lost(rules: Place) -> None:
    work = rules.work
    rules.publish(0)
    worker = rules.start_worker(kafka_delivery_timeout_seconds=5)
    work.broker.produce(work.topics.raw, [event(number) for number in range(EVENTS)])
    work.wait_until_processed(EVENTS)

    delete(work.broker, work.topics.rules)
    work.broker.produce(work.topics.raw, [event(number) for number in range(EVENTS)])
    worker.wait_for("worker cannot go on, nothing of this batch is committed")
    assert worker.wait() == 1
    assert work.committed() == EVENTS
    assert len(rules.rows(work.topics.load)) == EVENTS

    work.broker.create(work.topics.rules, 1, COMPACTED | {"max.message.bytes": str(RECORD_BYTES)})
    again = rules.start_worker()
    again.wait_for("no ruleset has been published, waiting")
    assert work.committed() == EVENTS
    with RulesLog(rules.settings) as log:  # the other one has read a log that is gone
        rules.log, before = log, rules.log
        assert rules.publish(0).fences == {}
        rules.log = before
    work.wait_until_processed(2 * EVENTS)
    assert again.stop() == 0
    assert len(rules.rows(work.topics.load)) == 2 * EVENTS


def test_without_the_topic_of_links_nothing_is_committed_and_nothing_is_lost(
    kafka: Broker, tmp_path: Path
) -> None:
    place = Workplace(kafka, tmp_path)
    first, second = events(1), events(2)
    place.publish(first)
    with place.ready_worker(kafka_delivery_timeout_seconds=5, worker_retries=2) as worker:
        place.wait_until_processed(EVENTS)
        delete(kafka, place.topics.links)
        place.publish(second)
        worker.wait_for("worker cannot go on, nothing of this batch is committed")
        assert worker.wait() == 1
    assert place.committed() < 2 * EVENTS

    kafka.create(place.topics.links, EMBEDDED_PARTITIONS, COMPACTED)
    with place.ready_worker() as worker:
        place.wait_until_processed(2 * EVENTS)
        assert worker.stop() == 0
    place.load()
    assert place.message_ids() == dict.fromkeys((each.message_id for each in first + second), 1)
