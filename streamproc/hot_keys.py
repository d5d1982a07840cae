"""Keys that have much of what a worker reads: seen with bounded memory, told without being named.

Records of one key are of one partition, and so are for one process: more processes do no more of
them. So it has to be seen when one key has a large part, and which.

Pure: clocks are read by the caller. Keys are personal data; they are in memory alone, and in no
``repr``.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, NamedTuple, TypeAlias

from streamproc.events import Record

__all__ = ["Clock", "FrequentKeys", "HotKey", "HotKeys", "Place"]

COUNTERS: Final = 256
"""Keys that are counted; a count is too low by one in 257 of what was counted at most."""
SLACK: Final = 4
"""How many times as many may wait until they are cut down; all of it takes 0.2 µs an event."""
KEY_BYTES: Final = 1_024
"""Longest key that is counted, which bounds the memory. No id is as long."""
WINDOW_SECONDS: Final = 60.0
LEAST_EVENTS: Final = 1_000
"""Of a partition in a window: of fewer, a busy hour of one person is a large part."""
TELL_SECONDS: Final = 600.0
"""How long a key is not told of again."""

KEY: Final = attrgetter("key")

Place: TypeAlias = tuple[str, int]


class FrequentKeys:
    """Counts the frequent ones of many keys with a bounded number of counters.

    Misra and Gries, "Finding repeated elements" (Science of Computer Programming 2, 1982), whole
    batches at a time: Agarwal et al., "Mergeable summaries" (PODS 2012). A count is never too high,
    and too low by one in ``counters + 1`` of all that was counted at most.
    """

    def __init__(self, counters: int = COUNTERS) -> None:
        """Have nothing counted."""
        self._counters = counters
        self._counts: Counter[bytes] = Counter()

    def add(self, counted: Mapping[bytes, int]) -> None:
        """Add a batch's counts."""
        self._counts.update(counted)
        if len(self._counts) > SLACK * self._counters:
            self._cut_down()

    def most(self) -> tuple[bytes, int] | None:
        """Return the most frequent key, and how often it came at least; None before the first."""
        return max(self._counts.items(), key=lambda item: item[1], default=None)

    def _cut_down(self) -> None:
        # What is subtracted from one counter is subtracted from counters + 1 of them.
        most = heapq.nlargest(self._counters + 1, self._counts.values())
        least = most[-1]
        self._counts = Counter(
            {key: count - least for key, count in self._counts.items() if count > least}
        )


class Clock(NamedTuple):
    """When something is.

    Attributes:
        now: Seconds, never going back.
        used: Processor time that this process has used, in seconds.
    """

    now: float
    used: float


@dataclass(frozen=True, slots=True)
class HotKey:
    """A key that has much of a partition, or of what a process can do.

    Attributes:
        topic: Of its records.
        partition: The same.
        key: It; personal data.
        events: How many it had in the window, at least.
        share: What part of its partition's events these are.
        process_share: What part of a core they took, by the mean of all events.
    """

    topic: str
    partition: int
    key: bytes = field(repr=False)
    events: int
    share: float
    process_share: float


@dataclass(slots=True)
class _Seen:
    """One partition in the window at hand."""

    events: int = 0
    keys: FrequentKeys = field(default_factory=FrequentKeys)


class HotKeys:
    """Looks at the keys of one process's batches, minute by minute."""

    def __init__(self, share: float, clock: Callable[[], Clock]) -> None:
        """Begin a window now.

        Args:
            share: From which part on, of a partition or of a core, a key is told of.
            clock: What time it is.
        """
        self._least = share
        self._clock = clock
        self._began = clock()
        self._seen: dict[Place, _Seen] = {}
        self._told: dict[tuple[Place, bytes], float] = {}
        self._busiest = 0.0

    def look(self, records: Sequence[Record]) -> Sequence[HotKey]:
        """Take note of a batch, whose records are of one partition.

        Returns what there is to tell of the window that ends with it; mostly nothing.
        """
        place = records[0].origin[:2]
        seen = self._seen.setdefault(place, _Seen())
        seen.events += len(records)
        counted: Counter[bytes | None] = Counter(map(KEY, records))
        seen.keys.add(
            {key: count for key, count in counted.items() if key and len(key) <= KEY_BYTES}
        )
        clock = self._clock()
        return self._end_window(clock) if clock.now - self._began.now >= WINDOW_SECONDS else ()

    def keep(self, partitions: Collection[Place]) -> None:
        """Forget all partitions but these: they are others' now."""
        self._seen = {place: seen for place, seen in self._seen.items() if place in partitions}
        self._told = {
            (place, key): at for (place, key), at in self._told.items() if place in partitions
        }

    def busiest_share(self) -> float:
        """Return what part of this process's events the busiest key had in the last window.

        0 where there was no window lately.
        """
        stale = self._clock().now - self._began.now > 2 * WINDOW_SECONDS
        return 0.0 if stale else self._busiest

    def _end_window(self, clock: Clock) -> Sequence[HotKey]:
        events = sum(seen.events for seen in self._seen.values())
        cores = (clock.used - self._began.used) / (clock.now - self._began.now)
        found = [
            HotKey(*place, key, count, count / seen.events, cores * count / events)
            for place, seen in self._seen.items()
            if (most := seen.keys.most()) is not None
            for key, count in [most]
        ]
        self._busiest = max((hot.events / events for hot in found), default=0.0)
        enough = {place for place, seen in self._seen.items() if seen.events >= LEAST_EVENTS}
        self._began, self._seen = clock, {}
        return [
            hot
            for hot in found
            if (hot.topic, hot.partition) in enough
            and max(hot.share, hot.process_share) >= self._least
            and self._is_news(hot, clock.now)
        ]

    def _is_news(self, hot: HotKey, now: float) -> bool:
        self._told = {which: at for which, at in self._told.items() if now - at < TELL_SECONDS}
        which = ((hot.topic, hot.partition), hot.key)
        if which in self._told:
            return False
        self._told[which] = now
        return True
