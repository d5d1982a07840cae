"""Avro bodies for tests, written by fastavro."""

from __future__ import annotations

import io
import json
from typing import Any

from fastavro import schemaless_writer

from streamproc.formats import AvroSchema, Declared, parsed

__all__ = ["avro_schema", "body_of", "record_of"]


def avro_schema(schema: Any, *references: Any) -> AvroSchema:
    """Return ``schema``, which may name types of ``references``."""
    return parsed(Declared("AVRO", json.dumps(schema), tuple(map(json.dumps, references))))


def record_of(**types: Any) -> dict[str, Any]:
    """Return the schema of a record ``Event`` with these fields, in their order."""
    fields = [{"name": name, "type": type_} for name, type_ in types.items()]
    return {"type": "record", "name": "Event", "namespace": "example", "fields": fields}


def body_of(schema: AvroSchema, value: Any) -> bytes:
    """Return ``value`` as ``schema`` writes it, without a frame."""
    buffer = io.BytesIO()
    schemaless_writer(buffer, schema.schema, value)
    return buffer.getvalue()
