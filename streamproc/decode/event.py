"""One record to one event that keeps to the event spec."""

from __future__ import annotations

from typing import cast

from streamproc.decode.codes import refusal
from streamproc.decode.parse import Limits, parse
from streamproc.decode.spec import FIELDS, REQUIRED
from streamproc.decode.times import read_times
from streamproc.events import EVENT_TYPES, Event, EventType, Json, RawBody, Record

__all__ = ["decode"]


def decode(record: Record, limits: Limits) -> Event:
    """Return the event in ``record``: JSON, within ``limits``, true to the event spec.

    The same record gives the same event, always: a missing ``messageId`` becomes
    ``topic-partition-offset-milliseconds``, the last the record's time, which tells a topic that
    was made anew from the one before it. Fields that are null count as absent; the body stays as it
    came.

    Raises:
        EventError: Stage ``decode``, a code of :data:`~streamproc.decode.codes.CODES`.
    """
    body = parse(record.value, limits)
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
    raw = record.value or b""
    return Event(record.origin, record.key, kind, message_id, times, RawBody(body), raw)


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
