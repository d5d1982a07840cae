"""Framed records to JSON, with the schemas that are known."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

from streamproc.decode import BRACE, Limits, schema_header
from streamproc.decode.codes import Code, refusal
from streamproc.events import Record
from streamproc.formats.avro import ToJson, avro_to_json
from streamproc.formats.declared import AvroSchema, Declared, UnusableSchemaError, parsed
from streamproc.formats.folder import SchemaFolder

__all__ = ["Formats", "SchemaId", "schema_id", "schema_ids"]

CONFLUENT: Final = 0x00
CONFLUENT_HEADER: Final = 5
"""https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format."""
IN_HEADER: Final = {b"\x00": 5, b"\x01": 17}
"""How long a header's value is, by its first byte."""
NO_ID: Final = b""
SINGLE_OBJECT: Final = b"\xc3\x01"
SINGLE_OBJECT_HEADER: Final = 10
"""https://avro.apache.org/docs/1.12.0/specification/#single-object-encoding."""

MOST_SCHEMAS: Final = 1_000
"""Schemas of a registry that are kept; those of batches at hand are, whatever their number."""
MOST_UNKNOWN: Final = 10_000
"""Ids kept that stand for nothing."""
UNKNOWN_SECONDS: Final = 60.0
"""How long such an id is not asked for again."""

Reading: TypeAlias = ToJson | Code
"""What reads bodies, or why they cannot be read."""


SchemaId: TypeAlias = bytes
"""What a registry knows a schema by: its number, of four bytes, or its GUID, of sixteen."""


def schema_ids(records: Iterable[Record]) -> set[SchemaId]:
    """Return the ids of a registry's schemas that ``records`` name; 0.02 µs for one of JSON."""
    return {
        each
        for record in records
        if record.value and record.value[0] != BRACE
        for each in schema_id(record.value, schema_header(record))
    }


def schema_id(value: bytes, header: bytes | None) -> set[SchemaId]:
    """Return the id that a value, or its record's header, names; or none."""
    if header is not None:
        return {_id_in(header)} - {NO_ID}
    framed = value[0] == CONFLUENT and len(value) > CONFLUENT_HEADER
    return {value[1:CONFLUENT_HEADER]} if framed else set()


def _id_in(header: bytes) -> SchemaId:
    """Return the id in a header's value.

    https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format:
    a byte 0 and the number, or a byte 1 and the GUID.
    """
    return header[1:] if IN_HEADER.get(header[:1]) == len(header) else NO_ID


class Formats:
    """What framed records are read with. For several threads.

    Attributes:
        fingerprint: Of the schemas that events are wanted in; empty without any.
        files: Where those are.
    """

    def __init__(self, folder: SchemaFolder, limits: Limits, *, registry: bool) -> None:
        """Know the schemas of ``folder``; ``registry`` says whether there is one to ask."""
        self.fingerprint = folder.fingerprint
        self.files = [each.file for each in folder.files]
        self._folder = folder
        self._limits = limits
        self._registry = registry
        self._known: dict[bytes, ToJson] = {}
        self._registered: OrderedDict[SchemaId, Reading] = OrderedDict()
        self._unknown: dict[SchemaId, float] = {}
        self._in_use: Counter[SchemaId] = Counter()
        self._lock = threading.Lock()

    def to_json(self, value: bytes, header: bytes | None = None) -> bytes:
        """Return the JSON text that a framed record's value stands for.

        Args:
            value: The value.
            header: What the record's header says of its schema; None without one.

        Raises:
            EventError: ``decode``, and a code that says what is in the way.
        """
        if len(value) > self._limits.event_bytes:
            raise refusal("too_large")
        if header is not None:
            return self._of_registered(_id_in(header), value, 0)
        if value[0] == CONFLUENT and len(value) > CONFLUENT_HEADER:
            return self._of_registered(value[1:CONFLUENT_HEADER], value, CONFLUENT_HEADER)
        if value.startswith(SINGLE_OBJECT) and len(value) > SINGLE_OBJECT_HEADER:
            return self._of_single_object(value)
        raise refusal("no_frame")

    def missing(self, ids: Iterable[SchemaId], now: float) -> set[SchemaId]:
        """Return those of ``ids`` that the registry is to be asked for; ``now`` is in seconds."""
        with self._lock:
            return {
                each
                for each in ids
                if each not in self._registered and self._unknown.get(each, 0.0) <= now
            }

    def learn(self, schema: SchemaId, declared: Declared | None, now: float) -> None:
        """Take note of what the registry says an id stands for, or that it stands for nothing.

        Takes as long as the schema is large, so it is not for an event loop.
        """
        reading = None if declared is None else self._reading(declared)
        with self._lock:
            if reading is None:
                if len(self._unknown) >= MOST_UNKNOWN:
                    self._unknown.clear()
                self._unknown[schema] = now + UNKNOWN_SECONDS
                return
            self._unknown.pop(schema, None)
            self._registered[schema] = reading
            self._forget_some()

    @property
    def unknown(self) -> int:
        """How many ids stood for nothing lately."""
        return len(self._unknown)

    @contextmanager
    def using(self, ids: set[SchemaId]) -> Iterator[None]:
        """Have the schemas of ``ids`` kept meanwhile."""
        with self._lock:
            self._in_use.update(ids)
            for each in ids & self._registered.keys():
                self._registered.move_to_end(each)
        try:
            yield
        finally:
            with self._lock:
                self._in_use.subtract(ids)
                self._in_use += Counter()  # without those that are at none
                self._forget_some()

    def _of_registered(self, schema: SchemaId, value: bytes, at: int) -> bytes:
        if not self._registry:
            raise refusal("no_registry")
        reading = self._registered.get(schema)
        if reading is None:
            raise refusal("unknown_schema")
        if isinstance(reading, str):
            raise refusal(reading)
        return reading(value, at)

    def _of_single_object(self, value: bytes) -> bytes:
        print_ = value[len(SINGLE_OBJECT) : SINGLE_OBJECT_HEADER]
        reading = self._known.get(print_)
        if reading is None:
            schema = self._folder.known.get(print_)
            if schema is None:
                raise refusal("unknown_schema")
            self._known[print_] = reading = self._avro(schema)
        return reading(value, SINGLE_OBJECT_HEADER)

    def _reading(self, declared: Declared) -> Reading:
        if declared.kind == "JSON":
            return _rest
        if declared.kind == "PROTOBUF":
            return "protobuf"
        try:
            return self._avro(parsed(declared))
        except (UnusableSchemaError, RecursionError):
            return "unusable_schema"

    def _avro(self, schema: AvroSchema) -> ToJson:
        reader = self._folder.readers.get(schema.name)
        same = reader is not None and reader.schema == schema.schema
        return avro_to_json(schema, None if same else reader, self._limits)

    def _forget_some(self) -> None:
        """Forget the schemas that were not used for longest, down to the bound."""
        if len(self._registered) <= MOST_SCHEMAS:
            return
        for schema in [each for each in self._registered if each not in self._in_use]:
            del self._registered[schema]
            if len(self._registered) <= MOST_SCHEMAS:
                return


def _rest(value: bytes, at: int) -> bytes:
    return value[at:]
