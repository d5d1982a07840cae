"""An original's bytes to an event's body and back, more patiently than decoding does.

Numbers that 64 bits cannot hold are kept as they are written (:class:`LongNumber`), so that a cast
to a string loses no digit; an event that still has one when it is written is not repaired.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from typing import Any, Final

import orjson

from streamproc.deadletters.repair.language import Text
from streamproc.errors import EventError

__all__ = ["LongNumber", "read_body", "write_body"]

UTF_8_MARK: Final = "\ufeff"
SURROGATE: Final = re.compile("[\ud800-\udfff]")
REPLACEMENT: Final = "\ufffd"
SIXTY_FOUR_BITS: Final = range(-(2**63), 2**64)
MOST_DIGITS: Final = 20


class LongNumber(str):
    """A number beyond 64 bits, as it is written."""

    __slots__ = ()


class _NotANumberError(ValueError):
    pass


def read_body(value: bytes | None, text: Text) -> dict[str, Any]:
    """Return the object in ``value``, read as ``text`` says.

    Raises:
        EventError: Stage ``decode``: why there is none, as decoding would say it.
    """
    if not value:
        raise EventError("decode", "empty")
    found = _loaded(_decoded(value, text), text)
    if "wrapped" in text.mend:
        found = _unwrapped(found, text)
    if not isinstance(found, dict):
        raise EventError("decode", "not_an_object")
    return found


def write_body(body: dict[str, Any]) -> bytes:
    """Return ``body`` as JSON.

    Raises:
        EventError: Stage ``decode``: it holds what an event cannot.
    """
    try:
        return orjson.dumps(body, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
    except TypeError:  # its text may quote a value
        pass
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise EventError("decode", "lone_surrogate") from None
    except RecursionError:
        raise EventError("decode", "too_deep") from None
    raise EventError("decode", "number_too_large")


def _decoded(value: bytes, text: Text) -> str:
    try:
        return codecs.decode(value, text.encoding).removeprefix(UTF_8_MARK)
    except UnicodeDecodeError:
        pass
    raise EventError("decode", "not_utf8")


def _loaded(written: str, text: Text) -> Any:
    # An exception of the parser carries the document: none may become the context of ours.
    code = "not_json"
    try:
        found = json.loads(
            written,
            strict="control_characters" not in text.mend,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_null if "nan" in text.mend else _refuse,
        )
        return _without_surrogates(found) if "surrogates" in text.mend else found
    except RecursionError:
        code = "too_deep"
    except ValueError:
        pass
    raise EventError("decode", code)


def _unwrapped(found: Any, text: Text) -> Any:
    """Return what is in a text of JSON, or alone in a list; each once."""
    if type(found) is list and len(found) == 1:
        found = found[0]
    return _loaded(found, text) if type(found) is str else found


def _without_surrogates(value: Any) -> Any:
    if type(value) is str:
        return SURROGATE.sub(REPLACEMENT, value)
    if type(value) is list:
        return [_without_surrogates(each) for each in value]
    if type(value) is dict:
        return {_without_surrogates(key): _without_surrogates(each) for key, each in value.items()}
    return value


def _integer(digits: str) -> int | LongNumber:
    # int() of thousands of digits would be quadratic.
    if len(digits) <= MOST_DIGITS and (number := int(digits)) in SIXTY_FOUR_BITS:
        return number
    return LongNumber(digits)


def _number(text: str) -> float | LongNumber:
    number = float(text)
    return LongNumber(text) if math.isinf(number) else number


def _null(_name: str) -> None:
    return None


def _refuse(_name: str) -> None:
    raise _NotANumberError
