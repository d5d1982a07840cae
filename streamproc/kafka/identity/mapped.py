"""The topic of links, followed by whoever keeps a table of mappings.

The state is one of its own, beside those of workers, in a folder for each such table: its marks say
what the table does not know yet.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from confluent_kafka import KafkaException

from streamproc.errors import RetryableError
from streamproc.events import Micros
from streamproc.identity import View
from streamproc.identity.language import IdentityConfig
from streamproc.identity.mappings import MappingView
from streamproc.identity.store import MemoryStore
from streamproc.kafka.identity.reader import IdentityReader
from streamproc.kafka.identity.slots import Source, take_slot
from streamproc.kafka.identity.state import IdentityState, Place
from streamproc.kafka.topic_ids import TopicIds
from streamproc.kafka.topics import MOCK_CLUSTER, admin_client
from streamproc.settings import Settings, cache_directory

__all__ = ["FollowedLinks", "followed_links"]

log = structlog.get_logger()

ASK_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class FollowedLinks:
    """The links as they are read.

    Attributes:
        places: The topic's partitions, as it was opened.
        topic_id: Of the topic; None where the brokers give none.
        state: Safe to ask from any thread.
        mapped: Over the same store; to be asked within :meth:`IdentityState.look` only.
        reader: Reads on.
    """

    places: Sequence[Place]
    topic_id: str | None
    state: IdentityState
    mapped: MappingView
    reader: IdentityReader


@contextmanager
def followed_links(
    settings: Settings, config: IdentityConfig, table: str
) -> Iterator[FollowedLinks | None]:
    """Have the topic of links followed, from where the state of ``table`` is.

    No key is needed for it, so links of ids that were called generic only after they had been
    published count until they are past a limit.

    Args:
        settings: Names the brokers, the topic and the folder.
        config: How links are understood.
        table: Names what is kept with them; another one has another state.

    Yields:
        The links; None where there is no such topic.

    Raises:
        ConfigError: The folder cannot be used.
        RetryableError: The brokers or the disk fail.
    """
    found = _source(settings, config.graph_fingerprint)
    if found is None:
        yield None
        return
    source, places = found
    topic = settings.topics.links
    slot = None
    if not source.cluster.startswith(MOCK_CLUSTER):
        directory = settings.identity.directory or cache_directory(settings) / "identity"
        named = f"mappings-{hashlib.sha256(table.encode()).hexdigest()[:16]}"
        now = Micros(time.time_ns() // 1_000)
        slot = take_slot(directory / named, source, settings.identity.memory_bytes, now)
    store = MemoryStore() if slot is None else slot.store
    mapped = MappingView(store, View(store, config))
    reader = None
    try:
        state = IdentityState(store, mapped, topic, {})
        reader = IdentityReader(settings.kafka, state)
        reader.start()
        yield FollowedLinks(places, source.topics[topic], state, mapped, reader)
    finally:
        if reader is not None:
            reader.stop(settings.worker.shutdown_seconds)
        mapped.tell_again()  # a look that is not finished would keep the folder open
        if slot is not None:
            slot.close()


def _source(settings: Settings, fingerprint: str) -> tuple[Source, Sequence[Place]] | None:
    topic = settings.topics.links
    try:
        found = admin_client(settings, "mappings").list_topics(timeout=ASK_SECONDS)
    except KafkaException as error:
        told = f"brokers cannot be reached ({error.args[0].name()})"
        raise RetryableError(told) from None
    if topic not in found.topics:
        return None
    places = [Place(topic, number) for number in sorted(found.topics[topic].partitions)]
    topic_id = TopicIds(settings.kafka).ask(topic, ASK_SECONDS)
    return Source(str(found.cluster_id), {topic: topic_id}, fingerprint), places
