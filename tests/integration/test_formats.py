"""Raw events as Confluent's own serializers write them, through a registry, a gate and a worker."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from avro_bodies import avro_schema, body_of, record_of
from brokers import Broker
from commands import run
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from fastavro.schema import fingerprint, to_parsing_canonical_form
from processes import wait_until
from pydantic import SecretStr
from schema_registry import Gate, basic, write_certificate
from workplace import Workplace

from streamproc.deadletters import unpack_original, unseal
from streamproc.decode import Limits, decode
from streamproc.demo import Generated
from streamproc.errors import ConfigError, EventError, RetryableError
from streamproc.events import Micros, Origin, Record
from streamproc.formats import Formats, SchemaFolder
from streamproc.kafka.raw_schemas import RawSchemas
from streamproc.kafka.registry import Registry, RowDecoder
from streamproc.settings import RegistrySettings
from streamproc.shipped import shipped

pytestmark = pytest.mark.registry

TIMESTAMP = {"type": "long", "logicalType": "timestamp-millis"}
EVENT = record_of(
    type="string",
    event="string",
    userId="string",
    messageId="string",
    originalTimestamp=TIMESTAMP,
    anonymousId=["null", "string"],
    properties={
        "type": "record",
        "name": "Properties",
        "fields": [
            {"name": "note", "type": "string"},
            {"name": "total", "type": "double"},
            {"name": "coupon", "type": ["null", "string"]},
            {"name": "tags", "type": {"type": "array", "items": "string"}},
        ],
    },
)
JSON_SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Event",
    "type": "object",
    "properties": {"type": {"type": "string"}, "messageId": {"type": "string"}},
}
LIMITS = Limits(event_bytes=10_000, depth=16, text_characters=1_000)
WHEN = datetime(2026, 11, 23, 8, 15, 0, 250_000, UTC)


@pytest.fixture
def place(embedded: Broker, tmp_path: Path) -> Workplace:
    return Workplace(embedded, tmp_path)


@pytest.fixture
def client(registry: str) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": registry}) as client:
        yield client


def event(message_id: str, when: Any = WHEN) -> dict[str, Any]:
    """Return an event as a producer has it before it is serialized."""
    return {
        "type": "track",
        "event": "Ticket Opened",
        "userId": "jane.roe@example.com",
        "messageId": message_id,
        "originalTimestamp": when,
        "properties": {
            "note": "Please ring me at (212) 555-0142",
            "total": 12.5,
            "tags": ["a", "jane.roe@example.com"],
        },
    }


def as_json(message_id: str) -> bytes:
    return json.dumps(event(message_id, "2026-11-23T08:15:00.250000Z")).encode()


def as_avro(client: SchemaRegistryClient, topic: str, message_id: str) -> bytes:
    body = event(message_id)
    body["properties"]["coupon"] = body["anonymousId"] = None
    serialize = AvroSerializer(client, json.dumps(EVENT))
    return bytes(serialize(body, SerializationContext(topic, MessageField.VALUE)))


def as_json_schema(client: SchemaRegistryClient, topic: str, message_id: str) -> bytes:
    """Return what JSONSerializer writes, which a test below holds against it."""
    schema = Schema(json.dumps(JSON_SCHEMA), "JSON")
    number = client.register_schema(f"{topic}.json-value", schema)
    return b"\x00" + number.to_bytes(4, "big") + as_json(message_id)


def as_single_object(message_id: str) -> bytes:
    schema = avro_schema(EVENT)
    crc = fingerprint(to_parsing_canonical_form(schema.schema), "CRC-64-AVRO")
    body = event(message_id)
    body["properties"]["coupon"] = body["anonymousId"] = None
    return b"\xc3\x01" + bytes.fromhex(crc) + body_of(schema, body)


def generated(values: list[bytes]) -> list[Generated]:
    return [Generated(value, b"jane", "", ()) for value in values]


def rows(place: Workplace, registry: str) -> dict[str, Any]:
    """Return what stands in the rows, but for what tells records apart, by message id."""
    decode = RowDecoder(RegistrySettings(url=registry))
    found = {}
    for record in place.broker.consume_all(place.topics.load):
        fields = decode(record.value)._asdict()
        fields["payload"].pop("messageId")
        for name in ("source_partition", "source_offset", "received_at", "timestamp"):
            del fields[name]
        found[fields.pop("message_id")] = fields
    return found


def schemas_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "schemas"
    folder.mkdir()
    (folder / "event.avsc").write_text(json.dumps(EVENT))
    return folder


def test_a_topic_of_all_four_formats_gives_the_same_rows(
    place: Workplace, client: SchemaRegistryClient, registry: str, tmp_path: Path
) -> None:
    topic = place.topics.raw
    values = [
        as_json("plain"),
        as_avro(client, topic, "avro"),
        as_json_schema(client, topic, "json-schema"),
        as_single_object("single-object"),
    ]
    place.publish(generated(values * 25))

    with place.ready_worker(
        formats_schemas=schemas_folder(tmp_path), registry_url=registry
    ) as worker:
        place.wait_until_processed(len(values) * 25)
        assert worker.stop() == 0

    assert place.dead_letters() == []
    found = rows(place, registry)
    plain = found.pop("plain")
    assert set(found) == {"avro", "json-schema", "single-object"}
    for name, fields in found.items():
        assert fields == plain, name
    assert "jane" not in json.dumps(plain)
    assert plain["payload"]["properties"]["total"] == 12.5


def test_events_wait_for_a_registry_that_is_away_and_those_without_need_of_it_do_not(
    place: Workplace, client: SchemaRegistryClient, registry: str
) -> None:
    gate = Gate(registry, basic("worker", "secret"))
    framed = as_avro(client, place.topics.raw, "framed")
    with place.ready_worker(
        registry_url=gate.url, registry_username="worker", registry_password="secret"
    ) as worker:
        gate.open = False
        records = [(None, framed, 0), (None, as_json("plain"), 1)]
        place.broker.produce(place.topics.raw, records)
        worker.wait_for("schema registry cannot be reached, events wait for it")
        wait_until(lambda: place.committed() == 1)
        gate.open = True
        wait_until(lambda: place.committed() == 2)
        assert worker.stop() == 0

    assert place.dead_letters() == []
    assert set(rows(place, registry)) == {"framed", "plain"}
    assert len([each for each in gate.requests if "/schemas/ids/" in each]) == 1
    assert "secret" not in worker.output()
    gate.close()


def test_a_dead_letter_shows_the_shape_of_an_avro_event(
    place: Workplace, client: SchemaRegistryClient, registry: str
) -> None:
    context = SerializationContext(place.topics.raw, MessageField.VALUE)
    serialize = AvroSerializer(client, json.dumps(record_of(type="string", traits="long")))
    value = bytes(serialize({"type": "track", "traits": 7}, context))
    place.broker.produce(place.topics.raw, [(None, value, 0)])

    with place.ready_worker(registry_url=registry) as worker:
        wait_until(lambda: place.committed() == 1)
        assert worker.stop() == 0

    (letter,) = place.dead_letters()
    assert (letter.code, letter.path) == ("wrong_type", "traits")
    assert json.loads(letter.view) == {"type": "track", "traits": "<integer>"}
    assert letter.sealed is not None
    assert unpack_original(unseal(place.pair.private, letter.sealed))[1] == value


def test_a_schema_that_the_registry_does_not_know_is_asked_for_again_then_a_dead_letter(
    place: Workplace, registry: str
) -> None:
    unknown = b"\x00\x00\x0f\x42\x3f" + b"\x02a"
    place.broker.produce(place.topics.raw, [(None, unknown, 0), (None, as_json("plain"), 0)])

    with place.ready_worker(registry_url=registry, registry_retry_seconds=0.6) as worker:
        told = json.loads(worker.wait_for("the registry does not know a schema"))
        wait_until(lambda: place.committed() == 2)
        assert worker.stop() == 0

    assert told["schema"] == 999_999
    (letter,) = place.dead_letters()
    assert (letter.stage, letter.code, letter.view) == ("decode", "unknown_schema", b'{"bytes":7}')
    assert set(rows(place, registry)) == {"plain"}


@pytest.mark.kafka
def test_rules_are_tried_on_a_topic_of_avro(
    kafka: Broker, tmp_path: Path, client: SchemaRegistryClient, registry: str
) -> None:
    place = Workplace(kafka, tmp_path)
    topic = place.topics.raw
    place.broker.produce(topic, [(None, as_avro(client, topic, f"m-{n}"), 0) for n in range(3)])
    variables = place.environment(registry_url=registry)
    rules = shipped("rules/default.yaml")

    done = run(variables, place.folder, "rules", "diff", rules, rules, "--topic", topic, "--json")

    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert (told["events"], told["refused"]) == (3, {})


# -- without a worker -----------------------------------------------------------------------------


def read(settings: RegistrySettings, *values: bytes) -> list[Any]:
    """Return what becomes of records: an event's body, or the code of why there is none."""
    formats = Formats(SchemaFolder(), LIMITS, registry=True)
    schemas = RawSchemas(settings, formats)
    records = [
        Record(Origin("raw", 0, at), None, value, Micros(0)) for at, value in enumerate(values)
    ]

    async def decoded() -> list[Any]:
        async with schemas.at_hand(records):
            return [outcome(record, formats) for record in records]

    try:
        return asyncio.run(decoded())
    finally:
        schemas.close()


def outcome(record: Record, formats: Formats) -> Any:
    try:
        return decode(record, LIMITS, formats.to_json).body
    except EventError as error:
        return error.code


@pytest.fixture
def topic() -> str:
    return f"formats.{uuid.uuid4().hex[:10]}"


@pytest.fixture
def gate(registry: str, tmp_path: Path) -> Iterator[Gate]:
    """A gate with TLS, to which the token opens."""
    gate = Gate(registry, "Bearer a-token", write_certificate(tmp_path / "gate.pem"))
    yield gate
    gate.close()


def test_a_schema_is_read_with_those_that_it_refers_to(
    client: SchemaRegistryClient, registry: str, topic: str
) -> None:
    city = {**record_of(name="string"), "name": "City"}
    place = {**record_of(city="example.City"), "name": "Place"}
    client.register_schema(f"{topic}-city", Schema(json.dumps(city), "AVRO"))
    to_city = SchemaReference("example.City", f"{topic}-city", 1)
    client.register_schema(f"{topic}-place", Schema(json.dumps(place), "AVRO", [to_city]))
    to_place = SchemaReference("example.Place", f"{topic}-place", 1)
    whole = record_of(type="string", userId="string", context="example.Place")
    serialize = AvroSerializer(client, Schema(json.dumps(whole), "AVRO", [to_place]))
    body = {"type": "page", "userId": "u-1", "context": {"city": {"name": "Oslo"}}}

    value = serialize(body, SerializationContext(topic, MessageField.VALUE))

    assert read(RegistrySettings(url=registry), bytes(value)) == [body]


def test_what_confluents_json_serializer_writes_is_read(
    client: SchemaRegistryClient, registry: str, topic: str
) -> None:

    serialize = JSONSerializer(json.dumps(JSON_SCHEMA), client)
    body = json.loads(as_json("m-1"))
    value = serialize(body, SerializationContext(f"{topic}.json", MessageField.VALUE))

    assert json.loads(value[5:]) == json.loads(as_json_schema(client, topic, "m-1")[5:])
    assert read(RegistrySettings(url=registry), bytes(value)) == [body]


def test_protobuf_is_told_and_not_read(
    client: SchemaRegistryClient, registry: str, topic: str
) -> None:
    text = 'syntax = "proto3"; message Event { string type = 1; }'
    number = client.register_schema(f"{topic}-value", Schema(text, "PROTOBUF"))
    value = b"\x00" + number.to_bytes(4, "big") + b"\x00\x0a\x05track"
    assert read(RegistrySettings(url=registry), value) == ["protobuf"]


def test_a_token_over_tls_lets_us_in(
    client: SchemaRegistryClient, gate: Gate, topic: str, tmp_path: Path
) -> None:
    value = as_json_schema(client, topic, "m-1")
    certificate = tmp_path / "gate.pem"
    settings = RegistrySettings(url=gate.url, ssl_ca_file=certificate, token=SecretStr("a-token"))
    (found,) = read(settings, value)
    assert found["messageId"] == "m-1"

    refused = settings.model_copy(update={"token": SecretStr("another")})
    with pytest.raises(ConfigError, match=r"refuses this user \(HTTP 401\)"):
        read(refused, value)


def test_a_token_is_had_from_an_openid_provider(
    client: SchemaRegistryClient, registry: str, topic: str
) -> None:
    gate = Gate(registry, "Bearer from-the-provider")
    settings = RegistrySettings(
        url=gate.url,
        oauth_url=f"{gate.url}/token",
        oauth_client_id="worker",
        oauth_client_secret=SecretStr("secret"),
        oauth_scope="registry",
    )
    (found,) = read(settings, as_json_schema(client, topic, "m-1"))
    assert found["messageId"] == "m-1"
    gate.close()


def test_a_registry_whose_certificate_nobody_vouches_for_is_not_asked(gate: Gate) -> None:
    settings = RegistrySettings(url=gate.url, token=SecretStr("a-token"))
    with Registry(settings, retries=0) as registry, pytest.raises(RetryableError, match="Connect"):
        registry.declared(b"\x00\x00\x00\x01")
    assert gate.requests == []
