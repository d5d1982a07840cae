"""Who belongs together, under faults, on real Kafka: three workers, one answer.

People have several user ids, which aliases join, and several devices; what they did comes in any
order and through any worker, while workers are killed, one loses its disk, another leaves, and the
broker goes away.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from broker import KafkaBroker
from brokers import Broker
from confluent_kafka import KafkaException
from processes import Process, wait_until
from workplace import TEST_KEY, Workplace

from streamproc.demo import Generated
from streamproc.events import Link, Subject, Token
from streamproc.identity.store import MemoryStore
from streamproc.identity.view import View
from streamproc.kafka.codecs import decode_link, link_key
from streamproc.kafka.identity.rocks import RocksStore
from streamproc.redact import KeyRing, Tokens

PEOPLE = int(os.environ.get("STREAMPROC_TEST_FAULT_PEOPLE", "400"))
SEED = int(os.environ.get("STREAMPROC_TEST_FAULT_SEED", "7"))
EVENTS_PER_PERSON = 10
WORKERS = 3
START_SECONDS = 240.0
WORK_SECONDS = 300 + PEOPLE / 10
MARK = "zq7x"
"""Stands in every identifier of the test, and nowhere else."""
SEARCH_BYTES = 64 * 1_024 * 1_024


@dataclass
class People:
    """Who there is, and what they do.

    Attributes:
        identities: Every id, and a number that is the same for all ids of one person.
        events: What they do, in no order.
        links: What that says of who belongs together: kind and the two ids.
    """

    identities: dict[str, int] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    links: set[tuple[str, str, str]] = field(default_factory=set)

    def identify(self, device: str, user: str) -> None:
        self.events.append({"type": "identify", "anonymousId": device, "userId": user})
        self.links.add(("identify", device, user))

    def alias(self, previous: str, user: str) -> None:
        self.events.append({"type": "alias", "previousId": previous, "userId": user})
        self.links.add(("alias", previous, user))

    def track(self, **ids: str) -> None:
        self.events.append({"type": "track", "event": "Seen", **ids})


def invented(count: int, rng: random.Random) -> People:
    """Return ``count`` people, every tenth of whom shares a device with the next one."""
    people = People()
    for number in range(count):
        users = [f"{MARK}-{name}-{number}@example.com" for name in "abc"[: rng.randint(1, 3)]]
        devices = [f"{MARK}-device-{number}-{index}" for index in range(rng.randint(1, 3))]
        people.identities.update(dict.fromkeys([*users, *devices], number))
        for index in range(1, len(users)):  # a chain, a star, or with a cycle
            people.alias(users[rng.randrange(index)], users[index])
        if len(users) == 3 and rng.random() < 0.3:
            people.alias(users[2], users[0])
        for device in devices:
            people.identify(device, rng.choice(users))
        if number % 10 == 0:
            shared = f"{MARK}-shared-{number}"
            people.identities[shared] = -1 - number
            people.identify(shared, users[0])
            people.identify(shared, f"{MARK}-a-{(number + 1) % count}@example.com")
        while len(people.events) < (number + 1) * EVENTS_PER_PERSON:
            people.track(userId=rng.choice(users), anonymousId=rng.choice(devices))
    rng.shuffle(people.events)
    return people


def published(events: Sequence[dict[str, Any]], prefix: str) -> Iterator[Generated]:
    """Yield records of ``events``, by keys that put them into any partition."""
    for number, event in enumerate(events):
        message_id = f"{prefix}-{number}"
        value = orjson.dumps(event | {"messageId": message_id})
        yield Generated(value, message_id.encode(), message_id, ())


class Workers:
    """Three workers, each with a disk of its own."""

    def __init__(self, place: Workplace, stack: ExitStack) -> None:
        self._place = place
        self._stack = stack
        self._running = [self._started(number) for number in range(WORKERS)]
        for process in self._running:
            process.wait_for("worker ready", START_SECONDS)

    def disk(self, number: int) -> Path:
        return self._place.folder / f"identity-{number}"

    def kill(self, number: int) -> None:
        self._running[number].kill()

    def restart(self, number: int) -> None:
        self._running[number] = self._started(number)
        self._running[number].wait_for("worker ready", START_SECONDS)

    def stop(self, number: int) -> None:
        assert self._running[number].stop() == 0, self._running[number].output()

    def stop_all(self) -> None:
        for number in range(WORKERS):
            self.stop(number)

    def _started(self, number: int) -> Process:
        worker = self._place.worker(identity_directory=self.disk(number), worker_batch_records=100)
        return self._stack.enter_context(worker)


@pytest.mark.kafka
@pytest.mark.timeout(600 + 3 * WORK_SECONDS)
def test_faults_part_nobody_and_join_nobody(own_kafka: KafkaBroker, tmp_path: Path) -> None:
    rng = random.Random(SEED)
    place = Workplace(Broker(own_kafka.bootstrap, "kafka"), tmp_path)
    people = invented(PEOPLE, rng)
    portions = [people.events[start::5] for start in range(5)]
    ids = list(people.identities)
    probes = [{"type": "track", "event": "Probed", name_of(each): each} for each in ids]

    def publish(number: int) -> None:
        before = place.broker.written(place.topics.load)
        place.publish(published(portions[number], f"m{number}"))
        wait_until(lambda: place.broker.written(place.topics.load) > before)
        time.sleep(rng.random() / 2)  # anywhere in a batch

    with ExitStack() as stack:
        workers = Workers(place, stack)
        publish(0)
        workers.kill(0)
        workers.restart(0)
        publish(1)
        workers.kill(1)
        shutil.rmtree(workers.disk(1))
        workers.restart(1)
        publish(2)
        own_kafka.kill()
        own_kafka.start()
        wait_until(lambda: has_leaders(place))
        publish(3)
        workers.stop(2)
        workers.restart(2)
        publish(4)
        workers.kill(0)
        workers.restart(0)
        place.wait_until_processed(len(people.events), WORK_SECONDS)
        time.sleep(1)  # what one worker knows all know within a second
        place.publish(published(probes, "probe"))
        place.wait_until_processed(len(people.events) + len(probes), WORK_SECONDS)
        workers.stop_all()
    place.load(WORK_SECONDS)

    told = f"seed {SEED}"
    found = dict(place.query("SELECT id, identity_id FROM tracks WHERE id LIKE 'probe-%'"))
    answers = {each: found[f"probe-{number}"] for number, each in enumerate(ids)}
    assert_same_partition(people.identities, answers, told)
    links = links_in(place)
    assert {link_key(link) for link in links} >= set(expected_links(people)), told
    view = View(MemoryStore())
    for link in links:
        view.add(link)
    tokens = Tokens(KeyRing("k1", {"k1": TEST_KEY}))
    again = {each: resolved(view, tokens.of_identifier(each), name_of(each)) for each in ids}
    assert again == answers, told
    assert set(place.message_ids().values()) == {1}, told
    assert raw_identifiers_in(place, [workers.disk(number) for number in range(WORKERS)]) == []
    print(  # noqa: T201 - the figures, with -s
        f"\n{len(people.events)} events of {PEOPLE} people, {len(ids)} ids, "
        f"{len({link_key(link) for link in links})} links published in {len(links)} records"
    )


def has_leaders(place: Workplace) -> bool:
    try:
        place.broker.written(place.topics.load)
    except KafkaException:
        return False
    return True


def name_of(identifier: str) -> str:
    return "userId" if "@" in identifier else "anonymousId"


def assert_same_partition(expected: dict[str, int], found: dict[str, str], told: str) -> None:
    """Assert that ids have one identity exactly where they are one person's."""
    assert None not in found.values(), told
    pairs = {(expected[each], found[each]) for each in expected}
    assert len({number for number, _ in pairs}) == len(pairs), f"somebody is torn apart, {told}"
    assert len({token for _, token in pairs}) == len(pairs), f"people are joined, {told}"


def links_in(place: Workplace) -> list[Link]:
    return [decode_link(record.value) for record in place.broker.consume_all(place.topics.links)]


def expected_links(people: People) -> Iterator[bytes]:
    tokens = Tokens(KeyRing("k1", {"k1": TEST_KEY}))
    for kind, one, other in people.links:
        left, right = tokens.of_identifier(one), tokens.of_identifier(other)
        if kind == "alias":
            yield link_key(Link("alias", min(left, right), max(left, right)))
        else:
            yield link_key(Link("identify", left, right))


def raw_identifiers_in(place: Workplace, disks: Sequence[Path]) -> list[str]:
    """Return where there are any: in files of state, in what these hold, in identity topics."""
    files = [file for disk in disks for file in disk.rglob("*") if file.is_file()]
    # Files are compressed: what they hold has to be searched, too.
    states = [file.parent for file in files if file.name == "CURRENT"]
    searched: list[tuple[str, bytes]] = [(str(file), file.read_bytes()) for file in files]
    for folder in states:
        store = RocksStore(folder, SEARCH_BYTES)
        entries = list(store.scan(b""))
        store.close()
        assert len(entries) > PEOPLE
        searched += [(str(folder), part) for entry in entries for part in entry]
    for topic in (place.topics.links, place.topics.attributes):
        for record in place.broker.consume_all(topic):
            searched += [(topic, part) for part in (record.key, record.value) if part is not None]
    assert len(states) == WORKERS
    mark = MARK.encode()
    return [where for where, content in searched if mark in content]


def resolved(view: View, token: Token, name: str) -> Token | None:
    user, device = (token, None) if name == "userId" else (None, token)
    return view.resolve(Subject(user, device, None)).id
