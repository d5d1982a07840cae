"""Bytes as letters from ``a`` to ``p``, one for each 4 bits.

Letters alone, so that no pattern of card, phone or document numbers can match what is written so,
and it stays as it is in a URL.
"""

from __future__ import annotations

__all__ = ["from_letters", "to_letters"]

TO_LETTERS = bytes.maketrans(b"0123456789abcdef", b"abcdefghijklmnop")
FROM_LETTERS = bytes.maketrans(b"abcdefghijklmnop", b"0123456789abcdef")


def to_letters(content: bytes) -> str:
    """Return two letters for each byte."""
    return content.hex().encode().translate(TO_LETTERS).decode()


def from_letters(letters: str) -> bytes:
    """Return the bytes that ``letters``, an even number from ``a`` to ``p``, stand for."""
    return bytes.fromhex(letters.encode().translate(FROM_LETTERS).decode())
