"""Whom somebody asked to have forgotten."""

from __future__ import annotations

import re
from datetime import date
from typing import Final, NamedTuple

from streamproc.events import Micros, Token
from streamproc.redact.letters import to_letters

__all__ = ["RECEIPT", "RECEIPT_BYTES", "Case", "new_receipt"]

RECEIPT: Final = re.compile(r"erasure-[0-9]{8}-[a-p]{12}")
"""What a receipt is called."""
RECEIPT_BYTES: Final = 6
"""Random bytes in a receipt's name: two of a million of one day are one with odds of 1 in 560."""


class Case(NamedTuple):
    """A person who is to be forgotten.

    Attributes:
        receipt: What the case is known by; says nothing of the person.
        at: When it was asked for.
        tokens: All that names the person: ids, own devices, own traits, under every key.
    """

    receipt: str
    at: Micros
    tokens: tuple[Token, ...]

    def __repr__(self) -> str:
        """Say which it is, and how many tokens."""
        return f"Case({self.receipt}, {len(self.tokens)} tokens)"


def new_receipt(day: date, random: bytes) -> str:
    """Return a name that no other case has; ``random`` are :data:`RECEIPT_BYTES` bytes."""
    return f"erasure-{day:%Y%m%d}-{to_letters(random)}"
