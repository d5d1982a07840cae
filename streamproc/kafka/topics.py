"""The topics: what the settings ask for, what the brokers have, and the way between the two.

:func:`wanted` and :func:`compare` are pure; :func:`survey` and :func:`carry_out` ask the brokers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import structlog
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    OffsetSpec,
    ResourceType,
)
from confluent_kafka.cimpl import NewPartitions, NewTopic

from streamproc.errors import ConfigError, Problem, RetryableError
from streamproc.kafka.clients import Doorkeeper, client_config
from streamproc.kafka.control import RECORD_BYTES
from streamproc.settings import KafkaSettings, Settings

__all__ = [
    "COMPACTION_HOURS",
    "Change",
    "Found",
    "Topic",
    "TopicAdmin",
    "admin_client",
    "carry_out",
    "compare",
    "patiently",
    "survey",
    "wait_for_topics",
    "wanted",
]

log = structlog.get_logger()

ASK_SECONDS = 5.0
CHANGE_SECONDS = 30.0
PAUSES_SECONDS = (1, 2, 4, 8)
"""Pauses of a command between its tries; a worker or loader goes on with the last one for ever."""
HOUR_MS = 3_600_000
COMPACTED = {"cleanup.policy": "compact", "compression.type": "lz4"}
"""Of each key the last record is kept, for ever."""
COMPACTION_HOURS = 168
"""How long what a later record replaces, or takes back, may still lie in a topic that people are
erased from. Without a bound, brokers compact when enough has gathered, and never the last segment
of a quiet topic (KIP-354)."""
ERASABLE = {**COMPACTED, "max.compaction.lag.ms": str(COMPACTION_HOURS * HOUR_MS)}
MOCK_CLUSTER = "mockCluster"
"""How the ids of librdkafka's mock clusters, which is what the embedded broker is, begin."""

OVERSIZE = 64
"""The raw topic takes events up to so many times the limit: those become dead letters that say so,
where a smaller bound would mean an error in a producer that nobody watches."""
GROWTH = 8
"""How many times larger than the largest event its row may be: tokens are longer than most of what
they stand for, and the manifest comes on top."""
SEAL_BYTES = 65_536
"""What a dead letter adds to the sealed original at most."""
BATCH_BYTES = 1_048_576
"""No topic takes less, however small events are: brokers hold a producer's whole batch against a
topic's bound, and librdkafka makes batches of up to 1,000,000 bytes (``batch.size``)."""

STATUS_HOURS = 24
"""How long a worker that ended without a word is remembered."""

Action: TypeAlias = Literal["none", "create", "grow", "alter", "refuse"]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the settings ask for it.

    Attributes:
        ordered: Whether records of one key rely on staying in one partition, which adding
            partitions breaks.
    """

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]
    ordered: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as the brokers have it.

    Attributes:
        config: Its settings; None where the broker cannot tell (the embedded one).
        records: Difference of the watermarks over all partitions: how many records there are, not
            counting what compaction took.
    """

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str] | None
    records: int


class Change(NamedTuple):
    """One difference between settings and brokers, and what is to be done about it."""

    topic: Topic
    action: Action
    detail: str
    config: Mapping[str, str] = {}


class TopicAdmin(AdminClient):
    """A client for topics, whose errors say why brokers do not let it in."""

    def __init__(self, kafka: KafkaSettings, role: str) -> None:
        """Connect when it is first used."""
        self._doorkeeper = Doorkeeper()
        config = client_config(kafka, role) | {"error_cb": self._doorkeeper, "log_level": 0}
        # Whoever asks is told by an exception; the client's own lines would say the same again.
        del config["logger"]
        super().__init__(config)

    def asked(self, ask: Callable[[], Any]) -> Any:
        """Return what ``ask``, which asks this client, returns.

        Raises:
            RetryableError: There was no answer, or a refusal; the text says which.
        """
        try:
            return ask()
        except KafkaException as error:
            self.poll(0)  # callbacks wait for it
            raise RetryableError(self._doorkeeper.why(error.args[0])) from None


def wanted(settings: Settings) -> tuple[Topic, ...]:
    """Return the topics that the settings ask for."""
    names, event_bytes = settings.topics, settings.limits.event_bytes

    def topic(
        name: str, *, ordered: bool, config: Mapping[str, str], partitions: int = names.partitions
    ) -> Topic:
        replicas = {"min.insync.replicas": "2" if names.replication > 2 else "1"}
        return Topic(name, partitions, names.replication, {**replicas, **config}, ordered)

    return (
        topic(
            names.raw,
            ordered=True,
            # Stored as the producers compressed it: doing it again would cost the brokers' time.
            config=_kept(names.raw_retention_hours, OVERSIZE * event_bytes, "producer"),
        ),
        topic(
            names.load,
            ordered=True,
            config=_kept(names.load_retention_hours, GROWTH * event_bytes, "lz4"),
        ),
        topic(
            names.dead,
            ordered=False,
            config=_kept(names.dead_retention_hours, OVERSIZE * event_bytes + SEAL_BYTES, "lz4"),
        ),
        topic(
            names.links,
            ordered=False,  # links commute
            config=ERASABLE,
        ),
        topic(
            names.attributes,
            ordered=True,  # of one record of the business, the last word counts
            config=ERASABLE,
        ),
        topic(
            names.suppressed,
            ordered=True,  # who is lifted stays so
            config={**COMPACTED, "max.message.bytes": str(RECORD_BYTES)},
        ),
        topic(
            names.deletions,
            ordered=False,  # each is carried out by itself
            config=COMPACTED,
        ),
        topic(
            names.rules,
            ordered=True,  # what is said in which order decides
            config={**COMPACTED, "max.message.bytes": str(RECORD_BYTES)},
            partitions=1,
        ),
        topic(
            names.status,
            ordered=False,
            config={
                **COMPACTED,
                "cleanup.policy": "compact,delete",
                "retention.ms": str(STATUS_HOURS * HOUR_MS),
            },
            partitions=1,
        ),
    )


def compare(topics: Iterable[Topic], found: Mapping[str, Found], *, grow: bool) -> list[Change]:
    """Return what has to change, topic by topic; ``none`` for a topic that is as it should be.

    Args:
        topics: What is asked for.
        found: What there is, by name.
        grow: Add partitions even where that moves keys to other partitions.
    """
    changes = []
    for topic in topics:
        there = found.get(topic.name)
        if there is None:
            shape = f"partitions: {topic.partitions}, replicas: {topic.replication}"
            changes.append(Change(topic, "create", shape))
        else:
            changes += _differences(topic, there, grow=grow) or [Change(topic, "none", "")]
    return changes


def survey(admin: TopicAdmin, names: Sequence[str]) -> dict[str, Found]:
    """Return those topics of ``names`` that the brokers have, by name.

    Raises:
        RetryableError: The brokers cannot be reached.
    """
    cluster = admin.asked(lambda: admin.list_topics(timeout=ASK_SECONDS))
    there = [name for name in names if name in cluster.topics]
    embedded = _embedded(cluster)
    return {
        name: Found(
            name,
            partitions=len(cluster.topics[name].partitions),
            replication=len(cluster.topics[name].partitions[0].replicas),
            config=None if embedded else _config(admin, name),
            records=_records(admin, name, cluster.topics[name].partitions),
        )
        for name in there
    }


def carry_out(admin: TopicAdmin, changes: Iterable[Change]) -> None:
    """Make the changes that are not refused.

    Raises:
        ConfigError: The broker is the embedded one, which can do none of it.
        RetryableError: The brokers cannot be reached, or refuse; the text says which change.
    """
    due = [change for change in changes if change.action in CARRY_OUT]
    if due and _embedded(admin.asked(lambda: admin.list_topics(timeout=ASK_SECONDS))):
        told = "the embedded broker makes topics by itself, on first use; nothing can be applied"
        raise ConfigError(Problem("settings", "kafka.brokers", told))
    for change in due:
        try:
            CARRY_OUT[change.action](admin, change)
        except KafkaException as error:
            reason = error.args[0].str()
            raise RetryableError(f"{change.topic.name}: {change.action}: {reason}") from None


def wait_for_topics(settings: Settings) -> None:
    """Return when the brokers can be reached and have a worker's topics; says what it waits for.

    The topics of rules and status count where the rules come from there.
    """
    left_out = {settings.topics.deletions}  # the loader's
    if settings.rules.follow != "topic":
        left_out |= {settings.topics.rules, settings.topics.status}
    names = [topic.name for topic in wanted(settings) if topic.name not in left_out]
    admin = admin_client(settings, "topics")
    pauses = list(PAUSES_SECONDS)
    while True:
        try:
            there = admin.asked(lambda: admin.list_topics(timeout=ASK_SECONDS)).topics
        except RetryableError as error:
            log.warning("topics cannot be asked for, trying again", cause=str(error))
        else:
            if not (missing := [name for name in names if name not in there]):
                return
            # A broker with ACLs shows nobody what they may not describe.
            told = "topics are missing, or not allowed, waiting for `streamproc topics apply`"
            log.warning(told, topics=missing)
        time.sleep(pauses.pop(0) if len(pauses) > 1 else pauses[0])


def patiently(ask: Callable[[], Any], tell: Callable[[str], None]) -> Any:
    """Return what ``ask`` returns, asking again after growing pauses while brokers are away.

    Args:
        ask: Raises RetryableError to be asked again.
        tell: Is told, in one line, why and when it will be.

    Raises:
        RetryableError: The last try failed too.
    """
    for number, pause in enumerate(PAUSES_SECONDS, start=2):
        try:
            return ask()
        except RetryableError as error:
            last = len(PAUSES_SECONDS) + 1
            tell(f"{error}; try {number} of {last} in {pause} s")
            time.sleep(pause)
    return ask()


def admin_client(settings: Settings, role: str) -> TopicAdmin:
    """Return a client for topics; connects when it is first used."""
    return TopicAdmin(settings.kafka, role)


def _kept(hours: int, message_bytes: int, compression: str) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "compression.type": compression,
        "max.message.bytes": str(max(message_bytes, BATCH_BYTES)),
        "retention.ms": str(hours * HOUR_MS),
    }


def _differences(topic: Topic, there: Found, *, grow: bool) -> list[Change]:
    changes = []
    if there.partitions > topic.partitions:
        changes.append(Change(topic, "refuse", f"partitions: {there.partitions}; none can go"))
    elif there.partitions < topic.partitions:
        more = f"partitions: {there.partitions} to {topic.partitions}"
        if topic.ordered and not grow:
            more += "; keys would move, and with them their order; --grow if that is meant"
        changes.append(Change(topic, "grow" if grow or not topic.ordered else "refuse", more))
    if there.replication != topic.replication:
        told = f"replicas: {there.replication}; reassign with Kafka's own tools"
        changes.append(Change(topic, "refuse", told))
    if there.config is not None:
        off = {key: to for key, to in topic.config.items() if there.config.get(key) != to}
        if there.replication != topic.replication:
            # More replicas in sync than there are replicas would stop every producer.
            off.pop("min.insync.replicas", None)
        if off:
            told = ", ".join(f"{key} {there.config.get(key)} to {to}" for key, to in off.items())
            changes.append(Change(topic, "alter", told, off))
    return changes


def _embedded(cluster: Any) -> bool:
    return str(cluster.cluster_id).startswith(MOCK_CLUSTER)


def _config(admin: TopicAdmin, name: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, name)
    found = admin.asked(lambda: admin.describe_configs([resource])[resource].result(ASK_SECONDS))
    return {key: entry.value for key, entry in found.items()}


def _records(admin: TopicAdmin, name: str, partitions: Iterable[int]) -> int:
    places = [TopicPartition(name, number) for number in partitions]

    def total(spec: OffsetSpec) -> int:
        asked = admin.list_offsets(dict.fromkeys(places, spec))
        return sum(future.result(ASK_SECONDS).offset for future in asked.values())

    low = admin.asked(lambda: total(OffsetSpec.earliest()))
    high = admin.asked(lambda: total(OffsetSpec.latest()))
    return int(high - low)


def _create(admin: TopicAdmin, change: Change) -> None:
    topic = change.topic
    new = NewTopic(topic.name, topic.partitions, topic.replication, config=dict(topic.config))
    admin.create_topics([new])[topic.name].result(CHANGE_SECONDS)


def _grow(admin: TopicAdmin, change: Change) -> None:
    topic = change.topic
    more = NewPartitions(topic.name, topic.partitions)
    admin.create_partitions([more])[topic.name].result(CHANGE_SECONDS)


def _alter(admin: TopicAdmin, change: Change) -> None:
    entries = [
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        for key, value in change.config.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, change.topic.name, incremental_configs=entries)
    admin.incremental_alter_configs([resource])[resource].result(CHANGE_SECONDS)


CARRY_OUT: dict[Action, Callable[[TopicAdmin, Change], None]] = {
    "create": _create,
    "grow": _grow,
    "alter": _alter,
}
