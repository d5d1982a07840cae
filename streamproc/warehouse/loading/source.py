"""One of the loader's topics as a member of its consumer group reads it.

A partition that the group assigns is not read before it is told from where: that is the warehouse's
to say, which may be busy or away just then, while the group wants to be polled. So the assignment
is taken note of at once, and librdkafka given the partitions later, by :meth:`Source.begin`.

Rows and deletions are read by two members of two groups: the assignor shares all partitions of a
group's topics alike, and would give one loader the rows and another the deletions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, Protocol, TypeAlias

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streamproc.decode.times import MAX_MICROS, MIN_MICROS
from streamproc.errors import RetryableError
from streamproc.events import Micros, Origin, Record
from streamproc.kafka.clients import LONE_GROUP, client_config
from streamproc.kafka.topic_ids import TopicIds, TopicWatch
from streamproc.settings import Settings
from streamproc.warehouse.loading.start import first_positions, partitions_of
from streamproc.warehouse.sink import Place, Position

__all__ = [
    "AtEnd",
    "Expired",
    "Fetched",
    "Happening",
    "KafkaSource",
    "Listener",
    "Source",
    "consumer_config",
    "to_record",
]

log = structlog.get_logger()

FETCH_AHEAD_KB: Final = 16_384
"""What librdkafka fetches ahead; 64 MB by default, for each of the two members."""
ASK_SECONDS: Final = 10.0


class Fetched(NamedTuple):
    """A record; ``timestamp`` in milliseconds, as the producer or the broker wrote it."""

    place: Place
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int

    def __repr__(self) -> str:
        """Name the record by where it lies."""
        return f"Fetched({self.place}, {self.offset})"


class AtEnd(NamedTuple):
    """All that is in a partition now has been read."""

    place: Place


class Expired(NamedTuple):
    """What was to be read next of a partition is not there any more, or of another topic.

    Nothing more is read of it before :meth:`Source.begin`.
    """

    place: Place


Happening: TypeAlias = Fetched | AtEnd | Expired


class Listener(Protocol):
    """Whom a source tells of its partitions, within :meth:`Source.poll`."""

    def assigned(self, topic: str, places: Iterable[Place]) -> None:
        """Partitions came, or none of them did; :meth:`Source.begin` has them read."""

    def revoked(self, places: Iterable[Place], *, lost: bool) -> None:
        """Partitions go when this returns; those that are ``lost`` have gone already."""


class Source(Protocol):
    """A group member on one topic; every call comes from one thread."""

    @property
    def topic(self) -> str:
        """Return the topic's name."""

    def join(self, listener: Listener) -> None:
        """Join the group."""

    def poll(self, seconds: float) -> Happening | None:
        """Return what happened next, within ``seconds`` if anything.

        Raises:
            RetryableError: The membership is at its end.
        """

    def begin(self, positions: Mapping[Place, Position | None]) -> Mapping[Place, Position]:
        """Read assigned partitions from the positions, None for the first; begun ones anew.

        Returns:
            Where each really begins: a topic may have expired that far, or been made anew.

        Raises:
            RetryableError: The brokers do not say what there is.
        """

    def pause(self) -> None:
        """Bring no records until :meth:`resume`; go on polling."""

    def resume(self) -> None:
        """Bring records again."""

    def commit(self, offsets: Mapping[Place, int]) -> None:
        """Tell the group how far partitions are; it may fail and nobody minds."""

    def behind(self, positions: Mapping[Place, int]) -> int:
        """Return how many records there are after the positions, as far as is known locally."""

    def close(self) -> None:
        """Leave the group."""


class KafkaSource:
    """A :class:`Source` on confluent-kafka."""

    def __init__(self, settings: Settings, topic: str, group: str | None) -> None:
        """Make the consumer, which connects by itself.

        Without a ``group`` it has all partitions, and disturbs nobody.
        """
        self._topic = topic
        self._is_lone = group is None
        self._consumer = Consumer(consumer_config(settings, group))
        self._ids = TopicIds(settings.kafka)
        self._watched = TopicWatch(self._ids, topic)
        self._begun: dict[Place, str | None] = {}
        self._is_watching = False
        self._expired: list[Place] = []
        self._untold: list[Place] | None = None
        self._paused = False
        self._places: dict[int, Place] = {}
        self._listener: Listener | None = None

    @property
    def topic(self) -> str:
        """Return the topic's name."""
        return self._topic

    def join(self, listener: Listener) -> None:
        """Join the group."""
        self._listener = listener
        if self._is_lone:
            self._untold = partitions_of(self._consumer, self._topic)
            return
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._on_assign,
            on_revoke=lambda _consumer, partitions: self._give_up(partitions, lost=False),
            on_lost=lambda _consumer, partitions: self._give_up(partitions, lost=True),
        )

    def poll(self, seconds: float) -> Happening | None:
        """Return what happened next."""
        if self._untold is not None and self._listener is not None:
            untold, self._untold = self._untold, None
            self._listener.assigned(self._topic, untold)
        if self._is_watching:
            self._watch()
        if self._expired:
            return Expired(self._expired.pop())
        # One by one: unlike consume(), poll() never returns a record read before a rebalance that
        # it has reported. It costs 1 µs a record.
        message = self._consumer.poll(seconds)
        if message is None:
            return None
        place = self._place(message)
        if (error := message.error()) is not None:
            return self._error(error, place)
        offset = message.offset()
        assert offset is not None
        return Fetched(place, offset, message.key(), message.value(), message.timestamp()[1])

    def begin(self, positions: Mapping[Place, Position | None]) -> Mapping[Place, Position]:
        """Read assigned partitions from the positions."""
        try:
            topic_id = self._ids.ask(self._topic, ASK_SECONDS)
            first = first_positions(self._consumer, topic_id, positions)
            self._end(first)
            self._consumer.incremental_assign(
                [TopicPartition(*place, position.offset) for place, position in first.items()]
            )
            self._begun |= dict.fromkeys(first, topic_id)
            self._is_watching = topic_id is not None
            if self._paused:
                self._consumer.pause(_partitions(first))
        except KafkaException as error:
            raise _retryable(error) from None
        return first

    def pause(self) -> None:
        """Bring no records until told to."""
        if not self._paused:
            self._paused = True
            self._consumer.pause(_partitions(self._begun))

    def resume(self) -> None:
        """Bring records again."""
        if self._paused:
            self._paused = False
            self._consumer.resume(_partitions(self._begun))

    def commit(self, offsets: Mapping[Place, int]) -> None:
        """Tell the group how far partitions are."""
        mine = [
            TopicPartition(*place, offset)
            for place, offset in offsets.items()
            if place in self._begun
        ]
        if mine and not self._is_lone:
            try:
                self._consumer.commit(offsets=mine, asynchronous=True)
            except KafkaException as error:
                log.debug("offsets not told to the group", code=error.args[0].name())

    def behind(self, positions: Mapping[Place, int]) -> int:
        """Return how many records there are after the positions."""
        total = 0
        for place, position in positions.items():
            if place in self._begun:
                found = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
                total += max(0, found[1] - position) if found else 0
        return total

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign([])  # later, by begin(); without this librdkafka does it now
        assert self._listener is not None
        self._listener.assigned(self._topic, _places(partitions))

    def _give_up(self, partitions: list[TopicPartition], *, lost: bool) -> None:
        assert self._listener is not None
        places = _places(partitions)
        self._listener.revoked(places, lost=lost)
        if not self._end(places):
            self._consumer.incremental_unassign([])  # else librdkafka gives up more than it has
        self._expired = [place for place in self._expired if place not in places]

    def _end(self, places: Iterable[Place]) -> bool:
        """Read ``places`` no more; return whether any of them was read."""
        begun = [place for place in places if place in self._begun]
        if begun:
            self._consumer.incremental_unassign(_partitions(begun))
        for place in begun:
            del self._begun[place]
        return bool(begun)

    def _watch(self) -> None:
        if (topic_id := self._watched.news()) is not None:
            known = self._begun.items()
            others = [place for place, its in known if its is not None and its != topic_id]
            self._end(others)
            self._expired += others

    def _place(self, message: Message) -> Place:
        partition = message.partition()
        assert partition is not None  # -1 in errors that are about no partition
        place = self._places.get(partition)
        if place is None:
            place = self._places[partition] = Place(self._topic, partition)
        return place

    def _error(self, error: KafkaError, place: Place) -> Happening | None:
        code = error.code()
        if code == KafkaError._PARTITION_EOF:  # noqa: SLF001 - public constants, so named
            return AtEnd(place)
        if code == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            self._end([place])
            return Expired(place)
        if error.fatal():
            raise RetryableError(f"Kafka: {error.name()}")
        log.warning("reading is disturbed, going on", topic=self._topic, code=error.name())
        return None


def consumer_config(settings: Settings, group: str | None) -> dict[str, object]:
    """Return librdkafka's configuration for a member of ``group`` that is told where to begin."""
    config: dict[str, object] = client_config(settings.kafka, "loader") | {
        "group.id": group or LONE_GROUP,
        "session.timeout.ms": int(settings.kafka.session_timeout_seconds * 1_000),
        # A member hears of a rebalance by its next heartbeat: the others wait for it until then.
        "heartbeat.interval.ms": int(settings.kafka.session_timeout_seconds * 1_000 / 5),
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # Where to begin is told; an offset that is gone is reported, not jumped over.
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "queued.max.messages.kbytes": FETCH_AHEAD_KB,
        "fetch.wait.max.ms": 100,
        "isolation.level": "read_committed",
    }
    if group is not None and settings.loader.instance_id is not None:
        config["group.instance.id"] = settings.loader.instance_id
    return config


def to_record(fetched: Fetched) -> Record:
    """Return a fetched record as the core knows it, its timestamp within the years 1 to 9999."""
    arrived = min(max(fetched.timestamp * 1_000, MIN_MICROS), MAX_MICROS)
    origin = Origin(*fetched.place, fetched.offset)
    return Record(origin, fetched.key, fetched.value, Micros(arrived))


def _partitions(places: Iterable[Place]) -> list[TopicPartition]:
    return [TopicPartition(*place) for place in places]


def _places(partitions: Iterable[TopicPartition]) -> list[Place]:
    return [Place(each.topic, each.partition) for each in partitions]


def _retryable(error: KafkaException) -> RetryableError:
    return RetryableError(f"Kafka: {error.args[0].name()}")
