"""Has a process know identities: opens its state, and reads the topics to their ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

import structlog
from confluent_kafka import KafkaException

from streamproc.errors import RetryableError
from streamproc.events import Micros
from streamproc.identity.store import MemoryStore, Store
from streamproc.kafka.identity.reader import IdentityReader
from streamproc.kafka.identity.slots import Slot, Source, take_slot
from streamproc.kafka.identity.state import IdentityState, People, Taker
from streamproc.kafka.topic_ids import TopicIds
from streamproc.kafka.topics import MOCK_CLUSTER, admin_client, patiently
from streamproc.settings import Settings, cache_directory

__all__ = ["Understanding", "following_identity"]

log = structlog.get_logger()

ASK_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 1.0


class Understanding(NamedTuple):
    """How what is read is understood.

    Attributes:
        people: Returns the view over a store.
        takers: Returns what takes the records of topics other than that of links into a store.
        configuration: Fingerprint of what decides what they keep: a state of another is made anew.
    """

    people: Callable[[Store], People]
    takers: Callable[[Store], Mapping[str, Taker]]
    configuration: str


@contextmanager
def following_identity(settings: Settings, how: Understanding) -> Iterator[IdentityReader]:
    """Have the topics of identity state followed, from when they have been read to their ends.

    Takes minutes where a state of millions of people has to be made anew; says how far it is. The
    state is on disk but on an embedded broker, which does not outlive it.

    Args:
        settings: Names the brokers, topics and folder; the topics have to be there.
        how: How they are understood.

    Raises:
        ConfigError: The folder cannot be used.
        RetryableError: The brokers or the disk fail.
    """
    store, slot = _open(settings, how.configuration)
    reader = None
    try:
        people, takers = how.people(store), how.takers(store)
        state = IdentityState(store, people, settings.topics.links, takers)
        reader = IdentityReader(settings.kafka.brokers, state)
        reader.start()
        _wait(reader)
        yield reader
    finally:
        if reader is not None:
            reader.stop(settings.worker.shutdown_seconds)
        if slot is not None:
            slot.close()


def _open(settings: Settings, configuration: str) -> tuple[Store, Slot | None]:
    source = patiently(
        lambda: _source(settings, configuration),
        lambda told: log.warning("identity topics cannot be found, trying again", cause=told),
    )
    if source.cluster.startswith(MOCK_CLUSTER):
        return MemoryStore(), None
    directory = settings.identity.directory or cache_directory(settings) / "identity"
    now = Micros(time.time_ns() // 1_000)
    slot = take_slot(directory, source, settings.identity.memory_bytes, now)
    return slot.store, slot


def _source(settings: Settings, configuration: str) -> Source:
    names = (settings.topics.links, settings.topics.attributes)
    ids = TopicIds(settings.kafka.brokers)
    found = {name: ids.ask(name, ASK_SECONDS) for name in names}
    admin = admin_client(settings, "identity")
    try:
        cluster = admin.list_topics(names[0], timeout=ASK_SECONDS).cluster_id
    except KafkaException as error:
        told = f"brokers cannot be reached ({error.args[0].name()})"
        raise RetryableError(told) from None
    return Source(str(cluster), found, configuration)


def _wait(reader: IdentityReader) -> None:
    began = time.monotonic()
    while True:
        try:
            reader.caught_up().result()
        except RetryableError as error:
            reader.check()
            log.warning("identity topics cannot be read, trying again", cause=str(error))
            time.sleep(PAUSE_SECONDS)
        else:
            log.info("identities are known", seconds=round(time.monotonic() - began, 1))
            return
