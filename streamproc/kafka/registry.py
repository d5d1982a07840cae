"""The schema registry: rows in Confluent's wire format, for whoever reads the topic with its tools.

A message is a zero byte, the number that the registry gave the schema (four bytes, big-endian), and
the Avro body: https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format.
A worker registers the schema of rows under ``<topic>-value`` when it starts; a loader tells by the
first bytes how a message is written, and asks the registry for schemas it has not met yet.

Importing this costs nothing; the registry's client is imported when there is one to talk to.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeAlias, cast
from uuid import UUID

import structlog

from streamproc.errors import ConfigError, EventError, Problem, RetryableError
from streamproc.formats import Declared, Kind, SchemaId
from streamproc.kafka.codecs import ROW, ROW_SCHEMA, Codec, decode_row, row_codec
from streamproc.kafka.registry_client import ElsewhereError, asked, make_client
from streamproc.settings import RegistrySettings
from streamproc.warehouse.rows import LoadedRow

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

__all__ = ["Registry", "RowDecoder", "as_declared", "wait_for_row_codec"]

log = structlog.get_logger()

WIRE_MAGIC: Final = b"\x00"
WIRE_HEADER_BYTES: Final = 5
NUMBER_BYTES: Final = 4
PAUSES_SECONDS = (1, 2, 4, 8)
"""Pauses of a worker that waits for its registry; it goes on with the last one for ever."""
UNKNOWN_PAUSES_SECONDS = (0.2, 1.0)
"""A registry's replica may learn of a schema a little after the producer did."""
UNKNOWN_SECONDS = 60.0
"""How long a number that stands for nothing is not asked for again."""
MOST_UNKNOWN = 1_000
"""Most such numbers remembered."""

Place: TypeAlias = tuple[str, int]
"""A subject, and a version."""
MOST_REFERENCES: Final = 100
"""Most schemas that one may name, directly and through others."""


class Registry:
    """A schema registry that speaks Confluent's REST API; a context manager.

    Connects when it is first asked.
    """

    def __init__(self, settings: RegistrySettings, retries: int | None = None) -> None:
        """Make the client, as :func:`~streamproc.kafka.registry_client.make_client` does.

        Raises:
            ConfigError: Address, credentials or certificates cannot be used.
        """
        self._client = make_client(settings, retries)

    def register_row(self, topic: str) -> Codec:
        """Register the schema of rows for ``topic``, if it is not yet, and return their codec.

        Raises:
            ConfigError: The registry refuses: us, or the schema.
            RetryableError: The registry cannot be reached.
        """
        from confluent_kafka.schema_registry import Schema  # noqa: PLC0415 - see the module

        subject = f"{topic}-value"
        schema = Schema(ROW_SCHEMA, "AVRO")
        what = f"the schema of rows under {subject}"
        try:
            number = asked(lambda: self._client.register_schema(subject, schema), what)
        except ElsewhereError:
            number = None
        if number is None:
            raise ConfigError(
                Problem("settings", "registry.url", "no schema registry answers there")
            )
        return ROW._replace(header=_header(number))

    def schema(self, number: int) -> str | None:
        """Return the schema that ``number`` stands for, as JSON; None if there is none, or not yet.

        Raises:
            ConfigError: The registry refuses us.
            RetryableError: The registry cannot be reached.
        """
        found = asked(lambda: self._client.get_schema(number), f"schema {number}")
        return None if found is None else str(found.schema_str)

    def declared(self, schema: SchemaId) -> Declared | None:
        """Return the schema that an id stands for, with all that it names; None as above.

        Raises:
            ConfigError: The registry refuses us.
            RetryableError: The registry cannot be reached.
        """
        if len(schema) == NUMBER_BYTES:
            number = int.from_bytes(schema, "big")
            found = asked(lambda: self._client.get_schema(number), "a schema")
        else:
            found = self._by_guid(str(UUID(bytes=schema)))
        return None if found is None else as_declared(self._client, found)

    def _by_guid(self, guid: str) -> Schema | None:
        try:
            return asked(lambda: self._client.get_schema_by_guid(guid), "a schema")
        except ElsewhereError:  # registries of before 2025 know none
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def as_declared(client: SchemaRegistryClient, schema: Schema) -> Declared:
    """Return a registry's schema with all that it refers to.

    Raises:
        ConfigError: The registry refuses us.
        RetryableError: The registry cannot be reached.
    """
    texts: dict[Place, str] = {}
    _add_references(client, schema, texts, ())
    # Registries leave the type out where it is Avro.
    kind = cast("Kind", schema.schema_type or "AVRO")
    return Declared(kind, str(schema.schema_str), tuple(texts.values()))


def _add_references(
    client: SchemaRegistryClient,
    schema: Schema,
    texts: dict[Place, str],
    within: tuple[Place, ...],
) -> None:
    """Add the texts of what ``schema`` names, each after what it names itself."""
    for each in schema.references or ():
        place = str(each.subject), int(each.version or 0)
        if place in texts or place in within or len(texts) + len(within) >= MOST_REFERENCES:
            continue
        found = asked(partial(client.get_version, *place, deleted=True), str(place))
        if found is not None and found.schema is not None:
            _add_references(client, found.schema, texts, (*within, place))
            texts[place] = str(found.schema.schema_str)


class RowDecoder:
    """Decodes rows, in whichever of the two formats each is. For one thread."""

    def __init__(self, settings: RegistrySettings) -> None:
        """Keep the settings; the registry, if there is one, is asked when a schema is new.

        Raises:
            ConfigError: As :class:`Registry`.
        """
        if settings.url is not None:
            with Registry(settings):  # so that a mistake in the settings shows at once
                pass
        self._settings = settings
        self._codecs: dict[bytes, Codec] = {}
        self._unknown: dict[bytes, float] = {}  # with the moment when they may be asked for again

    def __call__(self, value: bytes | None) -> LoadedRow:
        """Return the row in a message value.

        Raises:
            EventError: ``load``; ``not_ours``, or ``unknown_schema``: the registry does not know
                it, or there is none.
            ConfigError: The registry refuses us.
            RetryableError: The registry is needed, and cannot be reached.
        """
        if value is None or not value.startswith(WIRE_MAGIC):
            return decode_row(value)
        codec = self._codecs.get(header := value[:WIRE_HEADER_BYTES])
        return decode_row(value, codec or self._ask(header))

    def header(self, values: Sequence[bytes | None]) -> bytes:
        """Return what rows of the usual schema begin with, where the first of ``values`` is one."""
        header = next(filter(None, values), b"")[:WIRE_HEADER_BYTES]
        codec = self._codecs.get(header)
        return header if codec is not None and codec.schema is ROW.schema else ROW.header

    def _ask(self, header: bytes) -> Codec:
        if len(header) < WIRE_HEADER_BYTES:
            raise EventError("load", "not_ours")
        if self._settings.url is None or self._unknown.get(header, 0.0) > time.monotonic():
            raise EventError("load", "unknown_schema")
        with Registry(self._settings) as registry:
            declared = _schema(registry, int.from_bytes(header[1:], "big"))
        if declared is None:
            if len(self._unknown) >= MOST_UNKNOWN:
                self._unknown.clear()
            self._unknown[header] = time.monotonic() + UNKNOWN_SECONDS
            raise EventError("load", "unknown_schema")
        codec = row_codec(header, declared)
        if codec is None:
            raise EventError("load", "not_ours")
        self._codecs[header] = codec
        return codec


def wait_for_row_codec(settings: RegistrySettings, topic: str) -> Codec:
    """Return the codec that rows are written with, the schema registered where there is a registry.

    Returns when the registry can be reached; says what it waits for.

    Raises:
        ConfigError: The registry refuses: us, or the schema.
    """
    if settings.url is None:
        return ROW
    pauses = list(PAUSES_SECONDS)
    with Registry(settings) as registry:
        while True:
            try:
                return registry.register_row(topic)
            except RetryableError as error:
                log.warning("schema registry cannot be reached, trying again", cause=str(error))
            time.sleep(pauses.pop(0) if len(pauses) > 1 else pauses[0])


def _schema(registry: Registry, number: int) -> str | None:
    for pause in UNKNOWN_PAUSES_SECONDS:
        if (declared := registry.schema(number)) is not None:
            return declared
        time.sleep(pause)
    return registry.schema(number)


def _header(number: int) -> bytes:
    return WIRE_MAGIC + number.to_bytes(WIRE_HEADER_BYTES - 1, "big")
