"""A bounded memory of answers, in two generations."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Memo"]

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Memo(Generic[Key, Value]):
    """Remembers at least the last ``entries / 2`` keys asked for and at most ``entries``.

    New and recently used answers are in the young generation. When it is full it becomes the old
    one, and what was old and not asked for since is dropped at once. So a hit costs one or two
    dictionary look-ups, with none of the list shuffling a least-recently-used cache does per hit.

    Attributes:
        hits: Answers given.
        misses: Questions it had no answer for.
    """

    def __init__(self, entries: int) -> None:
        """Remember at most ``entries`` answers; 0 remembers nothing."""
        self._half = entries // 2
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        """Return how many answers are held."""
        return len(self._young) + len(self._old)

    def get(self, key: Key) -> Value | None:
        """Return the answer for ``key``, or None."""
        value = self._young.get(key)
        if value is None:
            value = self._old.pop(key, None)
            if value is None:
                self.misses += 1
                return None
            self.put(key, value)
        self.hits += 1
        return value

    def put(self, key: Key, value: Value) -> None:
        """Remember ``value`` as the answer for ``key``."""
        if not self._half:
            return
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = value
