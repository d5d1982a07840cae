"""Why an event could not be decoded: the fixed set of codes of the stage ``decode``."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from streamproc.errors import EventError

__all__ = ["CODES", "Code", "refusal"]

Code: TypeAlias = Literal[
    "empty",
    "too_large",
    "not_utf8",
    "not_json",
    "number_too_large",
    "lone_surrogate",
    "too_deep",
    "text_too_long",
    "not_an_object",
    "missing_type",
    "unknown_type",
    "missing_field",
    "wrong_type",
    "bad_timestamp",
]

CODES: Final[dict[Code, str]] = {
    "empty": "the record has no value, or an empty one",
    "too_large": "the value has more bytes than limits.event_bytes",
    "not_utf8": "the value is not UTF-8 text",
    "not_json": "the value is not JSON (RFC 8259; NaN and Infinity are not)",
    "number_too_large": "a number that 64 bits cannot hold; keeping it would change it",
    "lone_surrogate": "half of a UTF-16 pair, which no UTF-8 text can hold",
    "too_deep": "objects and lists nest deeper than limits.depth",
    "text_too_long": "a text or key is longer than limits.text_characters",
    "not_an_object": "the value is JSON but no object",
    "missing_type": "no type",
    "unknown_type": "a type that is none of identify, track, page, screen, group, alias",
    "missing_field": "a field that this type needs is absent, null or empty",
    "wrong_type": "a field of the event spec has another type than the spec's",
    "bad_timestamp": "a timestamp that is not ISO 8601, or outside the years 1 to 9999",
}
"""Every code and what it says; nothing else is raised by this room."""


def refusal(code: Code, path: str = "") -> EventError:
    """Return the error of this stage; ``path`` is a field of the event spec, never a free key."""
    return EventError("decode", code, path)
