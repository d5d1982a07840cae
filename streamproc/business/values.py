"""Values of the business's columns as attributes: of the type that is configured, or not at all."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Final

from streamproc.events import Json, Micros
from streamproc.identity.sources import Kind

__all__ = ["MOST_CHARACTERS", "identifier", "is_true", "micros", "to_attribute"]

MOST_CHARACTERS: Final = 1_024
"""Longest text of an attribute: it stands in every row of the warehouse."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
WHOLE: Final = re.compile(r"([+-]?[0-9]{1,19})(?:\.0*)?")
"""Databases write whole numbers of exact types with zeros behind a point."""
LARGEST: Final = 2**63 - 1
WORDS: Final = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}


def to_attribute(value: Any, kind: Kind) -> Json:
    """Return ``value`` as an attribute of ``kind``; None for what says nothing: null, empty.

    Dates and timestamps become texts as ISO 8601 has them, the latter in UTC.

    Raises:
        ValueError: It is none; the text does not quote it.
    """
    if isinstance(value, str):
        value = value.strip()
    if value is None or value == "":
        return None
    try:
        return READ[kind](value)
    except (ValueError, ArithmeticError, TypeError):
        raise ValueError(f"expected {kind}") from None


def identifier(value: Any) -> str | None:
    """Return an id as the text that events would have it as; None for what is none."""
    if value is None or isinstance(value, bool | float | bytes | list | dict | tuple):
        return None
    text = str(value).strip()
    try:
        text.encode()
    except UnicodeEncodeError:  # halves of a surrogate pair are no text
        return None
    return text or None


def is_true(value: Any) -> bool:
    """Return whether a column says yes."""
    return value is True or (value is not None and WORDS.get(str(value).casefold()) is True)


def micros(value: Any) -> Micros:
    """Return a moment; one without a zone is in UTC.

    Raises:
        ValueError: It is none; the text does not quote it.
    """
    try:
        return Micros((_moment(value) - EPOCH) // (datetime.resolution))
    except (ValueError, ArithmeticError, TypeError):
        raise ValueError("expected a moment, as ISO 8601 has it") from None


def _string(value: Any) -> str:
    if isinstance(value, bytes | list | dict | tuple):
        raise TypeError
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text.encode()  # halves of a surrogate pair are no text
    if len(text) > MOST_CHARACTERS:
        raise ValueError
    return text


def _integer(value: Any) -> int:
    if isinstance(value, str):
        found = WHOLE.fullmatch(value)
        value = int(found[1]) if found else None
    number = int(value)
    if isinstance(value, bool) or number != value or abs(number) > LARGEST:
        raise ValueError
    return number


def _number(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    told = WORDS.get(str(value).casefold())
    if told is None:
        raise ValueError
    return told


def _date(value: Any) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and len(value) == 10:
        return date.fromisoformat(value).isoformat()
    return _moment(value).date().isoformat()


def _timestamp(value: Any) -> str:
    return _moment(value).isoformat().replace("+00:00", "Z")


def _moment(value: Any) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise TypeError
    moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    return moment.astimezone(UTC)


READ: Final[Mapping[Kind, Callable[[Any], Json]]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
}
"""What reads each kind; a :class:`~decimal.Decimal` is a number."""
