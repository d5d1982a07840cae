"""The steps of a repair, on an event's body; what cannot be done leaves the value as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import isfinite
from typing import Any, Final

import regex

from streamproc.deadletters.repair.language import (
    ITEMS,
    Cast,
    Remove,
    Rename,
    Replace,
    Set,
    Step,
    Unit,
)
from streamproc.deadletters.repair.texts import LongNumber
from streamproc.errors import EventError
from streamproc.rules.values import number_of, text_of

__all__ = ["perform"]

SEARCH_SECONDS: Final = 1.0
"""Most processor time of a search in one value, as rules have it."""
UNITS: Final[dict[Unit, timedelta]] = {
    "seconds": timedelta(seconds=1),
    "milliseconds": timedelta(milliseconds=1),
    "microseconds": timedelta(microseconds=1),
}
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TRUTHS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def perform(body: dict[str, Any], steps: Sequence[Step]) -> None:
    """Change ``body`` by ``steps``, one after the other.

    Raises:
        EventError: ``redact``, ``expression_too_slow``: a pattern took too long on a value.
    """
    for step in steps:
        for name, do in STEPS.items():
            if (asked := getattr(step, name)) is not None:
                do(body, asked)


def _cast(body: dict[str, Any], step: Cast) -> None:
    for holder, key in _places(body, step.path):
        if (value := holder[key]) is not None and (made := CASTS[step.to](value, step)) is not None:
            holder[key] = made


def _remove(body: dict[str, Any], step: Remove) -> None:
    if step.path[-1] == ITEMS:
        for holder, key in _places(body, step.path[:-1]):
            if type(holder[key]) is list:
                holder[key] = []
        return
    for holder, key in _places(body, step.path):
        del holder[key]


def _replace(body: dict[str, Any], step: Replace) -> None:
    for holder, key in _places(body, step.path):
        if step.pattern is None:
            holder[key] = step.value
        elif type(holder[key]) is str:
            holder[key] = _substituted(step, holder[key])


def _set(body: dict[str, Any], step: Set) -> None:
    *way, last = step.path
    for holder in _made(body, way):
        if type(holder) is dict and holder.get(last) in (None, ""):
            holder[last] = step.value


def _rename(body: dict[str, Any], step: Rename) -> None:
    for holder, key in _places(body, step.path):
        if type(holder) is dict and holder.get(step.to) is None:
            holder[step.to] = holder.pop(key)


def _places(body: dict[str, Any], path: Sequence[str]) -> list[tuple[Any, Any]]:
    """Return what holds each value that is at ``path``, and under which key or index."""
    *way, last = path
    found: list[tuple[Any, Any]] = []
    for holder in _holders(body, way):
        if last == ITEMS and type(holder) is list:
            found += [(holder, index) for index in range(len(holder))]
        elif type(holder) is dict and last in holder:
            found.append((holder, last))
    return found


def _holders(value: Any, way: Sequence[str]) -> Iterator[Any]:
    if not way:
        yield value
    elif way[0] == ITEMS:
        for item in value if type(value) is list else ():
            yield from _holders(item, way[1:])
    elif type(value) is dict and way[0] in value:
        yield from _holders(value[way[0]], way[1:])


def _made(value: Any, way: Sequence[str]) -> Iterator[Any]:
    """Yield what is at ``way``, made of empty objects as far as it is not there."""
    if not way:
        yield value
    elif way[0] == ITEMS:
        for item in value if type(value) is list else ():
            yield from _made(item, way[1:])
    elif type(value) is dict:
        if value.get(way[0]) is None:
            value[way[0]] = {}
        yield from _made(value[way[0]], way[1:])


# -- what values are cast to; None where that cannot be --------------------------------------------


def _string(value: Any, _step: Cast) -> str | None:
    if type(value) is bool:
        return "true" if value else "false"
    if isinstance(value, LongNumber):
        return str.__str__(value)
    return text_of(value) if isinstance(value, str | int | float) else None


def _integer(value: Any, _step: Cast) -> int | None:
    number = number_of(value)
    if number is None or int(number) != number:
        return None
    # By its digits, of which a float would lose some.
    written = text_of(value).strip().partition(".")[0]
    whole = int(written) if written.lstrip("+-").isdecimal() else int(number)
    return whole if -(2**63) <= whole < 2**64 else None


def _number(value: Any, step: Cast) -> int | float | None:
    whole = _integer(value, step)
    number = number_of(value) if whole is None else whole
    return number if number is not None and isfinite(number) else None


def _boolean(value: Any, _step: Cast) -> bool | None:
    if type(value) in {bool, int, str}:
        return TRUTHS.get(str(value).strip().lower())
    return None


def _timestamp(value: Any, step: Cast) -> str | None:
    try:
        moment = _moment(value, step)
    except (ValueError, OverflowError):  # its text quotes the value
        moment = None
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(value: Any, step: Cast) -> datetime | None:
    if step.format is not None and type(value) is str:
        moment = datetime.strptime(value.strip(), step.format)  # noqa: DTZ007 - made aware below
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    number = number_of(value)
    return None if number is None else EPOCH + number * UNITS[step.unit]


CASTS: Final[dict[str, Callable[[Any, Cast], Any]]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
}


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    return regex.compile(pattern, regex.VERSION0)


def _substituted(step: Replace, text: str) -> str:
    by = step.by or ""
    try:
        found: str = _compiled(step.pattern).sub(lambda _: by, text, timeout=SEARCH_SECONDS)
    except TimeoutError:
        raise EventError("redact", "expression_too_slow") from None
    return found


STEPS: Final[dict[str, Callable[[dict[str, Any], Any], None]]] = {
    "cast": _cast,
    "remove": _remove,
    "replace": _replace,
    "set": _set,
    "rename": _rename,
}
