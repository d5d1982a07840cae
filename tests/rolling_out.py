"""A workplace whose rules are rolled out under load: what was made of which offset, by which."""

from __future__ import annotations

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
from brokers import Broker
from processes import Process
from workplace import Workplace

from streamproc.assemble import row_fingerprint
from streamproc.kafka.codecs import decode_row
from streamproc.kafka.control import RECORD_BYTES
from streamproc.rollout.bundle import open_bundle, read_bundle
from streamproc.rollout.log import RulesLog
from streamproc.rollout.publish import Outcome, Publication, publish
from streamproc.rollout.workers import Workers
from streamproc.settings import KafkaSettings, Settings
from streamproc.shipped import shipped
from streamproc.warehouse.rows import LoadedRow

RATE = 300
"""Events a second; more than the workers can do would only make them lag."""

__all__ = ["FILES", "Made", "Place", "event", "load", "numbered_rules", "show_nothing"]

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
        assert not wrong, f"{len(wrong)} of {len(made)}: {sorted(wrong)[:5]}"
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
