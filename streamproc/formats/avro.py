"""Avro bodies to the JSON that the event spec expects.

| Avro | JSON |
| --- | --- |
| null, boolean, int, long, string | the same |
| float, double | number; NaN and infinities, which JSON has not, null |
| record, map | object; a field of a record that is null is left out |
| array | list |
| union | the value, without its branch |
| enum | its symbol |
| bytes, fixed | base64 (RFC 4648, section 4), which detection looks into |
| decimal | number; with a fraction a double, as everywhere in JSON |
| uuid | text |
| date, time-millis, time-micros | `2026-11-23`, `08:15:00.250000` |
| timestamp-millis, timestamp-micros | `2026-11-23T08:15:00.250000Z` |
| local-timestamp-millis, local-timestamp-micros | the same without `Z` |
| other logical types, timestamp-nanos among them | what they are written as |

fastavro reads, and resolves differences between the schema of the writer and that of the reader.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final, TypeAlias

import orjson
from fastavro import schemaless_reader
from fastavro.read import SchemaResolutionError

from streamproc.decode import Limits
from streamproc.decode.codes import Code, refusal
from streamproc.formats.absence import omit_of
from streamproc.formats.bounds import walk_of
from streamproc.formats.declared import AvroSchema

__all__ = ["ToJson", "avro_to_json"]

DIGITS: Final = 20
"""Of the largest whole number that 64 bits hold."""

ToJson: TypeAlias = Callable[[bytes, int], bytes]
"""Returns the JSON text that ``(a record's value, where its body begins)`` stands for.

Raises:
    EventError: ``decode``: the body is not what its schema says, or out of bounds.
"""


def avro_to_json(writer: AvroSchema, reader: AvroSchema | None, limits: Limits) -> ToJson:
    """Return what reads bodies that were written with ``writer``.

    Args:
        writer: The schema.
        reader: The schema that events are wanted in; None for the writer's.
        limits: How deep they may nest.
    """
    walk = walk_of(writer)
    omit = omit_of(writer if reader is None else reader)
    wanted = None if reader is None else reader.schema

    def to_json(value: bytes, at: int) -> bytes:
        walk(value, at, limits.depth)
        body = io.BytesIO(value)
        body.seek(at)
        fields = _read(body, writer.schema, wanted)
        if omit is not None:
            omit(fields)
        return _dump(fields)

    return to_json


def _read(body: io.BytesIO, writer: Any, reader: Any | None) -> Any:
    # What is raised may quote what was read: none may become the context of ours.
    code: Code
    try:
        return schemaless_reader(body, writer, reader)
    except SchemaResolutionError:
        code = "schema_mismatch"
    except Exception:  # noqa: BLE001 - no UTF-8, a date after the year 9999: whatever it stumbles on
        code = "not_avro"
    raise refusal(code)


def _dump(fields: Any) -> bytes:
    with suppress(orjson.JSONEncodeError):  # only for whole numbers that 64 bits cannot hold
        return orjson.dumps(fields, default=_plain, option=orjson.OPT_UTC_Z)
    raise refusal("number_too_large")


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Decimal) and value.adjusted() < DIGITS:
        whole = int(value)
        return whole if whole == value else float(value)
    raise TypeError  # orjson says it its own way
