"""A user's own events for the demo, and which of their values the leak check looks for.

Nobody planted anything in these, so keys tell: a string of five characters or more under a key such
as ``email``, ``phone``, ``firstName`` or ``dateOfBirth``, at any depth, counts as planted. What is
personal under other keys is redacted as it may be, but the leak check does not know of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from streamproc.canaries.planting import Kind, Planted
from streamproc.demo.records import Generated
from streamproc.errors import ConfigError, Problem
from streamproc.events import Path as Steps
from streamproc.events import path_text

__all__ = ["read_events"]

LEAST_CHARACTERS = 5
PERSONAL_KEYS: dict[str, Kind] = {
    "birthday": "birth_date",
    "cardnumber": "card",
    "creditcard": "card",
    "dateofbirth": "birth_date",
    "email": "email",
    "emailaddress": "email",
    "firstname": "person",
    "fullname": "person",
    "iban": "iban",
    "ip": "ip",
    "ipaddress": "ip",
    "lastname": "person",
    "mobile": "phone",
    "phone": "phone",
    "phonenumber": "phone",
    "socialsecuritynumber": "ssn",
    "ssn": "ssn",
    "street": "address",
    "streetaddress": "address",
}
"""Keys without case and punctuation, and what is under them."""


def read_events(file: Path) -> list[Generated]:
    """Return the lines of a JSON-lines file as records, whatever is wrong with them.

    Raises:
        ConfigError: The file cannot be read, or has no line.
    """
    try:
        lines = [line for line in file.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be read: {error.strerror}")) from None
    if not lines:
        raise ConfigError(Problem(str(file), "", "holds no event"))
    return [_record(number, line) for number, line in enumerate(lines, start=1)]


def _record(number: int, line: bytes) -> Generated:
    try:
        event = orjson.loads(line)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        return Generated(line, b"", f"line {number}", (), malformed=True)
    key = event.get("anonymousId") or event.get("userId") or ""
    message_id = str(event.get("messageId") or f"line {number}")
    planted = tuple(
        Planted(kind, value, path_text(path), message_id) for kind, value, path in _personal(event)
    )
    return Generated(line, str(key).encode(), message_id, planted)


def _personal(node: Any, path: Steps = ()) -> Iterator[tuple[Kind, str, Steps]]:
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, each in items:
        if isinstance(each, dict | list):
            yield from _personal(each, (*path, key))
        elif isinstance(each, str) and len(each) >= LEAST_CHARACTERS and isinstance(key, str):
            kind = PERSONAL_KEYS.get(re.sub(r"[^a-z]", "", key.lower()))
            if kind is not None:
                yield kind, each, (*path, key)
