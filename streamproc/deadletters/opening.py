"""Sealed originals opened, by whoever holds a private key; no worker does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from streamproc.deadletters.seal import unpack_headers, unpack_original, unsealer
from streamproc.events import Headers

__all__ = ["Open", "Opened", "opener"]


class Opened(NamedTuple):
    """The key, the value and the headers of a record."""

    key: bytes | None
    value: bytes | None
    headers: Headers

    def __repr__(self) -> str:
        """Keep what was sealed out of logs and tracebacks."""
        return "Opened('***')"


Open: TypeAlias = Callable[[bytes], Opened | None]
"""Returns what was sealed; None where it is to another key, or damaged."""


def opener(private_keys: Sequence[str]) -> Open:
    """Return what opens originals sealed to one of ``private_keys`` (base64 of 32 bytes).

    Raises:
        ConfigError: One of them is no private key.
    """
    tries = [unsealer(each) for each in private_keys]

    def opened(sealed: bytes) -> Opened | None:
        for unseal in tries:
            packed = unseal(sealed)
            if packed is not None:
                return _unpacked(packed)
        return None

    return opened


def _unpacked(packed: bytes) -> Opened | None:
    try:
        return Opened(*unpack_original(packed), unpack_headers(packed))
    except ValueError:  # packed by a newer version
        return None
