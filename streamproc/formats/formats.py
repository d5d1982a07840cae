"""Framed records to JSON, with the schemas that are known."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

from streamproc.decode import Limits
from streamproc.decode.codes import Code, refusal
from streamproc.formats.avro import ToJson, avro_to_json
from streamproc.formats.declared import AvroSchema, Declared, UnusableSchemaError, parsed
from streamproc.formats.folder import SchemaFolder

__all__ = ["Formats", "schema_ids"]

CONFLUENT: Final = 0x00
CONFLUENT_HEADER: Final = 5
"""https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format."""
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


def schema_ids(values: Iterable[bytes | None]) -> set[int]:
    """Return the ids of a registry's schemas that ``values`` name; 0.1 µs for one of JSON."""
    return {
        int.from_bytes(value[1:CONFLUENT_HEADER], "big")
        for value in values
        if value and value[0] == CONFLUENT and len(value) > CONFLUENT_HEADER
    }


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
        self._registered: OrderedDict[int, Reading] = OrderedDict()
        self._unknown: dict[int, float] = {}
        self._in_use: Counter[int] = Counter()
        self._lock = threading.Lock()

    def to_json(self, value: bytes) -> bytes:
        """Return the JSON text that a framed record's value stands for.

        Raises:
            EventError: ``decode``, and a code that says what is in the way.
        """
        if value[0] == CONFLUENT:
            return self._of_confluent(value)
        if value.startswith(SINGLE_OBJECT) and len(value) > SINGLE_OBJECT_HEADER:
            return self._of_single_object(value)
        raise refusal("no_frame")

    def missing(self, ids: Iterable[int], now: float) -> set[int]:
        """Return those of ``ids`` that the registry is to be asked for; ``now`` is in seconds."""
        with self._lock:
            return {
                each
                for each in ids
                if each not in self._registered and self._unknown.get(each, 0.0) <= now
            }

    def learn(self, number: int, declared: Declared | None, now: float) -> None:
        """Take note of what the registry says an id stands for, or that it stands for nothing.

        Takes as long as the schema is large, so it is not for an event loop.
        """
        reading = None if declared is None else self._reading(declared)
        with self._lock:
            if reading is None:
                if len(self._unknown) >= MOST_UNKNOWN:
                    self._unknown.clear()
                self._unknown[number] = now + UNKNOWN_SECONDS
                return
            self._unknown.pop(number, None)
            self._registered[number] = reading
            self._forget_some()

    @property
    def unknown(self) -> int:
        """How many ids stood for nothing lately."""
        return len(self._unknown)

    @contextmanager
    def using(self, ids: set[int]) -> Iterator[None]:
        """Have the schemas of ``ids`` kept meanwhile."""
        with self._lock:
            self._in_use.update(ids)
            for number in ids & self._registered.keys():
                self._registered.move_to_end(number)
        try:
            yield
        finally:
            with self._lock:
                self._in_use.subtract(ids)
                self._in_use += Counter()  # without those that are at none
                self._forget_some()

    def _of_confluent(self, value: bytes) -> bytes:
        if len(value) <= CONFLUENT_HEADER:
            raise refusal("no_frame")
        if not self._registry:
            raise refusal("no_registry")
        reading = self._registered.get(int.from_bytes(value[1:CONFLUENT_HEADER], "big"))
        if reading is None:
            raise refusal("unknown_schema")
        if isinstance(reading, str):
            raise refusal(reading)
        return reading(value, CONFLUENT_HEADER)

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
        for number in [each for each in self._registered if each not in self._in_use]:
            del self._registered[number]
            if len(self._registered) <= MOST_SCHEMAS:
                return


def _rest(value: bytes, at: int) -> bytes:
    return value[at:]
