"""Schemas as they are declared, and what fastavro makes of those that are Avro's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from fastavro import parse_schema

__all__ = ["SCHEMA_BYTES", "AvroSchema", "Declared", "Kind", "UnusableSchemaError", "parsed"]

Kind: TypeAlias = Literal["AVRO", "JSON", "PROTOBUF"]
"""As registries call them."""

SCHEMA_BYTES: Final = 1_048_576
"""Most bytes of a schema, those that it refers to counted. Confluent Cloud takes no larger."""


class UnusableSchemaError(Exception):
    """No schema that anything can be read with; the text says why, and may quote the schema."""


class Declared(NamedTuple):
    """A schema as its author wrote it.

    Attributes:
        kind: Its language.
        text: The schema.
        references: The schemas that it names, each after those that it names itself.
    """

    kind: Kind
    text: str
    references: tuple[str, ...] = ()


class AvroSchema(NamedTuple):
    """An Avro schema as fastavro parses it.

    Attributes:
        schema: What values are of: a record, or a union of records.
        named: All named types that it has to do with, by full name.
    """

    schema: Any
    named: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The full name; empty for a union."""
        return "" if isinstance(self.schema, list) else str(self.schema["name"])


def parsed(declared: Declared) -> AvroSchema:
    """Return an Avro schema of events.

    Raises:
        UnusableSchemaError: It is none, or larger than :data:`SCHEMA_BYTES`.
    """
    texts = (*declared.references, declared.text)
    if sum(map(len, texts)) > SCHEMA_BYTES:
        raise UnusableSchemaError(f"it is larger than {SCHEMA_BYTES:,} bytes")
    named: dict[str, Any] = {}
    try:
        for text in texts:
            schema = parse_schema(json.loads(text), named)
    except Exception as error:  # noqa: BLE001 - fastavro raises what it stumbles on
        raise UnusableSchemaError(f"{type(error).__name__}: {error}") from None
    _refuse_what_fastavro_takes(named.values())
    if isinstance(schema, list):
        return AvroSchema([_whole(branch, named) for branch in schema], named)
    return AvroSchema(_whole(schema, named), named)


def _refuse_what_fastavro_takes(types: Iterable[Any]) -> None:
    """Refuse what it reads otherwise than written, or stumbles on only when it reads bodies."""
    for each in types:
        size = each.get("size", 0)
        if type(size) is not int or size < 0:
            raise UnusableSchemaError("the size of a fixed is no number of bytes")
        names = [field["name"] for field in each.get("fields", ())]
        if len({*names}) < len(names):  # of which it loses all values but the last
            raise UnusableSchemaError("a record has two fields of one name")


def _whole(schema: Any, named: Mapping[str, Any]) -> Any:
    """Return a record with all that it refers to, as fastavro looks for it: else it parses anew."""
    schema = named.get(schema, schema) if isinstance(schema, str) else schema
    if not isinstance(schema, dict) or schema["type"] != "record":
        raise UnusableSchemaError("it is of no record: events are objects")
    return {**schema, "__fastavro_parsed": True, "__named_schemas": named}
