"""Rules rolled out under load and faults, on real Kafka: every row by the ruleset of its offset."""

from __future__ import annotations

import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import orjson
import pytest
from brokers import Broker
from processes import Process, wait_until
from workplace import Workplace

from streamproc.assemble import row_fingerprint
from streamproc.kafka.codecs import decode_row
from streamproc.kafka.control import RECORD_BYTES
from streamproc.rollout.bundle import open_bundle, read_bundle
from streamproc.rollout.ledger import Try
from streamproc.rollout.log import RulesLog
from streamproc.rollout.publish import Outcome, Publication, publish
from streamproc.rollout.records import Activate, Prepare, Published
from streamproc.rollout.workers import LISTEN_SECONDS, Workers
from streamproc.settings import KafkaSettings, Settings
from streamproc.shipped import shipped
from streamproc.warehouse.rows import LoadedRow

PUBLISHES = int(os.environ.get("STREAMPROC_TEST_FAULT_PUBLISHES", "6"))
WORKERS = int(os.environ.get("STREAMPROC_TEST_FAULT_WORKERS", "2"))
SEED = int(os.environ.get("STREAMPROC_TEST_FAULT_SEED", "7"))
RATE = 300
"""Events a second; more than the workers can do would only make them lag."""
PAUSE_SECONDS = float(os.environ.get("STREAMPROC_TEST_FAULT_PAUSE_SECONDS", "1.0"))
"""The longest that a batch may wait for rules; 0.2 where nothing else runs on the machine."""

FILES = read_bundle(shipped("rules"))


class Made(NamedTuple):
    """What a row says of how it was made."""

    ruleset: str
    payload: bytes


def numbered_rules(number: int) -> Mapping[str, str]:
    """Return rules like no others; every second of them searches for something else."""
    written = FILES["default.yaml"].replace("\nname: default", f"\nname: r{number}")
    if number % 2:
        written = written.replace("minimum_score: 0.4", f"minimum_score: {0.4 + number / 1_000}")
    assert f"r{number}" in written
    return {**FILES, "default.yaml": written}


class Place:
    """A workplace whose workers follow the topic of rules, and a publisher."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self.work = Workplace(broker, folder)
        for topic in (self.work.topics.rules, self.work.topics.status):
            config = {"cleanup.policy": "compact", "max.message.bytes": str(RECORD_BYTES)}
            broker.create(topic, 1, config)
        self.settings = Settings(
            kafka=KafkaSettings(brokers=broker.bootstrap), topics=self.work.topics
        )
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        self.log = self.stack.enter_context(RulesLog(self.settings))
        self.workers = self.stack.enter_context(Workers(self.settings))
        self.workers.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def start_worker(self, **settings: object) -> Process:
        settings = {"rules_follow": "topic", "worker_batch_records": 100, **settings}
        return self.stack.enter_context(self.work.worker(**settings))

    def publication(self, files: Mapping[str, str], fingerprint: str = "") -> Publication:
        ruleset = open_bundle(FILES if fingerprint else files)
        return Publication(
            files=files,
            fingerprint=fingerprint or ruleset.fingerprint,
            rows=row_fingerprint(self.settings, ruleset),
            author="a test",
            message="again",
            at="2026-01-01T00:00:00+00:00",
            nonce=uuid.uuid4().hex,
        )

    def publish(self, number: int, wait_seconds: float = 60.0) -> Outcome:
        publication = self.publication(numbered_rules(number))
        return publish(self.log, self.workers, publication, show_nothing, wait_seconds)

    def rows(self, topic: str) -> dict[tuple[int, int], set[Made]]:
        """Return what was made of each offset, once or more often."""
        found: dict[tuple[int, int], set[Made]] = {}
        for record in self.work.broker.consume_all(topic):
            row = decode_row(record.value)
            made = Made(row.ruleset, _content(row))
            found.setdefault((row.source_partition, row.source_offset), set()).add(made)
        return found

    def expected(self) -> Any:
        """Return a function from partition and offset to what has to stand on the row.

        Worked out from the topic by itself: of each try the first outcome counts.
        """
        rows: dict[int, str] = {}
        decided = set()
        taken = []
        for record in self.work.broker.consume_all(self.work.topics.rules, [0]):
            if not (record.value or b"").startswith(b"{"):
                continue  # somebody else's
            said = orjson.loads(record.value or b"")
            if said["type"] == "ruleset":
                rows.setdefault(said["id"], said["rows"])
            elif said["type"] in {"activate", "abort"}:
                tried = (said["id"], said["attempt"])
                if tried not in decided and said["type"] == "activate":
                    taken.append((said["fences"], rows[said["id"]]))
                decided.add(tried)

        def of(partition: int, offset: int) -> str:
            past = [row for fences, row in taken if fences.get(str(partition), 0) <= offset]
            return past[-1]

        return of

    def assert_every_row_is_by_the_ruleset_of_its_offset(self, count: int, topic: str) -> None:
        made = self.rows(topic)
        expected = self.expected()
        wrong = Counter(
            place
            for place, versions in made.items()
            for each in versions
            if each.ruleset != expected(*place)
        )
        assert not wrong, f"seed {SEED}: {len(wrong)} of {len(made)}: {sorted(wrong)[:5]}"
        assert len(made) == count
        assert all(len(versions) == 1 for versions in made.values()), "a replay made another row"

    def longest_wait(self) -> float:
        """Return the longest that a batch waited for rules, in seconds, by what workers said."""
        said = self.work.broker.consume_all(self.work.topics.status, [0])
        waits = [orjson.loads(each.value)["wait_ms"] for each in said if each.value]
        return max(waits, default=0) / 1_000


def _content(row: LoadedRow) -> bytes:
    return bytes(orjson.dumps([row.payload, row.manifest], option=orjson.OPT_SORT_KEYS))


def show_nothing(number: int, heard: object) -> None:
    """Publishers tell how far they are; nobody is looking."""


def event(number: int) -> tuple[bytes, bytes]:
    """Return key and value of an event with something to redact."""
    properties = {"email": f"p{number}@example.com", "number": number}
    body = {"type": "track", "event": "E", "userId": f"u{number}", "properties": properties}
    return f"u{number}".encode(), orjson.dumps(body | {"messageId": uuid.uuid4().hex})


@contextmanager
def load(place: Workplace) -> Iterator[list[int]]:
    """Publish events all the time; yields a list whose sum is how many."""
    published: list[int] = []
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            start = time.monotonic()
            some = RATE // 10
            place.broker.produce(place.topics.raw, [event(number) for number in range(some)])
            published.append(some)
            stop.wait(max(0.0, 0.1 - (time.monotonic() - start)))

    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(run)
        try:
            yield published
        finally:
            stop.set()
            running.result(60)


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
