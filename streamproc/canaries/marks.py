"""Message ids that only who has the secret can make, and know again.

A mark is :data:`MARK` and sixteen bytes: the nonce, and as much of its HMAC-SHA-256 (RFC 2104;
truncated as section 5 has it). They are written in letters alone, as tokens are: some of what is
written with digits is a credit card's number by its checksum, and rules would replace it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

__all__ = ["MARK", "NONCE_BYTES", "letters", "mark", "nonce_of"]

MARK: Final = "canary-"
"""What the message ids of canaries begin with: for those downstream, who do not have the secret."""
NONCE_BYTES: Final = 8
TAG_BYTES: Final = 8

_LETTERS: Final = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_DIGITS: Final = str.maketrans("abcdefghijklmnop", "0123456789abcdef")
_MARKED: Final = re.compile(rf"{MARK}([a-p]{{{2 * (NONCE_BYTES + TAG_BYTES)}}})")


def mark(secret: bytes, nonce: bytes) -> str:
    """Return the message id of the canary that ``nonce`` (:data:`NONCE_BYTES` bytes) stands for."""
    return MARK + letters(nonce + _tag(secret, nonce))


def nonce_of(secret: bytes, message_id: str) -> bytes | None:
    """Return the nonce of a message id; None if it was not made with ``secret``."""
    if (marked := _MARKED.fullmatch(message_id)) is None:
        return None
    content = bytes.fromhex(marked[1].translate(_DIGITS))
    nonce, tag = content[:NONCE_BYTES], content[NONCE_BYTES:]
    return nonce if hmac.compare_digest(tag, _tag(secret, nonce)) else None


def letters(content: bytes) -> str:
    """Return ``content`` in hexadecimal, with the letters from a to p for its digits."""
    return content.hex().translate(_LETTERS)


def _tag(secret: bytes, nonce: bytes) -> bytes:
    return hmac.digest(secret, b"mark:" + nonce, hashlib.sha256)[:TAG_BYTES]
