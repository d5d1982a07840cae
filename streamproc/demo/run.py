"""The demo's run: broker, worker and loader up; events in; everything arrived; all down again."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import accumulate
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from streamproc.demo.check import LeakCheck, file_chunks, log_lines, warehouse_rows
from streamproc.demo.children import Child
from streamproc.demo.records import Generated
from streamproc.demo.tap import Keep, Tap
from streamproc.errors import RetryableError
from streamproc.events import RedactedBody
from streamproc.kafka.embedded import PARTITIONS, EmbeddedBroker
from streamproc.redact.keys import KEY_BYTES, write_key_ring
from streamproc.settings import Settings, variable_name

__all__ = ["Arrived", "Plan", "Run", "Show", "run_demo", "samples"]

READY_SECONDS = 120.0
"""The first worker on a machine compiles its patterns; later ones find them in the cache."""
STOP_SECONDS = 45.0
STALL_SECONDS = 60.0
"""How long nothing may arrive before the rest counts as missing."""
PAUSE_SECONDS = 0.05
CHUNK_EVENTS = 200
SAMPLES = 20
"""More than one, because an event may be dropped or become a dead letter."""
IN_FLIGHT_EVENTS = 4_000
IN_FLIGHT_BYTES = 4_000_000
"""What may be under way at once. The embedded broker forgets what is past 5 MB of a partition, read
or not; so much is safe even where all of it lies in one."""
LOADER_BATCH_SECONDS = 0.25
"""Less than a real warehouse wants: with the events under way bounded, a loader that waits for its
batch to fill would set the rate."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes:
        records: What is published, in order.
        directory: Folder for the warehouse, the logs and the key ring; empty.
        settings: The user's; addresses and files are replaced by the demo's.
        settings_file: The file they are from, if one was named.
    """

    records: Sequence[Generated]
    directory: Path
    settings: Settings
    settings_file: Path | None = None

    @property
    def warehouse(self) -> Path:
        """The database file the loader writes."""
        return self.directory / "warehouse.duckdb"

    @property
    def makes_keys(self) -> bool:
        """Whether the run needs a key ring of its own, none being configured."""
        return self.settings.keys.file is None and self.settings.keys.ring is None


@dataclass(frozen=True, slots=True)
class Arrived:
    """How many events have come to an end so far, and where."""

    rows: int = 0
    dead: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Rows handed to the warehouse, dead letters and drops together."""
        return self.rows + self.dead + sum(self.dropped.values())


@dataclass(frozen=True, slots=True)
class Run:
    """What happened.

    Attributes:
        arrived: Where the events ended, rows counted as the loader's duplicates and all.
        duplicates: Rows whose message id was in the warehouse already.
        seconds: From the first event published to the last one arrived.
        check: The leak check, with everything searched.
        complete: Whether the check could read the topics to their ends.
        samples: What became of some events (:func:`samples`): message ids and payloads.
    """

    arrived: Arrived
    duplicates: int
    seconds: float
    check: LeakCheck
    complete: bool
    samples: Mapping[str, RedactedBody] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Show:
    """Where a run says how far it is."""

    stage: Callable[[str], None]
    progress: Callable[[int], None]
    """Told how many events have arrived."""


def samples(records: Iterable[Generated]) -> list[Generated]:
    """Return the events worth showing: those with the most kinds of planted values first."""
    whole = (record for record in records if not record.malformed)
    return nlargest(SAMPLES, whole, key=_variety)


def _variety(record: Generated) -> tuple[int, int]:
    return len({each.kind for each in record.planted}), -len(record.planted)


def run_demo(plan: Plan, show: Show) -> Run:
    """Bring all records through worker and loader, and search everything that came of them.

    Raises:
        RetryableError: The worker or the loader ended, or did not become ready.
    """
    show.stage("preparing the leak check")
    check = LeakCheck([each for record in plan.records for each in record.planted])
    topics = plan.settings.topics
    with EmbeddedBroker() as broker:
        broker.make(
            [
                topics.raw,
                topics.load,
                topics.dead,
                topics.links,
                topics.attributes,
                topics.suppressed,
                topics.deletions,
            ]
        )
        with _tapped(broker, plan, check) as tap:
            show.stage("starting worker and loader")
            with _flowing(plan, broker, tap) as flow:
                flow.wait_until_ready()
                show.stage("publishing events")
                seconds = flow.publish_all(show.progress)
                show.stage("stopping worker and loader")
                duplicates = flow.stop()
            complete = tap.finish(STOP_SECONDS)
    show.stage("searching for leaks")
    _search_files(plan, check)
    return Run(flow.arrived, duplicates, seconds, check, complete, tap.kept)


class _Flow:
    """The running parts, and how far the events are on their way through them."""

    def __init__(self, plan: Plan, brokers: str, tap: Tap, children: tuple[Child, Child]) -> None:
        self._records = plan.records
        self._topics = plan.settings.topics
        self._tap = tap
        self._worker, self._loader = children
        self._bytes = list(accumulate((len(each.value) for each in plan.records), initial=0))
        self._refused: list[KafkaError] = []
        self._producer = Producer(
            {
                "bootstrap.servers": brokers,
                "linger.ms": 5,
                "compression.type": "lz4",
                "message.max.bytes": 2 * IN_FLIGHT_BYTES,
                "log_level": 0,
            }
        )
        # Reads what the loader's group has committed; it does not join the group.
        group = plan.settings.loader.group
        self._offsets = Consumer({"bootstrap.servers": brokers, "group.id": group, "log_level": 0})
        self.arrived = Arrived()

    def wait_until_ready(self) -> None:
        """Return when the worker has its partitions."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            self._loader.news()
            if any(line.get("event") == "worker ready" for line in self._worker.news()):
                return
            time.sleep(PAUSE_SECONDS)
        raise RetryableError(f"the worker was not ready within {READY_SECONDS:.0f} s")

    def publish_all(self, progress: Callable[[int], None]) -> float:
        """Publish everything and wait until it has arrived, or nothing arrives any more.

        Returns:
            Seconds until the last arrival.
        """
        start = last = time.monotonic()
        published = 0
        while self.arrived.total < len(self._records):
            before = self.arrived.total
            if published < len(self._records) and self._has_room(published):
                published = self._publish(published)
            else:
                time.sleep(PAUSE_SECONDS)
            self._look()
            progress(self.arrived.total)
            now = time.monotonic()
            if self.arrived.total > before:
                last = now
            elif now - last > STALL_SECONDS:
                break
        return last - start

    def stop(self) -> int:
        """Stop worker and loader, in this order; return the loader's duplicates."""
        for line in self._worker.stop(STOP_SECONDS):
            self._note(line)
        stopped = self._loader.stop(STOP_SECONDS)
        self._look_at_topics()
        return sum(line["duplicates"] for line in stopped if line["event"] == "loader stopped")

    def close(self) -> None:
        """Let go of the broker."""
        self._offsets.close()
        self._producer.close()

    def _has_room(self, published: int) -> bool:
        arrived = min(self.arrived.total, published)
        under_way = self._bytes[published] - self._bytes[arrived]
        return published - arrived < IN_FLIGHT_EVENTS and under_way < IN_FLIGHT_BYTES

    def _publish(self, start: int) -> int:
        end = min(start + CHUNK_EVENTS, len(self._records))
        for record in self._records[start:end]:
            self._producer.produce(
                self._topics.raw, record.value, record.key, on_delivery=self._told
            )
        self._producer.flush(STALL_SECONDS)
        if self._refused:
            raise RetryableError(f"the broker refused an event: {self._refused[0].name()}")
        return end

    def _told(self, error: KafkaError | None, _message: Any) -> None:
        if error is not None:
            self._refused.append(error)

    def _look(self) -> None:
        self._loader.news()
        for line in self._worker.news():
            self._note(line)
        self._look_at_topics()

    def _note(self, line: dict[str, Any]) -> None:
        if line.get("event") in {"worker progress", "worker stopped"}:
            self.arrived = Arrived(self.arrived.rows, self.arrived.dead, line["dropped"])

    def _look_at_topics(self) -> None:
        places = [TopicPartition(self._topics.load, number) for number in range(PARTITIONS)]
        committed = self._offsets.committed(places, timeout=STALL_SECONDS)
        rows = sum(max(0, place.offset) for place in committed)
        dead = self._tap.counts[self._topics.dead]
        self.arrived = Arrived(rows, dead, self.arrived.dropped)


@contextmanager
def _tapped(broker: EmbeddedBroker, plan: Plan, check: LeakCheck) -> Iterator[Tap]:
    topics = plan.settings.topics
    keep = Keep(topics.load, frozenset(each.message_id for each in samples(plan.records)))
    tap = Tap(broker.bootstrap, [topics.load, topics.dead, topics.links], check, keep)
    tap.start()
    try:
        yield tap
    finally:
        tap.stop()


@contextmanager
def _flowing(plan: Plan, broker: EmbeddedBroker, tap: Tap) -> Iterator[_Flow]:
    with _children(plan, broker.bootstrap) as children:
        flow = _Flow(plan, broker.bootstrap, tap, children)
        try:
            yield flow
        finally:
            flow.close()


@contextmanager
def _children(plan: Plan, brokers: str) -> Iterator[tuple[Child, Child]]:
    environment = _environment(plan, brokers)
    settings = [] if plan.settings_file is None else ["--settings", str(plan.settings_file)]
    children: list[Child] = []
    try:
        for name, log in (("worker", "worker.log"), ("load", "loader.log")):
            children.append(Child([*settings, name], environment, plan.directory / log))
        yield children[0], children[1]
    finally:
        for child in children:
            child.close()


def _environment(plan: Plan, brokers: str) -> dict[str, str]:
    ours = {
        ("kafka", "brokers"): brokers,
        ("loader", "duckdb_file"): str(plan.warehouse),
        ("loader", "batch_seconds"): str(LOADER_BATCH_SECONDS),
        ("log", "format"): "json",
        ("log", "progress_seconds"): "0.5",
    }
    if plan.makes_keys:
        ours["keys", "file"] = str(_key_ring(plan.directory / "keyring.json"))
    return {**os.environ, **{variable_name(*name): value for name, value in ours.items()}}


def _key_ring(file: Path) -> Path:
    ring = write_key_ring("demo", {"demo": secrets.token_bytes(KEY_BYTES)})
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(ring)
    return file


def _search_files(plan: Plan, check: LeakCheck) -> None:
    check.search("warehouse cells", warehouse_rows(plan.warehouse))
    for file in sorted(plan.directory.glob(f"{plan.warehouse.name}*")):
        check.search("warehouse file", file_chunks(file))
    for file in sorted(plan.directory.glob("*.log")):
        check.search("logs", log_lines(file))
