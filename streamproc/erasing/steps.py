"""The steps of an erasure, in an order in which nothing comes back behind them.

1. The case goes to the topic of suppressed people. Every worker that has read it, which takes it a
   second, drops the person's events or makes them anybody's, and states no link of them.
2. Links and records of the business are taken back in their topics; twice, for those that workers
   stated before they had read the case.
3. The person's key is deleted, and with it the meaning of every ciphertext.
4. Deletions tell the loaders to take away the person's rows, those too that come later: of workers
   that had not read the case, or from the loader's topic.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from streamproc.assemble import load_key_ring, load_subject_keys
from streamproc.erasure import Case
from streamproc.events import Deletion, Micros
from streamproc.kafka.attribute_topic import TopicWriter, attribute_writer
from streamproc.kafka.attributes import decode_attributes, parse_attribute_key
from streamproc.kafka.traces import Traces, find_traces
from streamproc.settings import Settings
from streamproc.warehouse.loading.deletions import publish_deletions

__all__ = ["LATE", "Done", "erase", "lift"]

SETTLE_SECONDS: Final = 3.0
"""How long workers may take to read a case and to finish the batch they are at, before the topics
are searched once more. What comes still later `erase verify` finds, and the same erasure, begun
again, takes back."""
LATE: Final = timedelta(hours=1)
"""Rows are kept out of the warehouse that were received up to so long after the erasure: a worker
that cannot read the topics of identity state stops long before."""


class Done(NamedTuple):
    """What an erasure did this time.

    Attributes:
        links: Links that were taken back.
        records: Records of the business that were taken back, or that lost the person's joins.
        keys: The person's keys that were deleted; None where no store of them is configured.
        deletions: Tokens whose rows the loaders are to delete.
        until: Up to when these were received.
    """

    links: int
    records: int
    keys: int | None
    deletions: int
    until: Micros


def erase(settings: Settings, case: Case, tell: Callable[[int], object]) -> Done:
    """Take all steps of ``case``; what was done before is done again, and does no harm.

    Args:
        settings: Name the brokers, topics and keys.
        case: Whom it is about.
        tell: Is told how many more records were searched.

    Raises:
        ConfigError: The store of people's keys cannot be used.
        RetryableError: Brokers or the store are not there now: begin again.
    """
    with attribute_writer(settings) as writer:
        writer.case(case)
        writer.flush()
        published = time.monotonic()
        writer.leave_out(case.tokens)
        links, records = (
            _Sweep(settings, writer, topic, case, tell)
            for topic in (settings.topics.links, settings.topics.attributes)
        )
        taken = links.links(), records.records()
        keys = _forget_keys(settings, case)
        time.sleep(max(0.0, published + SETTLE_SECONDS - time.monotonic()))
        again = links.links(), records.records()
    until = _publish(settings, case)
    return Done(taken[0] + again[0], taken[1] + again[1], keys, len(case.tokens), until)


def lift(settings: Settings, receipt: str) -> None:
    """Have the events of an erased person count again; what was erased stays so.

    Raises:
        RetryableError: The brokers did not take it.
    """
    with attribute_writer(settings) as writer:
        writer.lift(receipt)
        writer.flush()


class _Sweep:
    """Takes back what a topic says of a person, as far as it was not yet looked through."""

    def __init__(
        self,
        settings: Settings,
        writer: TopicWriter,
        topic: str,
        case: Case,
        tell: Callable[[int], object],
    ) -> None:
        self._settings = settings
        self._writer = writer
        self._topic = topic
        self._case = case
        self._tell = tell
        self._following: dict[int, int] = {}

    def links(self) -> int:
        """Take back the links, and return how many there were."""
        found = self._find()
        self._writer.forget(self._topic, found.live)
        self._writer.flush()
        return len(found.live)

    def records(self) -> int:
        """Take back the records of the business, and return how many there were."""
        found = self._find()
        ours = {
            key: value for key, value in found.live.items() if parse_attribute_key(key) is not None
        }
        # The writer leaves out the person, and takes back what is about nobody else.
        self._writer.records(map(decode_attributes, ours.values()))
        self._writer.flush()
        return len(ours)

    def _find(self) -> Traces:
        tokens, begin = self._case.tokens, self._following
        found = find_traces(self._settings, self._topic, tokens, self._tell, begin)
        self._following = found.following
        return found


def _forget_keys(settings: Settings, case: Case) -> int | None:
    if settings.keys.subjects is None:
        return None
    store = load_subject_keys(settings, load_key_ring(settings))
    try:
        return store.forget(case.tokens)
    finally:
        store.close()


def _publish(settings: Settings, case: Case) -> Micros:
    moment = datetime.now(UTC) + LATE
    until = Micros(int(moment.timestamp() * 1_000_000))
    deletions = [Deletion(token, until, case.receipt) for token in case.tokens]
    publish_deletions(settings, deletions)
    return until
