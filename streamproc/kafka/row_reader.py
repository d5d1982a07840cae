"""Reads the Avro body of a row as it usually is; what is unusual is left to fastavro.

fastavro makes a dict of every record, so a row with four manifest entries takes it 16 µs, and JSON
has to be made of the entries again. Here it takes 5: the entries are stepped over, and their bytes
looked up, since the same few combinations come again and again (they hold no values).

The binary encoding: https://avro.apache.org/docs/1.12.0/specification/#binary-encoding. Numbers are
zig-zag varints; a byte below 128 is a whole one, an even byte a number that is not negative.
"""

from __future__ import annotations

import io
import struct
from typing import Any, Final, TypeAlias

import orjson
from fastavro import schemaless_reader

from streamproc.warehouse.rows import LoadedRow

__all__ = ["NULL", "SOME", "RowReader", "likeness"]

MANIFESTS: Final = 4_096
MANIFEST_BYTES: Final = 4_096
"""Manifests kept, and the longest of them: 16 MB at most, and a hundredth of that in practice."""

LONG_OR_ODD: Final = 0b1000_0001
"""Bits of a first byte that is not the whole of a length."""

HEADERS: Final = {b"\xc3": 10, b"\0": 5}
"""Lengths of what is before a body, by its first byte: of Avro's single-object encoding, and of the
schema registry's."""

NULL: Final = 0
SOME: Final = 2
"""Branches of a union of null and something, as they are encoded."""

MOMENTS: Final = struct.Struct("<B4HB4H4H4H")
"""Four moments of our days, eight bytes each, of which the first two might have been null."""
PAIRS: Final = [pair & 127 | (pair >> 8 & 127) << 7 for pair in range(1 << 16)]
"""The 14 bits of a number in two of its bytes."""
MORE: Final = 0x8080
MORE_BUT_LAST: Final = 0x0080
"""Bits that say that the number goes on, of two bytes; of a number's last two."""

Moments: TypeAlias = tuple[int | None, int | None, int, int]


class UnusualError(ValueError):
    """The row is not as it usually is, perhaps none at all."""


class RowReader:
    """Reads bodies of the schema of rows; keeps manifests it has met, and where rows come from."""

    def __init__(self, schema: Any) -> None:
        """Read bodies of ``schema``, that of ``schemas/row.avsc`` in fastavro's form."""
        fields = {field["name"]: field["type"] for field in schema["fields"]}
        self._types = tuple(fields["type"]["symbols"])
        self._manifest_schema = fields["manifest"]
        self._manifests: dict[bytes, str] = {}
        self._last: tuple[bytes, tuple[str, str, int]] | None = None

    def __call__(self, message: bytes, start: int) -> LoadedRow | None:
        """Return the row whose body begins at ``start`` and ends with ``message``.

        Returns:
            What fastavro would read, or None where that has to be seen.
        """
        try:
            return self._read(message, start)
        except Exception:  # noqa: BLE001 - damaged bytes; fastavro says what they are
            return None

    def _read(self, message: bytes, start: int) -> LoadedRow:
        message_id, at = _text(message, start)
        kind = message[at]
        if kind & LONG_OR_ODD:
            raise UnusualError
        event, at = _optional_text(message, at + 1)
        user_id, at = _optional_text(message, at)
        anonymous_id, at = _optional_text(message, at)
        identity_id, at = _optional_text(message, at)
        account_id, at = _optional_text(message, at)
        resolved_by, at = _optional_text(message, at)
        resolved_at, at = _optional_long(message, at)
        moments, at = _moments(message, at)
        size, at = _long(message, at)
        payload = orjson.loads(message[at : at + size])
        at += size
        if size < 0 or type(payload) is not dict:
            raise UnusualError
        manifest, origin, at = self.tail(message, at)
        offset, at = _long(message, at)
        if message[at] != 0 or message[at + 1] > 1 or len(message) != at + 2:
            raise UnusualError
        return LoadedRow._make(
            (
                message_id,
                self._types[kind >> 1],
                event,
                user_id,
                anonymous_id,
                identity_id,
                account_id,
                resolved_by,
                resolved_at,
                *moments,
                payload,
                manifest,
                *origin,
                offset,
                "[]",
                message[at + 1] == 1,
            )
        )

    def tail(self, message: bytes, at: int) -> tuple[str, tuple[str, str, int], int]:
        """Return the manifest at ``at``, what is after it to the partition, and where that ends.

        Raises:
            Exception: It is not as it usually is, or cut off.
        """
        manifest, at = self._manifest_at(message, at)
        origin, at = self._origin(message, at)
        return manifest, origin, at

    def _manifest_at(self, message: bytes, at: int) -> tuple[str, int]:
        # What lies before the origin of the row before is likely the manifest. If it is a known
        # one, it is: no array goes on where another has ended. To step over it takes 1.5 µs.
        if self._last is not None and (end := message.rfind(self._last[0], at)) > at:
            manifest = self._manifests.get(message[at:end])
            if manifest is not None:
                return manifest, end
        entries, end = _manifest_bytes(message, at)
        manifest = self._manifest(entries)
        if len(entries) < MANIFEST_BYTES:
            if len(self._manifests) == MANIFESTS:
                self._manifests.clear()
            self._manifests[entries] = manifest
        return manifest, end

    def _manifest(self, body: bytes) -> str:
        source = io.BytesIO(body)
        entries = schemaless_reader(source, self._manifest_schema, None)
        if source.tell() != len(body):
            raise UnusualError
        return orjson.dumps(entries).decode()

    def _origin(self, message: bytes, at: int) -> tuple[tuple[str, str, int], int]:
        """Return ruleset, topic and partition, which are mostly those of the row before."""
        if self._last is not None and message.startswith(self._last[0], at):
            return self._last[1], at + len(self._last[0])
        ruleset, after = _text(message, at)
        topic, after = _text(message, after)
        partition, after = _long(message, after)
        self._last = message[at:after], (ruleset, topic, partition)
        return self._last[1], after


def likeness(value: bytes | None) -> bytes:
    """Return what rows of one type and event name have in common, before they are decoded.

    To sort by: of what is no row it may be anything.
    """
    if value is None:
        return b""
    try:
        at = _after_text(value, HEADERS.get(value[:1], 0))
        end = _after_text(value, at + 2) if value[at + 1] == SOME else at + 2
    except (IndexError, UnusualError):
        return b""
    return value[at:end]


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


def _moments(message: bytes, at: int) -> tuple[Moments, int]:
    """Return the four moments of a row, likely all there and of eight bytes each.

    All at once and two bytes at a time: it takes 0.8 µs less than one after the other.
    """
    some, a, b, c, d, more, e, f, g, h, i, j, k, m, n, o, p, q = MOMENTS.unpack_from(message, at)
    if (
        some != SOME
        or more != SOME
        or a & b & c & e & f & g & i & j & k & n & o & p & MORE != MORE
        or d & h & m & q & MORE != MORE_BUT_LAST
        or (d | h | m | q) & MORE != MORE_BUT_LAST
    ):
        return _uncommon_moments(message, at)
    first = PAIRS[a] | PAIRS[b] << 14 | (PAIRS[c] | PAIRS[d] << 14) << 28
    second = PAIRS[e] | PAIRS[f] << 14 | (PAIRS[g] | PAIRS[h] << 14) << 28
    third = PAIRS[i] | PAIRS[j] << 14 | (PAIRS[k] | PAIRS[m] << 14) << 28
    fourth = PAIRS[n] | PAIRS[o] << 14 | (PAIRS[p] | PAIRS[q] << 14) << 28
    if (first | second | third | fourth) & 1:  # before 1970
        return _uncommon_moments(message, at)
    return (first >> 1, second >> 1, third >> 1, fourth >> 1), at + MOMENTS.size


def _uncommon_moments(message: bytes, at: int) -> tuple[Moments, int]:
    original_timestamp, at = _optional_long(message, at)
    sent_at, at = _optional_long(message, at)
    received_at, at = _long(message, at)
    timestamp, at = _long(message, at)
    return (original_timestamp, sent_at, received_at, timestamp), at


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


def _manifest_bytes(message: bytes, start: int) -> tuple[bytes, int]:
    """Return the array of entries: four texts, a double, and a text or null each."""
    at, count = start, message[start]
    if count == 0:
        return message[at : at + 1], at + 1
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
    return message[start : at + 1], at + 1
