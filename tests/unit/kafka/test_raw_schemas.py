"""What a batch waits for, against a small registry that can be told to fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from avro_bodies import record_of
from confluent_kafka.schema_registry import SchemaRegistryClient, header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from processes import wait_until
from schema_registry import CODES, SmallRegistry

from streamproc.decode import Limits, json_text
from streamproc.errors import ConfigError
from streamproc.events import Micros, Origin, Record
from streamproc.formats import Formats, SchemaFolder
from streamproc.kafka import raw_schemas as module
from streamproc.kafka.raw_schemas import RawSchemas
from streamproc.settings import RegistrySettings

LIMITS = Limits(event_bytes=10_000, depth=16, text_characters=1_000)
SCHEMA = json.dumps(record_of(type="string"))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AWAY_PAUSES_SECONDS", (0.01,))
    monkeypatch.setattr(module, "UNKNOWN_PAUSE_SECONDS", 0.01)


@pytest.fixture
def server() -> Iterator[SmallRegistry]:
    registry = SmallRegistry()
    yield registry
    registry.close()


@pytest.fixture
def formats() -> Formats:
    return Formats(SchemaFolder(), LIMITS, registry=True)


@pytest.fixture
def schemas(server: SmallRegistry, formats: Formats) -> Iterator[RawSchemas]:
    made = RawSchemas(RegistrySettings(url=server.url, retry_seconds=0.05), formats)
    yield made
    made.close()


def framed(*numbers: int) -> list[Record]:
    values = [b"\x00" + number.to_bytes(4, "big") + b"\x02a" for number in numbers]
    return [Record(Origin("raw", 0, 0), None, value, Micros(0)) for value in values]


async def at_hand(schemas: RawSchemas, *numbers: int) -> None:
    async with schemas.at_hand(framed(*numbers)):
        pass


async def requests(server: SmallRegistry, count: int) -> None:
    """Wait until so many requests have come."""
    await asyncio.to_thread(wait_until, lambda: len(server.requests) >= count)


def test_an_id_is_asked_for_once_however_many_wait(
    server: SmallRegistry, formats: Formats, schemas: RawSchemas
) -> None:
    number = server.add(SCHEMA)

    async def several() -> None:
        await asyncio.gather(*(at_hand(schemas, number, number) for _ in range(5)))

    asyncio.run(several())
    asyncio.run(at_hand(schemas, number))

    assert server.requests == [f"GET /schemas/ids/{number}"]
    assert formats.to_json(framed(number)[0].value or b"") == b'{"type":"a"}'


def test_records_of_json_ask_for_nothing(server: SmallRegistry, schemas: RawSchemas) -> None:
    async def plain() -> None:
        records = [Record(Origin("raw", 0, 0), None, value, Micros(0)) for value in (b"{}", None)]
        async with schemas.at_hand(records):
            pass

    asyncio.run(plain())
    assert server.requests == []


def test_an_unknown_id_is_asked_for_again_until_it_is_given_up_for_a_while(
    server: SmallRegistry, formats: Formats, schemas: RawSchemas
) -> None:
    with structlog.testing.capture_logs() as lines:
        asyncio.run(at_hand(schemas, 7))
    asked = len(server.requests)
    asyncio.run(at_hand(schemas, 7))

    assert asked > 1
    assert len(server.requests) == asked
    assert formats.unknown == 1
    assert [line["schema"] for line in lines] == [7]


def test_an_id_that_becomes_known_meanwhile_is_taken(
    server: SmallRegistry, formats: Formats
) -> None:
    schemas = RawSchemas(RegistrySettings(url=server.url, retry_seconds=30), formats)

    async def late() -> None:
        waiting = asyncio.create_task(at_hand(schemas, 1))
        await requests(server, 2)
        server.add(SCHEMA)
        await waiting

    asyncio.run(late())
    schemas.close()
    assert formats.unknown == 0
    assert formats.missing({b"\x00\x00\x00\x01"}, 0.0) == set()


def test_a_registry_that_is_away_is_waited_for_longer_than_an_unknown_id(
    server: SmallRegistry, formats: Formats, schemas: RawSchemas
) -> None:
    number = server.add(SCHEMA)
    server.status = 503

    async def away() -> None:
        waiting = asyncio.create_task(at_hand(schemas, number))
        await requests(server, 10)
        assert not waiting.done()
        server.status = 200
        await waiting

    with structlog.testing.capture_logs() as lines:
        asyncio.run(away())
    assert formats.unknown == 0
    assert [line["event"] for line in lines] == [
        "schema registry cannot be reached, events wait for it"
    ]


def test_a_refusal_ends_the_waiting(server: SmallRegistry, schemas: RawSchemas) -> None:
    server.status = 401
    with pytest.raises(ConfigError, match="refuses this user"):
        asyncio.run(at_hand(schemas, 1))


def test_one_who_no_longer_waits_leaves_the_others_waiting(
    server: SmallRegistry, schemas: RawSchemas
) -> None:
    number = server.add(SCHEMA)
    server.status = 503

    async def several() -> None:
        first = asyncio.create_task(at_hand(schemas, number))
        second = asyncio.create_task(at_hand(schemas, number))
        await requests(server, 1)
        first.cancel()
        server.status = 200
        await second
        assert first.cancelled()

    asyncio.run(several())


def test_a_flood_of_unknown_ids_is_not_waited_for(
    server: SmallRegistry, formats: Formats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITED_FOR", 3)
    for number in range(900, 910):
        formats.learn(number.to_bytes(4, "big"), None, 0.0)
    schemas = RawSchemas(RegistrySettings(url=server.url, retry_seconds=3_600), formats)

    asyncio.run(at_hand(schemas, *range(1, 31)))

    schemas.close()
    assert len(server.requests) == 30


def test_what_is_no_schemas_id_is_not_told(schemas: RawSchemas) -> None:
    with structlog.testing.capture_logs() as lines:
        asyncio.run(at_hand(schemas, int.from_bytes("Jane".encode("utf-16-be")[1:5], "big")))
    assert [line["schema"] for line in lines] == [None]


def test_what_confluents_serializer_writes_with_the_id_in_a_header_is_read(
    server: SmallRegistry, formats: Formats, schemas: RawSchemas
) -> None:
    headers: list[Any] = []
    with SchemaRegistryClient({"url": server.url}) as client:
        options = {"schema.id.serializer": header_schema_id_serializer}
        serialize = AvroSerializer(client, SCHEMA, conf=options)
        context = SerializationContext("raw", MessageField.VALUE, headers)
        value = serialize({"type": "track"}, context)
    record = Record(Origin("raw", 0, 0), None, bytes(value), Micros(0), tuple(headers))

    async def text() -> bytes:
        async with schemas.at_hand([record]):
            return json_text(record, formats.to_json)

    assert asyncio.run(text()) == b'{"type":"track"}'
    assert server.requests[-1].startswith("GET /schemas/guids/")


def test_a_registry_that_knows_no_guids_knows_none(
    formats: Formats, schemas: RawSchemas, server: SmallRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CODES, 404, 0)  # what a server says of a place that it has not
    header = ("__value_schema_id", b"\x01" + bytes(16))
    record = Record(Origin("raw", 0, 0), None, b"\x02a", Micros(0), (header,))

    async def waited() -> None:
        async with schemas.at_hand([record]):
            pass

    asyncio.run(waited())
    assert formats.unknown == 1
    assert server.requests[-1].startswith("GET /schemas/guids/")
