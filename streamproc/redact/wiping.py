"""Secrets overwritten where they stood, as far as CPython lets one.

A text or bytes cannot be changed in Python, and what is freed is not overwritten: a key read from a
file would stay in memory, in every copy that was made of it on the way, until something else comes
to stand there. So what is read is kept in a ``bytearray``, copies are few, and each is overwritten
as soon as it has been used. What cannot be overwritten are copies that the interpreter makes for
itself, and keys that are in use: whoever can read a worker's memory has those.
"""

from __future__ import annotations

import ctypes
import sys

__all__ = ["wipe"]

SHORTEST = 16
"""Shorter texts may be shared with others; no key is as short."""
HEADER_BYTES = sys.getsizeof("") - 1
"""What stands before the letters of an ASCII text (``PyASCIIObject``); a zero closes it."""


def wipe(secret: bytearray | str) -> None:
    """Overwrite ``secret`` with zeros, where it stands.

    Of texts only those that the caller has made and nobody else has: the text is another then for
    all who hold it. Does nothing to texts of fewer than 16 characters, or with others than ASCII.
    """
    if isinstance(secret, bytearray):
        secret[:] = bytes(len(secret))
    elif len(secret) >= SHORTEST and secret.isascii() and sys.implementation.name == "cpython":
        ctypes.memset(id(secret) + HEADER_BYTES, 0, len(secret))
