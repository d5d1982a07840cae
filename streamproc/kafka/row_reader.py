"""Reads the Avro body of a row as it usually is; what is unusual is left to fastavro.

fastavro makes a dict of every record, so a row with four manifest entries takes it 16 µs, and JSON
has to be made of the entries again. Here it takes 5: the entries are stepped over, and their bytes
looked up, since the same few combinations come again and again (they hold no values).

The binary encoding: https://avro.apache.org/docs/1.12.0/specification/#binary-encoding. Numbers are
zig-zag varints; a byte below 128 is a whole one, an even byte a number that is not negative.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import orjson
from fastavro import schemaless_reader

from streamproc.events import Micros, RedactedBody
from streamproc.warehouse.rows import LoadedRow

__all__ = ["row_reader"]

MANIFESTS: Final = 4_096
MANIFEST_BYTES: Final = 4_096
"""Manifests kept, and the longest of them: 16 MB at most, and a hundredth of that in practice."""

LONG_OR_ODD: Final = 0b1000_0001
"""Bits of a first byte that is not the whole of a length."""

NULL: Final = 0
SOME: Final = 2
"""Branches of a union of null and something, as they are encoded."""


class UnusualError(ValueError):
    """The row is not as it usually is, perhaps none at all."""


def row_reader(schema: Any) -> Callable[[bytes, int], LoadedRow | None]:
    """Return the reader of bodies of ``schema``, that of ``schemas/row.avsc`` in fastavro's form.

    It takes a message and where its body starts. It returns what fastavro would read, or None where
    that has to be seen.
    """
    fields = {field["name"]: field["type"] for field in schema["fields"]}
    types = tuple(fields["type"]["symbols"])

    @lru_cache(MANIFESTS)
    def known_manifest(body: bytes) -> str:
        return manifest(body)

    def manifest(body: bytes) -> str:
        source = io.BytesIO(body)
        entries = schemaless_reader(source, fields["manifest"], None)
        if source.tell() != len(body):
            raise UnusualError
        return orjson.dumps(entries).decode()

    def read(message: bytes, start: int) -> LoadedRow:
        message_id, at = _text(message, start)
        kind = message[at]
        if kind & LONG_OR_ODD:
            raise UnusualError
        event, at = _optional_text(message, at + 1)
        user_id, at = _optional_text(message, at)
        anonymous_id, at = _optional_text(message, at)
        identity_id, at = _optional_text(message, at)
        original_timestamp, at = _optional_long(message, at)
        sent_at, at = _optional_long(message, at)
        received_at, at = _long(message, at)
        timestamp, at = _long(message, at)
        size, at = _long(message, at)
        entries_at = at + size
        payload = orjson.loads(message[at:entries_at])
        if size < 0 or type(payload) is not dict:
            raise UnusualError
        at = _after_manifest(message, entries_at)
        entries = message[entries_at:at]
        manifest_text = (
            known_manifest(entries) if len(entries) < MANIFEST_BYTES else manifest(entries)
        )
        ruleset, at = _text(message, at)
        topic, at = _text(message, at)
        partition, at = _long(message, at)
        offset, at = _long(message, at)
        if message[at] != 0 or message[at + 1] > 1 or len(message) != at + 2:
            raise UnusualError
        return LoadedRow(
            message_id,
            types[kind >> 1],
            event,
            user_id,
            anonymous_id,
            identity_id,
            None if original_timestamp is None else Micros(original_timestamp),
            None if sent_at is None else Micros(sent_at),
            Micros(received_at),
            Micros(timestamp),
            RedactedBody(payload),
            manifest_text,
            ruleset,
            topic,
            partition,
            offset,
            "[]",
            message[at + 1] == 1,
        )

    def read_usual(message: bytes, start: int) -> LoadedRow | None:
        try:
            return read(message, start)
        except Exception:  # noqa: BLE001 - damaged bytes; fastavro says what they are
            return None

    return read_usual


def _long(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return (value >> 1) ^ -(value & 1), at
        shift += 7
        if shift > 56:  # nine bytes hold every moment and every length
            raise UnusualError


def _optional_long(message: bytes, at: int) -> tuple[int | None, int]:
    if message[at] == SOME:
        return _long(message, at + 1)
    if message[at] != NULL:
        raise UnusualError
    return None, at + 1


def _text(message: bytes, at: int) -> tuple[str, int]:
    size = message[at]
    if size & LONG_OR_ODD:
        size, at = _long(message, at)
    else:
        size, at = size >> 1, at + 1
    end = at + size
    if size < 0 or end > len(message):
        raise UnusualError
    return message[at:end].decode(), end


def _optional_text(message: bytes, at: int) -> tuple[str | None, int]:
    if message[at] == SOME:
        return _text(message, at + 1)
    if message[at] != NULL:
        raise UnusualError
    return None, at + 1


def _after_text(message: bytes, at: int) -> int:
    size, at = _long(message, at)
    if size < 0:
        raise UnusualError
    return at + size


def _after_manifest(message: bytes, at: int) -> int:
    """Return where the array of entries ends: four texts, a double, and a text or null each."""
    count = message[at]
    if count == 0:
        return at + 1
    if count & LONG_OR_ODD:
        raise UnusualError
    at += 1
    for _ in range(count >> 1):
        # Written out: a loop over the four takes half as long again.
        size = message[at]
        at = _after_text(message, at) if size & LONG_OR_ODD else at + 1 + (size >> 1)
        size = message[at]
        at = _after_text(message, at) if size & LONG_OR_ODD else at + 1 + (size >> 1)
        size = message[at]
        at = _after_text(message, at) if size & LONG_OR_ODD else at + 1 + (size >> 1)
        size = message[at]
        at = _after_text(message, at) if size & LONG_OR_ODD else at + 1 + (size >> 1)
        at += 8
        if message[at] == SOME:
            at = _after_text(message, at + 1)
        elif message[at] == NULL:
            at += 1
        else:
            raise UnusualError
    if message[at] != 0:  # another block
        raise UnusualError
    return at + 1
