"""What users and templates give, checked before it becomes an argument of a command."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from airflow.sdk.exceptions import AirflowFailException

__all__ = ["moment", "receipt", "tokens"]

TOKEN = re.compile(r"tok_[0-9A-Za-z]{1,16}_[a-p]{32}")
"""What streamproc's tokens look like; anything else may be a person's name or address."""
MOST_TOKENS = 1_000
"""Of one command: their bytes stay far below what a system takes as arguments."""
RECEIPT = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


def moment(value: datetime | str, name: str) -> datetime:
    """Return ``value``, a moment or ISO 8601 text as templates render it, in UTC.

    Raises:
        AirflowFailException: It is neither, or has no time zone.
    """
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        told = f"{name} is {value!r}, expected a moment such as 2026-01-31T06:00:00+00:00"
        raise AirflowFailException(told) from None
    if read.tzinfo is None:
        raise AirflowFailException(f"{name} is {value!s}, which has no time zone")
    return read.astimezone(UTC)


def tokens(values: Iterable[str] | str) -> tuple[str, ...]:
    """Return the tokens in ``values``: several, or one text with commas or spaces between them.

    Raises:
        AirflowFailException: There is none, too many, or one that is no token. It is not quoted:
            it may be what a token is to stand for.
    """
    found = tuple(values.replace(",", " ").split() if isinstance(values, str) else values)
    if not 0 < len(found) <= MOST_TOKENS:
        raise AirflowFailException(f"expected 1 to {MOST_TOKENS} tokens, found {len(found)}")
    for number, token in enumerate(found, start=1):
        if not isinstance(token, str) or not TOKEN.fullmatch(token):
            told = (
                f"token {number} of {len(found)} is none; expected such as tok_k1_ and 32 letters"
            )
            raise AirflowFailException(told)
    return tuple(dict.fromkeys(found))


def receipt(value: str) -> str:
    """Return ``value``, the reference that an erasure is known by.

    Raises:
        AirflowFailException: It is empty, too long, or has control characters.
    """
    if not RECEIPT.fullmatch(value):
        raise AirflowFailException("receipt is not a text of 1 to 200 characters on one line")
    return value
