"""How far the warehouse is: lag by partition, the last batch, rows, and about what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streamproc.errors import RetryableError
from streamproc.events import Micros
from streamproc.kafka.topic_ids import TopicIds
from streamproc.settings import Settings, SnowflakeSettings
from streamproc.warehouse.loading.session import Clock
from streamproc.warehouse.loading.source import consumer_config
from streamproc.warehouse.loading.start import is_of_another, partitions_of, watermarks
from streamproc.warehouse.sink import Load, Place, Position, Sink
from streamproc.warehouse.sinks import open_sink

__all__ = ["Lag", "LoadStatus", "charged_seconds", "find_status"]

DAY_MICROS: Final = 24 * 3_600 * 1_000_000
ASK_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.1
SECOND_MICROS: Final = 1_000_000
HOUR_SECONDS: Final = 3_600


class Lag(NamedTuple):
    """How far one partition is loaded.

    Attributes:
        next_offset: The next to load; None if the partition was never loaded.
        end_offset: The one after the last record.
        lag_rows: Records in between; those that the topic has lost meanwhile are not counted.
        lag_seconds: For how long the first of them has been there; None if that is not known.
    """

    topic: str
    partition: int
    next_offset: int | None
    end_offset: int
    lag_rows: int
    lag_seconds: float | None


@dataclass(frozen=True, slots=True)
class Stored:
    """What the warehouse says of itself.

    Attributes:
        loads: The batches of the last day; if there was none, all there ever were.
    """

    offsets: Mapping[Place, Position]
    loads: Sequence[Load]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LoadStatus:
    """How far the warehouse is.

    Attributes:
        partitions: Of rows and deletions; and of links, how far they are in ``identity_mappings``,
            if the warehouse can be asked.
        stored: None if the warehouse cannot be asked now, as a DuckDB file that a loader has open;
            the offsets are then those that loaders told their groups.
        unreachable: Why the warehouse cannot be asked.
        warehouse_seconds: Time it was at work for loads in the last day.
        credits: What that may have cost; None where there are none.
    """

    partitions: Sequence[Lag]
    stored: Stored | None
    unreachable: str | None
    warehouse_seconds: float
    credits: float | None

    @property
    def lag_rows(self) -> int:
        """Return how many records are not loaded yet."""
        return sum(lag.lag_rows for lag in self.partitions)

    @property
    def lag_seconds(self) -> float | None:
        """Return for how long the oldest of them has been there; None if that is not known."""
        known = [lag.lag_seconds for lag in self.partitions]
        return None if None in known else max((each for each in known if each), default=0.0)

    @property
    def last_batch(self) -> Load | None:
        """Return the batch that was loaded last, of events if there was one."""
        loads = self.stored.loads if self.stored else ()
        of_events = (each for each in reversed(loads) if each.events or each.deleted)
        return next(of_events, loads[-1] if loads else None)

    @property
    def received_up_to(self) -> Micros | None:
        """Return when the last event that is loaded was received."""
        loads = self.stored.loads if self.stored else ()
        return max((each.received_up_to for each in loads if each.received_up_to), default=None)


def find_status(settings: Settings, clock: Clock) -> LoadStatus:
    """Ask warehouse and brokers how far the loading is.

    Raises:
        ConfigError: The warehouse cannot be used as it is set.
        RetryableError: The brokers are not there.
    """
    now = clock.now()
    stored: Stored | None = None
    unreachable: str | None = None
    try:
        with closing(open_sink(settings, "look")) as sink:
            stored = _stored(sink, now)
    except RetryableError as error:
        unreachable = str(error)
    topics = {
        settings.topics.load: settings.loader.group,
        settings.topics.deletions: f"{settings.loader.group}-deletions",
    }
    if stored is not None and settings.loader.identity_mappings:
        topics[settings.topics.links] = settings.loader.group  # which has committed nothing of it
    partitions = [
        lag
        for topic, group in topics.items()
        for lag in _lags(settings, topic, group, stored, clock)
    ]
    recent = [each for each in stored.loads if each.loaded_at >= now - DAY_MICROS] if stored else []
    costs = settings.snowflake if settings.loader.sink == "snowflake" else None
    return LoadStatus(
        partitions,
        stored,
        unreachable,
        warehouse_seconds=sum(each.seconds for each in recent),
        credits=_credits(recent, costs) if costs else None,
    )


def charged_seconds(loads: Sequence[Load], minimum: int) -> float:
    """Return the seconds that a virtual warehouse is charged for ``loads``, about.

    Each start of it is charged ``minimum`` seconds at least; a batch that begins before those are
    over, or before the batch before it has ended, belongs to the same start. What the warehouse
    idles before it suspends itself comes on top.

    Args:
        loads: The batches, the oldest first.
        minimum: In seconds.
    """
    total, charged_up_to = 0.0, float("-inf")
    for each in loads:
        began = each.loaded_at / SECOND_MICROS
        ended = began + each.seconds
        if began > charged_up_to:  # it starts anew
            ended = max(ended, began + minimum)
            total += ended - began
        else:
            total += max(ended - charged_up_to, 0.0)
        charged_up_to = max(ended, charged_up_to)
    return total


def _credits(loads: Sequence[Load], costs: SnowflakeSettings) -> float:
    return charged_seconds(loads, costs.minimum_seconds) / HOUR_SECONDS * costs.credits_per_hour


def _stored(sink: Sink, now: Micros) -> Stored:
    loads = sink.loads(Micros(now - DAY_MICROS)) or sink.loads(Micros(0))
    return Stored(sink.offsets(), loads, sink.counts())


def _lags(
    settings: Settings, topic: str, group: str, stored: Stored | None, clock: Clock
) -> list[Lag]:
    consumer = Consumer(consumer_config(settings, group))  # which it does not join
    try:
        places = partitions_of(consumer, topic)
        ends = watermarks(consumer, places)
        if stored is None:
            following = _committed(consumer, places)
        else:
            topic_id = TopicIds(settings.kafka).ask(topic, ASK_SECONDS) if places else None
            following = _offsets(stored, topic_id, ends)
        first = {place: max(following.get(place, low), low) for place, (low, _) in ends.items()}
        waiting = {place: offset for place, offset in first.items() if offset < ends[place][1]}
        written = _timestamps(consumer, waiting, clock)
    except KafkaException as error:
        raise RetryableError(f"Kafka: {error.args[0].name()}") from None
    finally:
        consumer.close()
    now = clock.now()
    lags = []
    for place in places:
        high = ends[place][1]
        # Offsets at the end that no record has, or none any more, are no lag.
        rows = 0 if place in written and written[place] is None else max(0, high - first[place])
        seconds = _age(written.get(place), now) if rows else 0.0
        lags.append(Lag(*place, following.get(place), high, rows, seconds))
    return lags


def _offsets(
    stored: Stored, topic_id: str | None, ends: Mapping[Place, tuple[int, int]]
) -> dict[Place, int]:
    """Return the stored offsets that are of the topics there are: of another, nothing is loaded."""
    known = ((place, stored.offsets[place]) for place in ends if place in stored.offsets)
    return {
        place: position.offset
        for place, position in known
        if not is_of_another(position, topic_id, ends[place][1])
    }


def _committed(consumer: Consumer, places: list[Place]) -> dict[Place, int]:
    asked = [TopicPartition(*place) for place in places]
    found = consumer.committed(asked, timeout=ASK_SECONDS)
    return {Place(each.topic, each.partition): each.offset for each in found if each.offset >= 0}


def _timestamps(
    consumer: Consumer, offsets: Mapping[Place, int], clock: Clock
) -> dict[Place, Micros | None]:
    """Return when the first record from each offset on was written, None where there is none."""
    consumer.assign([TopicPartition(*place, offset) for place, offset in offsets.items()])
    found: dict[Place, Micros | None] = {}
    end = clock.monotonic() + ASK_SECONDS
    while found.keys() != offsets.keys() and clock.monotonic() < end:
        message = consumer.poll(POLL_SECONDS)
        if message is None:
            continue
        topic, partition, error = message.topic(), message.partition(), message.error()
        assert topic is not None
        assert partition is not None
        place = Place(topic, partition)
        if error is None:
            found.setdefault(place, Micros(message.timestamp()[1] * 1_000))
            consumer.pause([TopicPartition(*place)])
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - public, so named
            found.setdefault(place, None)
    return found


def _age(written: Micros | None, now: Micros) -> float | None:
    return None if written is None else max(0.0, (now - written) / SECOND_MICROS)
