"""How far a group member is behind the brokers, by what librdkafka says of itself.

Asked of the consumer it would be a call from another thread, which can hang (see ``reader``); so
librdkafka tells it by itself now and then, in the thread that polls:
https://github.com/confluentinc/librdkafka/blob/master/STATISTICS.md
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

__all__ = ["Standing", "Statistics", "statistics_config"]

INTERVAL_MILLISECONDS: Final = 1_000
STALE_SECONDS: Final = 30.0
"""After so long without a word, nobody polls any more."""

Partition: TypeAlias = tuple[str, int]


class Standing(NamedTuple):
    """How far a member is.

    Attributes:
        lags: By partition it has, the records that are not finished yet; where it is known.
        trouble: Why nothing can be read; None if brokers are there.
    """

    lags: Mapping[Partition, int]
    trouble: str | None


class _End(NamedTuple):
    """A partition: the offset after its last record, and where the group was when it came here."""

    end: int
    committed: int | None


class Statistics:
    """What librdkafka said last. Told in one thread, asked in any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Know nothing yet."""
        self._clock = clock
        self._told_at = clock()
        self._ends: Mapping[Partition, _End] = {}
        self._brokers_up = 0

    def __call__(self, text: str) -> None:
        """Take librdkafka's ``stats_cb``."""
        said = orjson.loads(text)
        self._brokers_up = sum(each["state"] == "UP" for each in said["brokers"].values())
        self._ends = {
            (topic["topic"], partition["partition"]): end
            for topic in said["topics"].values()
            for partition in topic["partitions"].values()
            if (end := _end(partition)) is not None
        }
        self._told_at = self._clock()

    def standing(self, following: Mapping[Partition, int | None]) -> Standing:
        """Return how far partitions are of which all before ``following`` is done, None for none.

        What is done counts at once; where a partition ends, when librdkafka says so.
        """
        lags: dict[Partition, int] = {}
        for partition, done in following.items():
            end = self._ends.get(partition)
            first = done if done is not None or end is None else end.committed
            if end is not None and first is not None:
                lags[partition] = max(0, end.end - first)
        return Standing(lags, self._trouble())

    def _trouble(self) -> str | None:
        if (silent := self._clock() - self._told_at) > STALE_SECONDS:
            return f"the consumer is silent for {silent:.0f} s"
        return None if self._brokers_up else "no broker can be reached"


def statistics_config(statistics: Statistics) -> dict[str, Any]:
    """Return the settings of a client that is to tell ``statistics``."""
    return {"statistics.interval.ms": INTERVAL_MILLISECONDS, "stats_cb": statistics}


def _end(partition: Mapping[str, int]) -> _End | None:
    # What is not known is negative. A reader of what is committed goes up to the last stable one.
    end = partition["ls_offset"] if partition["ls_offset"] >= 0 else partition["hi_offset"]
    if end < 0:
        return None
    committed = partition["committed_offset"]
    begin = committed if committed >= 0 else partition["lo_offset"]
    return _End(end, begin if begin >= 0 else None)
