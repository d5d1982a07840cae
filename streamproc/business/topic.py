"""What of a source is on the topic of attributes: its records, and how far it has been read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from streamproc.business.known import KnownRecord, KnownRecords
from streamproc.errors import EventError
from streamproc.events import Micros
from streamproc.kafka.attribute_topic import TopicRecord, read_topic
from streamproc.kafka.attributes import (
    cursor_key,
    decode_attributes,
    decode_cursor,
    parse_attribute_key,
)
from streamproc.settings import Settings

__all__ = ["read_cursors", "read_known"]

T = TypeVar("T")


def read_known(settings: Settings, source: str, known: KnownRecords) -> None:
    """Have ``known`` know the records of ``source`` that are on the topic and not deleted.

    Raises:
        RetryableError: As :func:`~streamproc.kafka.attribute_topic.read_topic`.
    """
    for message in read_topic(settings, settings.topics.attributes):
        name = parse_attribute_key(message.key)
        if name is None or name.source != source:
            continue
        record = _decoded(decode_attributes, message)
        if record is None or record.deleted:
            known.forget(name.object, name.record)
        else:
            each = KnownRecord(name.object, name.record, record.modified_at, record.version)
            known.know(each)


def read_cursors(settings: Settings, source: str, objects: Iterable[str]) -> dict[str, Micros]:
    """Return how far the objects of a source have been read; those that were not are left out.

    Raises:
        RetryableError: As :func:`~streamproc.kafka.attribute_topic.read_topic`.
    """
    keys = {cursor_key(source, kind): kind for kind in objects}
    found: dict[str, Micros] = {}
    for message in read_topic(settings, settings.topics.attributes):
        if message.key is not None and (kind := keys.get(message.key)) is not None:
            found.pop(kind, None)
            if (moment := _decoded(decode_cursor, message)) is not None:
                found[kind] = moment
    return found


def _decoded(decode: Callable[[bytes | None], T], message: TopicRecord) -> T | None:
    try:
        return decode(message.value)
    except EventError:  # a tombstone, or not ours
        return None
