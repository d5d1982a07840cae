"""Has a process know identities: opens its state, and reads the topics to their ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from confluent_kafka import KafkaException

from streamproc.erasure import SuppressionList, spared
from streamproc.errors import EventError, RetryableError
from streamproc.events import Micros, Token
from streamproc.identity import View
from streamproc.identity.attributes import Attributes
from streamproc.identity.language import IdentityConfig
from streamproc.identity.store import MemoryStore, Store
from streamproc.kafka.attributes import CURSOR_PREFIX, decode_attributes, parse_attribute_key
from streamproc.kafka.identity.reader import IdentityReader
from streamproc.kafka.identity.slots import Slot, Source, take_slot
from streamproc.kafka.identity.state import IdentityState, Suppressing, Taker
from streamproc.kafka.topic_ids import TopicIds
from streamproc.kafka.topics import MOCK_CLUSTER, admin_client, patiently
from streamproc.settings import Settings, cache_directory

__all__ = ["following_identity", "known_identities"]

log = structlog.get_logger()

ASK_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 1.0


@contextmanager
def following_identity(
    settings: Settings,
    config: IdentityConfig,
    nobody: Collection[Token],
    erased: Callable[[Collection[Token]], object] | None = None,
) -> Iterator[IdentityReader]:
    """Have the topics of identity state followed, from when they have been read to their ends.

    Takes minutes where a state of millions of people has to be made anew; says how far it is. The
    state is on disk but on an embedded broker, which does not outlive it.

    Args:
        settings: Names the brokers, topics and folder; the topics have to be there.
        config: How they are understood.
        nobody: Tokens that stand for nobody.
        erased: Is told the tokens of each person who is erased, to forget what else is here.

    Raises:
        ConfigError: The folder cannot be used.
        RetryableError: The brokers or the disk fail.
    """
    with _followed(settings, config, nobody, erased) as (reader, _):
        yield reader


@contextmanager
def known_identities(
    settings: Settings, config: IdentityConfig, nobody: Collection[Token]
) -> Iterator[View]:
    """Have what is in the topics of identity state now at hand, for a command to ask.

    Args:
        settings: As for :func:`following_identity`.
        config: The same.
        nobody: The same.

    Raises:
        ConfigError: The folder cannot be used.
        RetryableError: The brokers or the disk fail.
    """
    with _followed(settings, config, nobody) as (reader, view):
        reader.stop(settings.worker.shutdown_seconds)
        yield view


@contextmanager
def _followed(
    settings: Settings,
    config: IdentityConfig,
    nobody: Collection[Token],
    erased: Callable[[Collection[Token]], object] | None = None,
) -> Iterator[tuple[IdentityReader, View]]:
    store, slot = _open(settings, config.graph_fingerprint)
    reader = None
    try:
        attributes = Attributes(store, list(config.sources), config.attributes)
        view = View(store, config, nobody, attributes)
        listed = SuppressionList(store)
        takers = {settings.topics.attributes: _taker(attributes, listed, view.forget_attributes)}
        suppressing = Suppressing(settings.topics.suppressed, listed)
        if erased is not None:
            suppressing = suppressing._replace(erased=erased)
        state = IdentityState(store, view, settings.topics.links, takers, suppressing)
        reader = IdentityReader(settings.kafka, state)
        reader.start()
        _wait(reader)
        yield reader, view
    finally:
        if reader is not None:
            reader.stop(settings.worker.shutdown_seconds)
        if slot is not None:
            slot.close()


def _open(settings: Settings, fingerprint: str) -> tuple[Store, Slot | None]:
    source = patiently(
        lambda: source_of(settings, fingerprint),
        lambda told: log.warning("identity topics cannot be found, trying again", cause=told),
    )
    if source.cluster.startswith(MOCK_CLUSTER):
        return MemoryStore(), None
    directory = settings.identity.directory or cache_directory(settings) / "identity"
    now = Micros(time.time_ns() // 1_000)
    slot = take_slot(directory, source, settings.identity.memory_bytes, now)
    return slot.store, slot


def source_of(settings: Settings, fingerprint: str) -> Source:
    """Return what a state is made of now, by the brokers' word.

    Raises:
        RetryableError: They did not answer, or a topic is not there.
    """
    topics = settings.topics
    names = (topics.links, topics.attributes, topics.suppressed)
    ids = TopicIds(settings.kafka)
    found = {name: ids.ask(name, ASK_SECONDS) for name in names}
    admin = admin_client(settings, "identity")
    try:
        cluster = admin.list_topics(names[0], timeout=ASK_SECONDS).cluster_id
    except KafkaException as error:
        told = f"brokers cannot be reached ({error.args[0].name()})"
        raise RetryableError(told) from None
    return Source(str(cluster), found, fingerprint)


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


def _taker(attributes: Attributes, listed: SuppressionList, changed: Callable[[], object]) -> Taker:
    def take(key: bytes | None, value: bytes | None) -> None:
        name = parse_attribute_key(key)
        if name is None:
            if not (key or b"").startswith(CURSOR_PREFIX.encode()):
                raise EventError("load", "not_ours")
            return  # how far somebody has read a source, which is nothing to us
        record = None if value is None else decode_attributes(value)
        if record is not None and len(listed):
            record = spared(record, listed.holds)
        if record is None:
            attributes.forget(name)
        else:
            attributes.apply(record)
        changed()

    return take
