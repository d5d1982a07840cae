"""Reads the topics of identity state, own links and those of other workers alike.

The topics are compacted, so what is in them is what has to be known; every process reads all of
them, once: where it was is in its state.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from itertools import islice
from typing import Final, NamedTuple

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from streamproc.errors import RetryableError, place_of
from streamproc.events import Micros
from streamproc.kafka.clients import LONE_GROUP, client_config
from streamproc.kafka.identity.state import Found, IdentityState, Place
from streamproc.settings import KafkaSettings

__all__ = ["IdentityReader"]

log = structlog.get_logger()

POLL_SECONDS: Final = 0.1
POLL_RECORDS: Final = 2_000
TAKE_RECORDS: Final = 100
"""How many are taken in while the pipeline waits: 2 ms."""
COMMIT_RECORDS: Final = 2_000
COMMIT_SECONDS: Final = 1.0
IDLE_COMMIT_SECONDS: Final = 600.0
"""How often it is written down that there is nothing new."""
ASK_SECONDS: Final = 5.0
"""How long the brokers may take to say where the topics end."""
PARTITIONS_SECONDS: Final = 10.0
"""How often it is asked whether the topics have grown."""
STALE_SECONDS: Final = 900.0
"""How long a worker may go on without having read the topics to their ends: what is made by what is
not known so long, of who was erased above all, would be more than is taken back later."""
TELL_SECONDS: Final = 5.0
TELL_RECORDS: Final = 50_000
"""Progress is told only where there is so much to be read."""

MADE_ANEW: Final = "is shorter than it was: it was made anew, or has lost records"


class IdentityReader(threading.Thread):
    """Reads all records of the state's topics into it, and says when it has read to their ends."""

    def __init__(self, kafka: KafkaSettings, state: IdentityState) -> None:
        """Prepare the thread; it goes on from where ``state`` is."""
        super().__init__(name="kafka-identity", daemon=True)
        self.state = state
        self._stop_requested = threading.Event()
        self._waiting: queue.SimpleQueue[Future[None]] = queue.SimpleQueue()
        self._targets: list[_Target] = []
        self._current_at = time.monotonic()
        self._next: dict[Place, int] = {}
        self._at_end: set[Place] = set()
        self._uncommitted = 0
        self._committed_at = self._asked_at = time.monotonic()
        self._progress: _Progress | None = None
        self._broken: str | None = None
        self._refused = 0
        self._consumer = Consumer(
            client_config(kafka, "identity")
            | {
                "group.id": LONE_GROUP,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                # Where compaction or deletion took what lies before, there is nothing to miss.
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 100,
                # Brokers send faster than records are taken in: what is fetched waits in memory.
                "queued.max.messages.kbytes": 4_096,
                "fetch.max.bytes": 4_194_304,
                "max.partition.fetch.bytes": 262_144,
            }
        )

    def caught_up(self) -> Future[None]:
        """Return a future that is done when all that is in the topics now has been applied.

        Its exception is a RetryableError where the brokers do not say where they end, and where
        they cannot be read any more (:meth:`check`).
        """
        future: Future[None] = Future()
        self._waiting.put(future)
        if self._broken is not None:
            self._refuse_waiting(self._broken)
        return future

    def check(self) -> None:
        """Return if the topics are being followed.

        Raises:
            RetryableError: They cannot be any more: whoever starts anew can.
        """
        if self._broken is not None:
            raise RetryableError(self._broken)

    def check_current(self) -> None:
        """Return if all that was in the topics some minutes ago is known.

        Raises:
            RetryableError: It is not, or as :meth:`check`.
        """
        self.check()
        if time.monotonic() - self._current_at > STALE_SECONDS:
            minutes = int(STALE_SECONDS / 60)
            raise RetryableError(f"the identity topics were not read for {minutes} minutes")

    def progress(self) -> Mapping[str, int]:
        """Return what is worth a look, as keys of a log line; nothing as long as all is well."""
        return {"identity_records_refused": self._refused} if self._refused else {}

    def stop(self, timeout: float) -> None:
        """Commit, and end the thread."""
        self._stop_requested.set()
        if self.is_alive():
            self.join(timeout)

    def run(self) -> None:
        """Read until stopped."""
        try:
            self._assign()
            while not self._stop_requested.is_set():
                self._read()
            self.state.commit()
        except RetryableError as error:
            self._break(str(error))
        except Exception as error:  # noqa: BLE001 - whoever waits has to know that nobody reads
            self._break(f"a fault of streamproc: {type(error).__name__} at {place_of(error)}")
        finally:
            self._consumer.close()

    def _read(self) -> None:
        self._take_requests()
        self._find_new_partitions()
        messages = self._consumer.consume(POLL_RECORDS, POLL_SECONDS)
        found = (record for message in messages if (record := self._record(message)) is not None)
        while chunk := list(islice(found, TAKE_RECORDS)):
            self._take(chunk)
        self._commit_now_and_then()
        self._answer()

    # -- where ------------------------------------------------------------------------------------

    def _assign(self) -> None:
        while not self._stop_requested.is_set():
            try:
                places = self._partitions()
            except KafkaException:
                continue  # the client's error callback tells, and it backs off by itself
            there = {place.topic for place in places}
            missing = [topic for topic in self.state.topics if topic not in there]
            if not missing:
                self._add(places)
                return
            log.warning("topics are missing, run `streamproc topics apply`", topics=missing)
            self._stop_requested.wait(ASK_SECONDS)

    def _partitions(self) -> list[Place]:
        places = []
        for topic in self.state.topics:
            found = self._consumer.list_topics(topic, timeout=ASK_SECONDS).topics[topic]
            places += [Place(topic, number) for number in found.partitions]
        return places

    def _add(self, places: Iterable[Place]) -> None:
        assigned = []
        for place in places:
            position = self.state.position(place)
            self._next[place] = position or 0
            offset = OFFSET_BEGINNING if position is None else position
            assigned.append(TopicPartition(*place, offset))
        self._consumer.incremental_assign(assigned)

    def _find_new_partitions(self) -> None:
        if time.monotonic() - self._asked_at >= PARTITIONS_SECONDS:
            self._asked_at = time.monotonic()
            try:
                # Which finds new partitions, too.
                target = _Target(self._asked_at, self._ends(), None)
            except KafkaException:
                return  # asked again soon
            if all(each.future is not None for each in self._targets):
                self._targets.append(target)

    def _add_new(self) -> None:
        new = [place for place in self._partitions() if place not in self._next]
        if new:
            self._add(new)

    # -- what -------------------------------------------------------------------------------------

    def _record(self, message: Message) -> Found | None:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            # About a topic, or about none: what ACLs do not allow, for one.
            log.warning("identity topic cannot be read", topic=topic, code=error.name())
            return None
        assert topic is not None
        assert partition is not None
        assert offset is not None
        place = Place(topic, partition)
        if error is not None:
            self._move(place, offset)
            self._at_end.add(place)
            return None
        self._move(place, offset + 1)
        self._at_end.discard(place)
        return Found(place, offset, message.key(), message.value())

    def _move(self, place: Place, position: int) -> None:
        if position < self._next[place]:
            raise RetryableError(f"{place.topic} {MADE_ANEW}")
        self._next[place] = position

    def _take(self, chunk: list[Found]) -> None:
        refused = self.state.take(chunk)
        self._uncommitted += len(chunk)
        if refused:
            first, code = next(iter(refused.items()))
            self._refused += len(refused)
            log.warning(
                "records of an identity topic are not ours",
                topic=first.place.topic,
                partition=first.place.partition,
                offset=first.offset,
                code=code,
                records=len(refused),
            )

    def _commit_now_and_then(self) -> None:
        since = time.monotonic() - self._committed_at
        if (
            self._uncommitted >= COMMIT_RECORDS
            or (self._uncommitted and since >= COMMIT_SECONDS)
            or since >= IDLE_COMMIT_SECONDS
        ):
            ended = self._at_end.issuperset(self._next)
            self.state.commit(Micros(time.time_ns() // 1_000) if ended else None)
            self._uncommitted = 0
            self._committed_at = time.monotonic()
        if self._progress is not None:
            self._progress.tell(sum(self._next.values()))

    # -- who waits --------------------------------------------------------------------------------

    def _take_requests(self) -> None:
        while not self._waiting.empty():
            future = self._waiting.get_nowait()
            if not future.set_running_or_notify_cancel():  # whoever asked has given up
                continue
            asked = time.monotonic()
            try:
                ends = self._ends()
            except KafkaException as error:
                told = f"the ends of the identity topics are unknown: {error.args[0].name()}"
                future.set_exception(RetryableError(told))
                continue
            self._targets.append(_Target(asked, ends, future))
            if self._progress is None:
                self._progress = _Progress(sum(self._next.values()), sum(ends.values()))
            for place, end in ends.items():
                if end < self._next[place]:
                    raise RetryableError(f"{place.topic} {MADE_ANEW}")

    def _ends(self) -> Mapping[Place, int]:
        # A partition that is new has been told to who writes before us, perhaps.
        self._add_new()
        # The time that the protocol's ListOffsets takes for the end (KIP-79), for all partitions in
        # one request: asked one by one, each would wait behind a fetch that the broker is holding.
        asked = [TopicPartition(*place, OFFSET_END) for place in self._next]
        found = self._consumer.offsets_for_times(asked, timeout=ASK_SECONDS)
        for each in found:
            if each.error is not None:
                raise KafkaException(each.error)
        return {Place(each.topic, each.partition): each.offset for each in found}

    def _answer(self) -> None:
        left = []
        for target in self._targets:
            if any(self._next[place] < end for place, end in target.ends.items()):
                left.append(target)
                continue
            self._current_at = max(self._current_at, target.asked)
            if target.future is not None:
                target.future.set_result(None)
        self._targets = left

    def _break(self, cause: str) -> None:
        self._broken = cause
        log.error("identity topics cannot be followed any more", cause=cause)
        for target in self._targets:
            if target.future is not None:
                target.future.set_exception(RetryableError(cause))
        self._targets = []
        self._refuse_waiting(cause)

    def _refuse_waiting(self, cause: str) -> None:
        while True:
            try:
                future = self._waiting.get_nowait()
            except queue.Empty:
                return
            if future.set_running_or_notify_cancel():
                future.set_exception(RetryableError(cause))


class _Target(NamedTuple):
    """Where the topics ended when that was asked, and whoever waits until all of it was read."""

    asked: float
    ends: Mapping[Place, int]
    future: Future[None] | None


class _Progress:
    """Says how far a state is that has much to read, until it has."""

    def __init__(self, position: int, end: int) -> None:
        """Begin at ``position`` of ``end``, each the sum of all partitions' offsets."""
        self._end = end
        self._left = end - position >= TELL_RECORDS
        self._told_at = time.monotonic()

    def tell(self, position: int) -> None:
        """Write a line, if it is time to."""
        if not self._left:
            return
        self._left = position < self._end
        if not self._left or time.monotonic() - self._told_at >= TELL_SECONDS:
            self._told_at = time.monotonic()
            log.info("reading identity links", records=position, of=self._end)
