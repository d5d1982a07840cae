"""The worker under faults, on real Kafka: nothing lost, nothing doubled in the warehouse."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from broker import KafkaBroker
from brokers import Broker
from processes import running, wait_until
from workplace import Workplace

from streamproc.demo import Generated, Mix, generate

EVENTS = int(os.environ.get("STREAMPROC_TEST_FAULT_EVENTS", "10000"))
KILLS = int(os.environ.get("STREAMPROC_TEST_FAULT_KILLS", "4"))


def numbered(count: int, text: object = "") -> list[Generated]:
    events: Iterator[dict[str, Any]] = (
        {"type": "track", "event": "E", "userId": f"u{n % 50}", "messageId": f"m{n}", "text": text}
        for n in range(count)
    )
    return [
        Generated(orjson.dumps(event), event["userId"].encode(), event["messageId"], ())
        for event in events
    ]


@pytest.mark.kafka
@pytest.mark.timeout(1_500)
def test_kills_of_the_worker_lose_and_double_nothing(kafka: Broker, tmp_path: Path) -> None:
    place = Workplace(kafka, tmp_path)
    records = list(generate(EVENTS, 21, Mix(malformed=0.0)))
    seed = int(os.environ.get("STREAMPROC_TEST_FAULT_SEED", "7"))
    rng = random.Random(seed)
    portion = len(records) // (KILLS + 1)

    killed_at = []
    left = []
    for number in range(KILLS):
        # Commits lag behind what is done, so that kills leave work that is done twice.
        with place.worker(
            worker_instance_id="the-one", worker_commit_interval_seconds=0.5
        ) as worker:
            worker.wait_for("worker ready")
            before = place.broker.written(place.topics.load)
            place.publish(records[number * portion : (number + 1) * portion])
            # However fast it is: it is killed once it works on what has just come.
            wait_until(lambda before=before: place.broker.written(place.topics.load) > before)
            if number % 2:
                time.sleep(rng.random() / 2)  # anywhere in a batch
            worker.kill()
            killed_at.append(place.committed())
            left.append((number + 1) * portion - killed_at[-1])
    place.publish(records[KILLS * portion :])
    with place.ready_worker(worker_instance_id="the-one") as worker:
        place.wait_until_processed(EVENTS, 300)
        assert worker.stop() == 0
    summary = place.load()

    loaded = place.message_ids()
    assert loaded.keys() == {made.message_id for made in records}, f"seed {seed}"
    assert set(loaded.values()) == {1}
    assert any(left), "kills have to hit a worker that has work"
    assert summary["rows"] == EVENTS
    assert summary["duplicates"] > 0, "kills have to leave rows that are made again"
    print(f"\n{KILLS} kills at {killed_at}: {summary}")  # noqa: T201 - the figure, with -s


@pytest.mark.kafka
def test_workers_that_come_and_go_lose_and_double_nothing(kafka: Broker, tmp_path: Path) -> None:
    place = Workplace(kafka, tmp_path)
    records = numbered(40_000)
    place.publish(records[:5_000])

    with place.ready_worker(worker_batch_records=50) as first:
        with place.ready_worker(worker_batch_records=50) as second:
            second.wait_for("worker ready")  # at first it has no partitions
            place.publish(records[5_000:])
            second.wait_for("worker progress")
            assert second.stop() == 0
        place.wait_until_processed(40_000)
        assert first.stop() == 0
    summary = place.load()

    assert (summary["rows"], summary["duplicates"]) == (40_000, 0)  # clean stops double nothing


@pytest.mark.kafka
def test_a_worker_that_was_stopped_past_its_session_does_no_harm(
    kafka: Broker, tmp_path: Path
) -> None:
    place = Workplace(kafka, tmp_path)
    place.publish(numbered(20_000))

    with place.ready_worker(worker_batch_records=20) as sleeper:
        sleeper.wait_for("worker progress")
        sleeper.send(signal.SIGSTOP)
        with place.ready_worker() as other:
            place.wait_until_processed(20_000)
            sleeper.send(signal.SIGCONT)  # finishes its batch, and finds it lost
            time.sleep(2)
            place.publish(numbered(100, "again"))
            place.wait_until_processed(20_100)
            assert sleeper.stop() == 0
            assert other.stop() == 0
    place.load()

    assert set(place.message_ids().values()) == {1}
    assert len(place.message_ids()) == 20_000


@pytest.mark.kafka
def test_a_broker_that_goes_away_and_comes_back_is_waited_for(
    own_kafka: KafkaBroker, tmp_path: Path
) -> None:
    place = Workplace(Broker(own_kafka.bootstrap, "kafka"), tmp_path)
    place.publish(numbered(20_000))

    with place.ready_worker(worker_batch_records=50) as worker:
        worker.wait_for("worker progress")
        own_kafka.kill()
        worker.wait_for("brokers cannot be reached")
        own_kafka.start()
        place.wait_until_processed(20_000)
        assert worker.stop() == 0
    place.load()

    assert place.message_ids().keys() == {f"m{number}" for number in range(20_000)}
    assert not any("Traceback" in line for line in worker.lines)


@pytest.mark.kafka
def test_a_worker_whose_messages_are_not_delivered_stops_and_commits_nothing(
    own_kafka: KafkaBroker, tmp_path: Path
) -> None:
    place = Workplace(Broker(own_kafka.bootstrap, "kafka"), tmp_path)
    place.publish(numbered(40_000))

    settings = {
        "kafka_delivery_timeout_seconds": 2,
        "worker_retries": 2,
        "worker_batch_records": 50,
        "worker_shutdown_seconds": 3,  # for a group that nobody answers for
    }
    with place.ready_worker(**settings) as worker:
        worker.wait_for("worker progress")
        own_kafka.kill()
        worker.wait_for("worker cannot go on")
        assert worker.wait() == 1
    own_kafka.start()
    with place.ready_worker() as worker:
        place.wait_until_processed(40_000)
        worker.stop()
    place.load()

    assert place.message_ids().keys() == {f"m{number}" for number in range(40_000)}
    assert set(place.message_ids().values()) == {1}


@pytest.mark.kafka
def test_a_row_the_topic_refuses_becomes_a_dead_letter(kafka: Broker, tmp_path: Path) -> None:
    topics = kafka.names("refused")
    of_people = (topics.links, topics.attributes, topics.suppressed, topics.deletions)
    for name in (topics.raw, topics.dead, *of_people):
        kafka.create(name)
    kafka.create(topics.load, config={"max.message.bytes": "400000"})
    place = Workplace(kafka, tmp_path, topics)
    rng = random.Random(1)
    large = [rng.randbytes(75).hex() for _ in range(4_000)]  # 600 kB, and random
    place.publish([*numbered(50)[:25], *numbered(1, large), *numbered(50)[25:]])

    with place.ready_worker(limits_event_bytes=1_000_000) as worker:
        place.wait_until_processed(51)
        worker.stop()
    place.load()

    letters = place.dead_letters()
    assert [(letter.stage, letter.code) for letter in letters] == [("publish", "refused_by_broker")]
    assert len(place.message_ids()) == 50


@pytest.mark.kafka
def test_a_worker_without_a_broker_says_so_and_waits(
    tmp_path: Path, own_kafka: KafkaBroker
) -> None:
    place = Workplace(Broker(own_kafka.bootstrap, "kafka"), tmp_path)
    own_kafka.stop()

    with running(["-m", "streamproc", "worker"], place.environment()) as worker:
        worker.wait_for("brokers cannot be reached")
        own_kafka.start()
        worker.wait_for("worker ready")
        assert worker.stop() == 0
    assert not any("Traceback" in line for line in worker.lines)
