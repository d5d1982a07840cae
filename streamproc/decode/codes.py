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
    "utf_16",
    "compressed",
    "avro_file",
    "no_frame",
    "no_registry",
    "unknown_schema",
    "unusable_schema",
    "protobuf",
    "not_avro",
    "schema_mismatch",
    "too_many_items",
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
    "utf_16": "the value begins as UTF-16 text does; JSON is UTF-8",
    "compressed": "the value begins as gzip, zstd or Snappy do; compress in the Kafka client",
    "avro_file": "the value is a file of Avro's; single-object encoding is for messages",
    "no_frame": "the value begins as a frame does, and nothing of a body is behind it",
    "no_registry": "the value is in Confluent's wire format, and registry.url names no registry",
    "unknown_schema": "the schema's id, or fingerprint, stands for none that we can find",
    "unusable_schema": "what the id stands for is no schema of records, or a huge one",
    "protobuf": "the value is Protobuf, which is not read",
    "not_avro": "the bytes are not what their Avro schema says",
    "schema_mismatch": "the schema that events are wanted in cannot read what was written",
    "too_many_items": "a list of items that take no bytes, such as nulls, is too long",
}
"""Every code and what it says; nothing else is raised by this room."""


def refusal(code: Code, path: str = "") -> EventError:
    """Return the error of this stage; ``path`` is a field of the event spec, never a free key."""
    return EventError("decode", code, path)
