"""The kinds of columns: which one a value has, which holds those of two others, and how.

What a value is, is decided strictly and by the value alone, so that loaders that see the same
events give their tables the same columns:

====================================================  =============
``true``, ``false``                                   ``BOOLEAN``
a whole number of 64 bits                             ``INTEGER``
a larger one                                          ``STRING``
a number with a fraction or an exponent, even ``1.0``  ``FLOAT``
text ``2026-01-31``                                   ``DATE``
text ``2026-01-31T10:30:00.5+01:00``                  ``TIMESTAMP``
other text                                            ``STRING``
a list, an object                                     ``JSON``
====================================================  =============

A timestamp has a ``T`` or a space, hours and minutes, and may have seconds, a fraction and ``Z`` or
an offset (``+01``, ``+0100``, ``+01:00``); without one it is UTC, as RudderStack has it. Digits of
the fraction beyond microseconds are dropped. Days must be in the calendar and, in UTC, in the years
1 to 9999; leap seconds, week dates and months without a day are text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final, Literal, TypeAlias

import orjson

from streamproc.events import Json

__all__ = ["Kind", "Misfit", "MisfitReason", "Value", "fit", "join", "kind_of"]

MisfitReason: TypeAlias = Literal["type", "length"]
Value: TypeAlias = "bool | int | float | date | datetime | str | None"
"""What a column holds, in Python: dates for ``DATE``, datetimes in UTC for ``TIMESTAMP``, text for
``STRING`` and ``JSON``."""


class Kind(StrEnum):
    """What a column holds; each warehouse has a type for every kind.

    ``INTEGER`` has 64 bits, ``FLOAT`` is a double, ``TIMESTAMP`` is UTC in microseconds, ``JSON``
    is a document as text.
    """

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    DATE = "date"
    TIMESTAMP = "timestamp"
    STRING = "string"
    JSON = "json"


WIDER: Final = {
    Kind.BOOLEAN: (Kind.BOOLEAN, Kind.STRING),
    Kind.INTEGER: (Kind.INTEGER, Kind.FLOAT, Kind.STRING),
    Kind.FLOAT: (Kind.FLOAT, Kind.STRING),
    Kind.DATE: (Kind.DATE, Kind.TIMESTAMP, Kind.STRING),
    Kind.TIMESTAMP: (Kind.TIMESTAMP, Kind.STRING),
    Kind.JSON: (Kind.JSON, Kind.STRING),
    Kind.STRING: (Kind.STRING,),
}
"""The lattice: by kind, the kinds that hold all its values, the narrowest first."""

INTEGERS: Final = range(-(2**63), 2**63)

DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
TIMESTAMP: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,32})?)?"
    r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
"""RudderStack's ``timestampRegex`` (rudder-transformer, ``src/warehouse/util.js``), without what it
takes that is no moment: years of a sign, months without a day."""

NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""U+0000 in JSON; not the letters ``u0000`` after a backslash that is one."""


class Misfit(Exception):  # noqa: N818 - what is wrong is the value, and it is dealt with
    """A value that its column does not hold; says why, never which."""

    def __init__(self, reason: MisfitReason) -> None:
        """Keep the ``reason``."""
        super().__init__(reason)
        self.reason: MisfitReason = reason


def join(one: Kind, other: Kind) -> Kind:
    """Return the narrowest kind that holds the values of both.

    Idempotent, commutative and associative, so that it does not matter which of several loaders
    sees which values first.
    """
    return next(kind for kind in WIDER[one] if kind in WIDER[other])


def kind_of(value: Json) -> Kind | None:
    """Return the narrowest kind that holds ``value``; None for null, which every kind holds."""
    if value is None:
        return None
    if isinstance(value, str):
        return _kind_of_text(value)
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, int):
        return Kind.INTEGER if value in INTEGERS else Kind.STRING
    return Kind.FLOAT if isinstance(value, float) else Kind.JSON


def fit(value: Json, kind: Kind, text_bytes: int | None = None) -> Value:
    """Return ``value`` as a column of ``kind`` holds it.

    Holds every value whose own kind is ``kind`` or widens to it. A whole number beyond 2**53 in a
    ``FLOAT`` is rounded to the nearest double, as readers of JSON do with it. Text is kept as it
    came; other values in a ``STRING`` are written ``true``, ``1``, ``1.5``, ``1e+16`` (the shortest
    digits that give the same double, as ``repr`` and DuckDB have them) and as compact JSON.
    U+0000, which PostgreSQL stores in neither text nor JSON, becomes U+FFFD in every warehouse.

    Args:
        value: Of an event.
        kind: Of the column.
        text_bytes: Longest text the warehouse takes, in bytes of UTF-8.

    Raises:
        Misfit: ``kind`` does not hold values like this one, or the text is too long.
    """
    if value is None:
        return None
    if kind is Kind.STRING or kind is Kind.JSON:
        return _bounded(_text(value, kind), text_bytes)
    own = kind_of(value)
    if own is None or kind not in WIDER[own]:
        raise Misfit("type")
    return PYTHON[kind](value)


def _kind_of_text(text: str) -> Kind:
    # Most texts are out after one look: 0.1 µs, and 0.7 µs for the expressions.
    if text[4:5] != "-":
        return Kind.STRING
    if DATE.fullmatch(text):
        return Kind.STRING if _date(text) is None else Kind.DATE
    if TIMESTAMP.fullmatch(text):
        return Kind.STRING if _moment(text) is None else Kind.TIMESTAMP
    return Kind.STRING


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _text(value: Json, kind: Kind) -> str:
    if isinstance(value, str | bool | int | float):
        if kind is Kind.JSON:
            raise Misfit("type")
        return _scalar_text(value)
    text = orjson.dumps(value).decode()
    return NUL.sub(r"\1\\ufffd", text) if "\\u0000" in text else text


def _scalar_text(value: str | float) -> str:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd") if "\0" in value else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def _bounded(text: str, most: int | None) -> str:
    # A character has four bytes at most: short texts need not be encoded to be measured.
    if most is not None and len(text) * 4 > most and len(text.encode()) > most:
        raise Misfit("length")
    return text


PYTHON: Final[Mapping[Kind, Callable[..., Value]]] = {
    Kind.BOOLEAN: bool,
    Kind.INTEGER: int,
    Kind.FLOAT: float,
    Kind.DATE: _date,
    Kind.TIMESTAMP: _moment,
}
"""What makes a value of its own kind, or a narrower one, one of this kind."""
