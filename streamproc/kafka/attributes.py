"""Records of the topic of attributes to Avro and back, and their keys.

In Avro's single-object encoding, as :mod:`streamproc.kafka.codecs` has it.
"""

from __future__ import annotations

from typing import Final

import orjson

from streamproc.errors import EventError
from streamproc.events import Micros, Token
from streamproc.identity.attributes import AttributeRecord, RecordName
from streamproc.kafka.codecs import declared_codec

__all__ = [
    "attribute_key",
    "cursor_key",
    "decode_attributes",
    "decode_cursor",
    "encode_attributes",
    "encode_cursor",
    "parse_attribute_key",
]

ATTRIBUTES: Final = declared_codec("attributes")
CURSOR: Final = declared_codec("attributes_cursor")

CURSOR_PREFIX: Final = "cursor"
"""No source may be called so."""


def encode_attributes(record: AttributeRecord) -> bytes:
    """Return the message value of ``record``; its key is :func:`attribute_key`."""
    return ATTRIBUTES.encode(
        {
            **record._asdict(),
            "joins": [{"name": name, "token": token} for name, token in record.joins],
            "attributes": orjson.dumps(record.attributes).decode(),
        }
    )


def decode_attributes(value: bytes | None) -> AttributeRecord:
    """Return the record in a message value.

    Raises:
        EventError: ``load``, ``not_ours``.
    """
    fields = ATTRIBUTES.decode(value)
    try:
        fields["attributes"] = orjson.loads(fields["attributes"])
    except orjson.JSONDecodeError:
        raise EventError("load", "not_ours", "attributes") from None
    if not isinstance(fields["attributes"], dict):
        raise EventError("load", "not_ours", "attributes")
    fields["joins"] = tuple((join["name"], join["token"]) for join in fields["joins"])
    return AttributeRecord(**fields)


def attribute_key(name: RecordName) -> bytes:
    """Return the message key of a record: ``source/object/token``."""
    return "/".join(name).encode()


def parse_attribute_key(key: bytes | None) -> RecordName | None:
    """Return which record a message is about; None where about none, as cursors are."""
    parts = (key or b"").decode(errors="replace").split("/")
    if len(parts) != 3 or parts[0] == CURSOR_PREFIX:
        return None
    return RecordName(parts[0], parts[1], Token(parts[2]))


def cursor_key(source: str, kind: str) -> bytes:
    """Return the message key of how far the objects of a source have been read."""
    return f"{CURSOR_PREFIX}/{source}/{kind}".encode()


def encode_cursor(modified_at: Micros) -> bytes:
    """Return the message value that says how far a source has been read."""
    return CURSOR.encode({"modified_at": modified_at})


def decode_cursor(value: bytes | None) -> Micros:
    """Return how far a source has been read.

    Raises:
        EventError: ``load``, ``not_ours``.
    """
    return Micros(CURSOR.decode(value)["modified_at"])
