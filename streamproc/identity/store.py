"""The port of identity state: ordered keys and values, committed with where it was read up to.

Keys and values hold tokens and what the configuration allows of attributes, never an identifier in
clear.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

__all__ = ["MemoryStore", "Store"]


class Store(Protocol):
    """Ordered bytes by bytes. What was put is seen at once, and lasts from ``commit`` on."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of ``key``."""

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value of ``key``."""

    def delete(self, key: bytes) -> None:
        """Forget ``key``, if it is there."""

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys that begin with ``prefix``, in their order, and their values."""

    def commit(self) -> None:
        """Make all that was put since the last commit last, as one: wholly or not at all."""


class MemoryStore:
    """A store that ends with the process: for commands, tests and the demo."""

    def __init__(self) -> None:
        """Start empty."""
        self._entries: Final[dict[bytes, bytes]] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the value of ``key``."""
        return self._entries.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value of ``key``."""
        self._entries[key] = value

    def delete(self, key: bytes) -> None:
        """Forget ``key``, if it is there."""
        self._entries.pop(key, None)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys that begin with ``prefix``, in their order, and their values."""
        yield from sorted(item for item in self._entries.items() if item[0].startswith(prefix))

    def commit(self) -> None:
        """Do nothing: it is there already."""
