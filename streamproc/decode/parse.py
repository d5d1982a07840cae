"""Bytes to one JSON object within bounds.

orjson parses. It is strict about UTF-8, control characters, NaN and surrogates, takes the last of
duplicate keys, and stops at a nesting of 1,024. It says why it refuses only in prose, and it turns
integers beyond 64 bits silently into floats; in those two cases the standard library's parser,
some ten times slower, gives a second opinion.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final, NamedTuple, NoReturn

import orjson

from streamproc.decode.codes import Code, refusal
from streamproc.events import Json

__all__ = ["Limits", "parse"]

ORJSON_DEPTH: Final = 1_024
BOM: Final = b"\xef\xbb\xbf"
OTHERS: Final[tuple[tuple[bytes, Code], ...]] = (
    (b"\xff\xfe", "utf_16"),
    (b"\xfe\xff", "utf_16"),
    (b"\x1f\x8b", "compressed"),  # gzip: RFC 1952
    (b"\x28\xb5\x2f\xfd", "compressed"),  # zstd: RFC 8878
    (b"\xff\x06\x00\x00sNaPpY", "compressed"),  # Snappy's framing format
    (b"Obj\x01", "avro_file"),
)
"""How others begin, which producers may take for what is asked for."""
SAFE_INTEGER: Final = float(2**63)
"""A float below this was no integer beyond 64 bits."""
DIGITS: Final = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
LONG_NUMBER: Final = b"0" * 19
"""2**63 has 19 digits; an integer beyond 64 bits has no fewer."""


class Limits(NamedTuple):
    """Bounds past which an event is a dead letter.

    Attributes:
        event_bytes: Most bytes of a record's value.
        depth: Most nested objects and lists, the event itself counted.
        text_characters: Most code points of a text or a key.
    """

    event_bytes: int
    depth: int
    text_characters: int


def parse(value: bytes | None, limits: Limits) -> dict[str, Json]:
    """Return the JSON object in ``value``.

    A leading byte order mark is skipped. Integers are exact or refused; numbers with a fraction or
    an exponent are IEEE doubles, as everywhere in JSON.

    Raises:
        EventError: ``empty`` to ``not_an_object`` of :data:`~streamproc.decode.codes.CODES`.
    """
    if not value:
        raise refusal("empty")
    if len(value) > limits.event_bytes:
        raise refusal("too_large")
    parsed = _load(value)
    if parsed is _REFUSED and value.startswith(BOM):
        value = value[len(BOM) :]
        parsed = _load(value)
    if parsed is _REFUSED:
        raise refusal(_why_refused(value, limits))
    # Most events pass on three looks at their bytes (2 µs for 1.3 KB); the walk (5 µs) is for those
    # that could be too deep, have too long a text, or hold an integer beyond 64 bits.
    if (
        value.count(b"{") + value.count(b"[") > limits.depth
        or len(value) > limits.text_characters
        or LONG_NUMBER in value.translate(DIGITS)
    ):
        _check(parsed, value, limits)
    if type(parsed) is not dict:
        raise refusal("not_an_object")
    return parsed


_REFUSED: Final = object()


def _load(value: bytes) -> Any:
    # An exception of orjson's carries the document: none may become the context of ours.
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return _REFUSED


def _check(parsed: Any, value: bytes, limits: Limits) -> None:
    code = _out_of_bounds(parsed, limits)
    if code == "number_too_large":  # or an honest float, such as 1e300
        code = _second_opinion(value.decode(), limits)
    if code is not None:
        raise refusal(code)


def _out_of_bounds(parsed: Any, limits: Limits) -> Code | None:
    """Return the first bound that is broken; ``number_too_large`` is only a suspicion."""
    suspect: Code | None = None
    longest = limits.text_characters
    level = [parsed]
    depth = 0
    while level:
        deeper: list[Any] = []
        for node in level:
            kind = type(node)
            if kind is str:
                if len(node) > longest:
                    return "text_too_long"
            elif kind is dict:
                deeper.extend(node)  # its keys
                deeper.extend(node.values())
            elif kind is list:
                deeper.extend(node)
            elif kind is float and not -SAFE_INTEGER < node < SAFE_INTEGER:
                suspect = "number_too_large"
        # The last level may hold leaves only.
        depth += 1
        if depth > limits.depth and any(type(node) in (dict, list) for node in level):
            return "too_deep"
        level = deeper
    return suspect


def _why_refused(value: bytes, limits: Limits) -> Code:
    """Return the code for a value that orjson refused."""
    for beginning, code in OTHERS:
        if value.startswith(beginning):
            return code
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    bounds = limits._replace(depth=min(limits.depth, ORJSON_DEPTH))
    # Of what the standard library reads and orjson refuses, only lone surrogates are left.
    return _second_opinion(text, bounds) or "lone_surrogate"


class _NotJsonError(ValueError):
    pass


class _TooLargeError(ValueError):
    pass


def _second_opinion(text: str, limits: Limits) -> Code | None:
    """Return what the standard library's parser finds wrong, None if nothing."""
    try:
        parsed = json.loads(text, parse_int=_integer, parse_float=_number, parse_constant=_constant)
    except _TooLargeError:
        return "number_too_large"
    except RecursionError:
        return "too_deep"
    except ValueError:
        return "not_json"
    code = _out_of_bounds(parsed, limits)
    return None if code == "number_too_large" else code


def _integer(digits: str) -> int:
    # 20 characters hold every 64-bit integer; int() of thousands would be quadratic.
    if len(digits) > 20 or not -(2**63) <= (number := int(digits)) < 2**64:
        raise _TooLargeError
    return number


def _number(text: str) -> float:
    if math.isinf(number := float(text)):
        raise _TooLargeError
    return number


def _constant(_name: str) -> NoReturn:
    raise _NotJsonError
