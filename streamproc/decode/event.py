"""One record to one event that keeps to the event spec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias, cast

from streamproc.decode.codes import refusal
from streamproc.decode.parse import Limits, parse
from streamproc.decode.spec import FIELDS, REQUIRED
from streamproc.decode.times import read_times
from streamproc.events import EVENT_TYPES, Event, EventType, Json, RawBody, Record

__all__ = ["BRACE", "SCHEMA_HEADER", "Unframe", "decode", "json_text", "schema_header"]


Unframe: TypeAlias = Callable[[bytes, bytes | None], bytes]
"""Returns the JSON text that ``(a framed value, the id of its schema from a header)`` stands for.

Raises:
    EventError: Of this stage.
"""

BRACE: Final = 0x7B
FRAMES: Final = frozenset({0x00, 0xC3})
"""What framed values begin with; no JSON does."""
SCHEMA_HEADER: Final = "__value_schema_id"
"""Where Confluent's serializers put the id if they are not to put it before the value."""


def decode(record: Record, limits: Limits, unframe: Unframe | None = None) -> Event:
    """Return the event in ``record``: JSON, within ``limits``, true to the event spec.

    The same record gives the same event, always: a missing ``messageId`` becomes
    ``topic-partition-offset-milliseconds``, the last the record's time, which tells a topic that
    was made anew from the one before it. Fields that are null count as absent; the body stays as it
    came.

    Args:
        record: The record.
        limits: What it must be within; what a framed value stands for, too.
        unframe: Reads values that are not JSON as they stand; without it they are refused.

    Raises:
        EventError: Stage ``decode``, a code of :data:`~streamproc.decode.codes.CODES`.
    """
    raw = json_text(record, unframe)
    body = parse(raw, limits)
    kind = _type_of(body)
    for name, expected in FIELDS:
        value = body.get(name)
        if value is not None and type(value) is not expected:
            raise refusal("wrong_type", name)
    for alternatives in REQUIRED[kind]:
        for name in alternatives:
            if body.get(name):
                break
        else:
            raise refusal("missing_field", alternatives[0])
    times = read_times(body, record.timestamp)
    message_id = cast("str | None", body.get("messageId")) or _id_of(record)
    return Event(record.origin, record.key, kind, message_id, times, RawBody(body), raw)


def json_text(record: Record, unframe: Unframe | None) -> bytes:
    """Return the JSON text that a record's value is, or stands for; empty where there is none.

    What begins with a brace is JSON, whatever a header says: so a record that was mended as JSON is
    read as such, and most records cost a look at one byte: 0.04 µs beside the 4.7 of decoding.

    Raises:
        EventError: As ``unframe``.
    """
    value = record.value or b""
    if unframe is None or not value or value[0] == BRACE:
        return value
    header = schema_header(record)
    return value if header is None and value[0] not in FRAMES else unframe(value, header)


def schema_header(record: Record) -> bytes | None:
    """Return the header that names the schema of a record's value; None where there is none."""
    if not record.headers:
        return None
    return next((value for name, value in record.headers if name == SCHEMA_HEADER), None)


def _type_of(body: dict[str, Json]) -> EventType:
    kind = body.get("type")
    if kind is None:
        raise refusal("missing_type", "type")
    if type(kind) is not str:
        raise refusal("wrong_type", "type")
    if kind not in EVENT_TYPES:
        raise refusal("unknown_type", "type")
    return cast("EventType", kind)


def _id_of(record: Record) -> str:
    topic, partition, offset = record.origin
    return f"{topic}-{partition}-{offset}-{record.timestamp // 1_000}"
