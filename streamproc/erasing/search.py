"""The search for what is left of somebody who was erased, in every place that can hold a token.

What cannot be searched is told as well: raw events hold ids, not tokens, and of who was erased no
id is known any more; the originals of dead letters are sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from streamproc.assemble import load_identity_config, load_key_ring, load_subject_keys, nobody_of
from streamproc.erasure import Case
from streamproc.erasure.findings import Finding
from streamproc.errors import ConfigError, RetryableError
from streamproc.kafka.identity.start import following_identity
from streamproc.kafka.topics import COMPACTION_HOURS
from streamproc.kafka.traces import find_traces
from streamproc.settings import Settings
from streamproc.warehouse.asking import asked
from streamproc.warehouse.holding import count_holding

__all__ = ["search"]

AGAIN: Final = "begin the erasure again with its receipt"
DELETE_RETENTION_HOURS: Final = 24
"""How long Kafka keeps what takes a record back (``delete.retention.ms``): its key has tokens."""


def search(settings: Settings, case: Case, tell: Callable[[int], object]) -> Iterator[Finding]:
    """Yield what is left of whom ``case`` is about, one place after the other.

    Args:
        settings: Name the brokers, topics, folders and the warehouse.
        case: Whose tokens are searched for.
        tell: Is told how many more records were searched.

    Raises:
        ConfigError: Settings, keys or the identity configuration cannot be used.
        RetryableError: The brokers are not there now.
    """
    topics = settings.topics
    yield _state(settings, case)
    for topic in (topics.links, topics.attributes):
        yield _compacted(settings, topic, case, tell)
    yield _load_topic(settings, case, tell)
    yield from _warehouse(settings, case)
    if settings.keys.subjects is not None:
        yield _keys(settings, case)
    yield _unsearched("raw topic", settings.topics.raw_retention_hours, "what producers sent")
    sealed = "sealed originals"
    yield _unsearched("dead letters", settings.topics.dead_retention_hours, sealed)


def _state(settings: Settings, case: Case) -> Finding:
    config = load_identity_config(settings)
    nobody = nobody_of(config, load_key_ring(settings))
    with following_identity(settings, config, nobody) as reader:
        left = reader.state.entries_with(case.tokens)
    if not left:
        return Finding("identity state", 0, "clear")
    return Finding("identity state", left, "found", "entries of this machine's state")


def _compacted(
    settings: Settings, topic: str, case: Case, tell: Callable[[int], object]
) -> Finding:
    traces = find_traces(settings, topic, case.tokens, tell)
    if traces.live:
        told = f"records that count; {AGAIN}"
        return Finding(topic, len(traces.live), "found", told)
    if traces.records:
        hours = COMPACTION_HOURS + DELETE_RETENTION_HOURS
        told = f"records that were taken back; the brokers drop them within {hours} hours"
        return Finding(topic, traces.records, "fading", told)
    return Finding(topic, 0, "clear")


def _load_topic(settings: Settings, case: Case, tell: Callable[[int], object]) -> Finding:
    topic, hours = settings.topics.load, settings.topics.load_retention_hours
    rows = find_traces(settings, topic, case.tokens, tell).records
    if not rows:
        return Finding(topic, 0, "clear")
    told = f"rows of before; kept out of the warehouse, and gone from the topic in {hours} hours"
    return Finding(topic, rows, "fading", told)


def _warehouse(settings: Settings, case: Case) -> Iterator[Finding]:
    place = f"warehouse ({settings.loader.sink})"
    try:
        with asked(settings) as reader:
            counts = count_holding(reader, case.tokens)
    except (RetryableError, ConfigError) as error:
        yield Finding(place, None, "unknown", f"{error}; verify again when it can be asked")
        return
    for table, rows in counts.items():
        if rows:
            told = "rows; the loaders have not carried the deletions out yet"
            yield Finding(f"{place}: {table}", rows, "found", told)
    if not any(counts.values()):
        yield Finding(place, 0, "clear", f"{len(counts):,} tables")


def _keys(settings: Settings, case: Case) -> Finding:
    store = load_subject_keys(settings, load_key_ring(settings))
    try:
        left = store.count_of(case.tokens)
    finally:
        store.close()
    if left:
        return Finding("people's keys", left, "found", f"keys that open ciphertexts; {AGAIN}")
    return Finding("people's keys", 0, "clear")


def _unsearched(place: str, hours: int, what: str) -> Finding:
    return Finding(place, None, "fading", f"not searched: {what}; gone within {hours} hours")
