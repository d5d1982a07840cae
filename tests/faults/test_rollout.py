"""Rules rolled out under load and faults, on real Kafka: every row by the ruleset of its offset."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from brokers import Broker
from processes import wait_until
from rolling_out import FILES, Place, event, load, numbered_rules, show_nothing

from streamproc.rollout.ledger import Try
from streamproc.rollout.publish import publish
from streamproc.rollout.records import Activate, Prepare, Published
from streamproc.rollout.workers import LISTEN_SECONDS

PUBLISHES = int(os.environ.get("STREAMPROC_TEST_FAULT_PUBLISHES", "6"))
WORKERS = int(os.environ.get("STREAMPROC_TEST_FAULT_WORKERS", "2"))
SEED = int(os.environ.get("STREAMPROC_TEST_FAULT_SEED", "7"))
PAUSE_SECONDS = float(os.environ.get("STREAMPROC_TEST_FAULT_PAUSE_SECONDS", "1.0"))
"""The longest that a batch may wait for rules; 0.2 where nothing else runs on the machine."""


@pytest.fixture
def place(kafka: Broker, tmp_path: Path) -> Iterator[Place]:
    with Place(kafka, tmp_path) as place:
        yield place


@pytest.mark.kafka
@pytest.mark.timeout(1_500)
def test_every_row_is_by_the_ruleset_in_force_at_its_offset_and_on_a_replay_too(
    place: Place,
) -> None:
    assert place.publish(0).fences == {}
    workers = [place.start_worker() for _ in range(WORKERS)]
    for worker in workers:
        worker.wait_for("worker ready")
    with load(place.work) as published:
        time.sleep(LISTEN_SECONDS)
        for number in range(1, PUBLISHES + 1):
            outcome = place.publish(number)
            assert outcome.fences, outcome.reason
            assert sum(each.live for each in outcome.workers) == WORKERS
            time.sleep(0.3)
    count = sum(published)
    place.work.wait_until_processed(count)
    wait = place.longest_wait()
    for worker in workers:
        assert worker.stop() == 0
    place.assert_every_row_is_by_the_ruleset_of_its_offset(count, place.work.topics.load)

    again = f"{place.work.topics.load}.again"
    place.work.broker.create(again)
    place.work.group = place.work.broker.group("replay")
    replaying = place.start_worker(topics_load=again)
    place.work.wait_until_processed(count)
    assert replaying.stop() == 0
    place.assert_every_row_is_by_the_ruleset_of_its_offset(count, again)
    assert place.rows(again) == place.rows(place.work.topics.load)
    print(f"\n{PUBLISHES} publishes, {count} events, longest wait {wait} s")  # noqa: T201 - with -s
    assert wait < PAUSE_SECONDS


@pytest.mark.kafka
@pytest.mark.timeout(1_500)
def test_workers_killed_in_the_middle_of_a_publish_use_the_rulesets_of_the_offsets(
    place: Place,
) -> None:
    rng = random.Random(SEED)
    place.publish(0)
    workers = [place.start_worker(worker_commit_interval_seconds=0.2) for _ in range(WORKERS)]
    for worker in workers:
        worker.wait_for("worker ready")
    with load(place.work) as published, ThreadPoolExecutor(1) as thread:
        for number in range(1, PUBLISHES // 2 + 1):
            publishing = thread.submit(place.publish, number)
            time.sleep(rng.random())
            workers.pop(0).kill()
            workers.append(place.start_worker(worker_commit_interval_seconds=0.2))
            assert publishing.result(120).fences is not None
            workers[-1].wait_for("worker ready")
    count = sum(published)
    place.work.wait_until_processed(count)
    for worker in workers:
        assert worker.stop() == 0

    place.assert_every_row_is_by_the_ruleset_of_its_offset(count, place.work.topics.load)


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_a_publisher_that_dies_in_the_middle_changes_nothing_and_stops_nobody(
    place: Place,
) -> None:
    place.publish(0)
    worker = place.start_worker()
    worker.wait_for("worker ready")
    with load(place.work) as published:
        time.sleep(LISTEN_SECONDS)
        # All that a publisher does before it reads the fences, and no more.
        publication = place.publication(numbered_rules(1))
        statement = {key: getattr(publication, key) for key in publication.__slots__}
        place.log.say(Published(id=2, **statement))
        place.log.say(Prepare(id=2, attempt=1))
        assert place.log.ledger.undecided == [Try(2, 1)]
        worker.wait_for("a switch of rules took too long")
        place.log.catch_up()
        assert not place.log.ledger.undecided
        outcome = place.publish(3)
        assert outcome.fences
        time.sleep(1)
    count = sum(published)
    place.work.wait_until_processed(count)
    wait = place.longest_wait()
    assert worker.stop() == 0

    place.assert_every_row_is_by_the_ruleset_of_its_offset(count, place.work.topics.load)
    print(f"\nlongest wait {wait} s")  # noqa: T201 - with -s
    assert wait < PAUSE_SECONDS


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_rules_no_worker_can_use_change_nothing_and_raise_an_alarm(place: Place) -> None:
    place.publish(0)
    worker = place.start_worker()
    worker.wait_for("worker ready")
    with load(place.work) as published:
        time.sleep(LISTEN_SECONDS)
        place.work.broker.produce(
            place.work.topics.rules, [(b"a", b"no statement", 0), (b"b", None, 0)]
        )
        wait_until(lambda: place.workers.listen()[0].status.ignored == 2)
        broken = {**FILES, "default.yaml": "version: 1\nrules: [}"}
        publication = place.publication(broken, fingerprint="0" * 16)
        outcome = publish(place.log, place.workers, publication, show_nothing, 60)
        time.sleep(1)
    count = sum(published)
    place.work.wait_until_processed(count)
    wait = place.longest_wait()

    assert (outcome.fences, outcome.reason) == (None, "refused")
    assert place.workers.listen()[0].status.refused == 1
    assert worker.stop() == 0
    alarms = [line for line in worker.lines if '"level": "error"' in line]
    assert ["ruleset cannot be used here" in line for line in alarms] == [False, True]
    assert "is no statement" in alarms[0]
    place.assert_every_row_is_by_the_ruleset_of_its_offset(count, place.work.topics.load)
    assert wait < PAUSE_SECONDS


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_rules_in_force_that_a_worker_cannot_use_stop_it_at_the_fence(place: Place) -> None:
    place.publish(0)
    place.work.broker.produce(place.work.topics.raw, [event(number) for number in range(40)])
    worker = place.start_worker()
    place.work.wait_until_processed(40)
    # As by a publisher of another version, whose workers all are gone.
    publication = place.publication({"default.yaml": "version: 9"}, fingerprint="0" * 16)
    statement = {key: getattr(publication, key) for key in publication.__slots__}
    place.log.say(Published(id=2, **statement))
    place.log.say(Prepare(id=2, attempt=1))
    fences = place.log.fences()
    place.log.say(Activate(id=2, attempt=1, topic=place.work.topics.raw, fences=fences))
    place.work.broker.produce(place.work.topics.raw, [event(number) for number in range(40)])
    line = worker.wait_for("worker cannot go on, nothing of this batch is committed")
    assert worker.wait() == 1

    assert "default.yaml" in line
    committed = place.work.broker.committed(place.work.group, place.work.topics.raw)
    assert {str(partition): offset for partition, offset in committed.items()} == fences
    assert len(place.rows(place.work.topics.load)) == 40
