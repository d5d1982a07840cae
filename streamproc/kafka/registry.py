"""The schema registry: rows in Confluent's wire format, for whoever reads the topic with its tools.

A message is a zero byte, the number that the registry gave the schema (four bytes, big-endian), and
the Avro body: https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format.
A worker registers the schema of rows under ``<topic>-value`` when it starts; a loader tells by the
first bytes how a message is written, and asks the registry for schemas it has not met yet.

Importing this costs nothing; the registry's client is imported when there is one to talk to.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

import structlog

from streamproc.errors import ConfigError, EventError, Problem, RetryableError
from streamproc.kafka.codecs import ROW, ROW_SCHEMA, Codec, decode_row, row_codec
from streamproc.settings import RegistrySettings
from streamproc.warehouse.rows import LoadedRow

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient

__all__ = ["Registry", "RowDecoder", "wait_for_row_codec"]

log = structlog.get_logger()

T = TypeVar("T")

WIRE_MAGIC: Final = b"\x00"
WIRE_HEADER_BYTES: Final = 5
REQUEST_SECONDS = 10
RETRIES = 2
PAUSES_SECONDS = (1, 2, 4, 8)
"""Pauses of a worker that waits for its registry; it goes on with the last one for ever."""
UNKNOWN_PAUSES_SECONDS = (0.2, 1.0)
"""A registry's replica may learn of a schema a little after the producer did."""
UNKNOWN_SECONDS = 60.0
"""How long a number that stands for nothing is not asked for again."""
MOST_UNKNOWN = 1_000
"""Most such numbers remembered."""

UNAUTHORIZED = frozenset({401, 403})
REFUSED = frozenset({409, 422})
"""The schema does not fit those that the subject has, or the registry takes none such."""
NOT_FOUND = 404


class Registry:
    """A schema registry that speaks Confluent's REST API; a context manager.

    Connects when it is first asked.
    """

    def __init__(self, settings: RegistrySettings) -> None:
        """Make the client.

        Raises:
            ConfigError: ``registry.url`` is none, or user name and password do not go together.
        """
        self._client = _client(settings)

    def register_row(self, topic: str) -> Codec:
        """Register the schema of rows for ``topic``, if it is not yet, and return their codec.

        Raises:
            ConfigError: The registry refuses: us, or the schema.
            RetryableError: The registry cannot be reached.
        """
        from confluent_kafka.schema_registry import Schema  # noqa: PLC0415 - see the module

        subject = f"{topic}-value"
        schema = Schema(ROW_SCHEMA, "AVRO")
        number = _asked(lambda: self._client.register_schema(subject, schema), subject)
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
        found = _asked(lambda: self._client.get_schema(number), f"schema {number}")
        return None if found is None else str(found.schema_str)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()


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


def _client(settings: RegistrySettings) -> SchemaRegistryClient:
    from confluent_kafka.schema_registry import SchemaRegistryClient  # noqa: PLC0415

    if (settings.username is None) != (settings.password is None):
        told = "user name and password are needed both, or neither"
        raise ConfigError(Problem("settings", "registry.username", told))
    config: dict[str, object] = {
        "url": settings.url,
        "timeout": REQUEST_SECONDS,
        "max.retries": RETRIES,
    }
    if settings.username is not None and settings.password is not None:
        secret = settings.password.get_secret_value()
        config["basic.auth.user.info"] = f"{settings.username}:{secret}"
    try:
        return SchemaRegistryClient.new_client(config)
    except (TypeError, ValueError):  # their texts may quote the address, and a password in it
        told = "expected an address such as http://127.0.0.1:8081, or several with commas between"
        raise ConfigError(Problem("settings", "registry.url", told)) from None


def _asked(ask: Callable[[], T], what: str) -> T | None:
    """Return what the registry answers, None if it has no such thing.

    Raises:
        ConfigError: It refuses.
        RetryableError: It cannot be reached, or is in trouble.
    """
    from confluent_kafka.schema_registry.error import SchemaRegistryError  # noqa: PLC0415

    try:
        return ask()
    except SchemaRegistryError as error:
        status = error.http_status_code
    except Exception as error:  # noqa: BLE001 - whatever its HTTP client meets: all of it may pass
        raise RetryableError(f"schema registry: {type(error).__name__}") from None
    if status == NOT_FOUND:
        return None
    if status in UNAUTHORIZED:
        told = f"the schema registry refuses this user (HTTP {status})"
        raise ConfigError(Problem("settings", "registry.username", told))
    if status in REFUSED:
        told = f"the schema registry refuses the schema of rows under {what} (HTTP {status})"
        raise ConfigError(Problem("settings", "registry.url", told))
    raise RetryableError(f"schema registry: HTTP {status}")


def _header(number: int) -> bytes:
    return WIRE_MAGIC + number.to_bytes(WIRE_HEADER_BYTES - 1, "big")
