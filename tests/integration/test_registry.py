"""Rows in Confluent's wire format, read with Confluent's own deserializer and by Snowflake's table.

Against a small registry of our own, and against Apicurio Registry where Maven can bring it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers import Broker
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from schema_registry import SmallRegistry
from snowflake_server import snowflake_server
from workplace import Workplace

from streamproc.demo import Generated, generate
from streamproc.events import Micros
from streamproc.kafka.codecs import ROW_SCHEMA
from streamproc.kafka.registry import RowDecoder
from streamproc.settings import RegistrySettings
from streamproc.shipped import shipped
from streamproc.warehouse import LoadedRow

EVENTS = 60
CONNECTOR = Path(__file__).parents[2] / "deploy" / "snowflake-kafka-connector"
FIELDS = [field["name"] for field in json.loads(ROW_SCHEMA)["fields"]]


@pytest.fixture
def small() -> Iterator[str]:
    """The address of our own, without schemas."""
    registry = SmallRegistry()
    yield registry.url
    registry.close()


@pytest.fixture
def place(embedded: Broker, tmp_path: Path) -> Workplace:
    return Workplace(embedded, tmp_path)


def worked(place: Workplace, registry: str, count: int = EVENTS) -> list[bytes]:
    """Return the messages that a worker makes of some events, and of one that nobody planned."""
    unplanned = b'{"type":"track","event":"Unplanned","userId":"u","messageId":"unplanned"}'
    place.publish([*generate(count - 1, 3), Generated(unplanned, b"u", "unplanned", ())])
    plan = shipped("schemas/events")
    with place.ready_worker(registry_url=registry, tracking_plan_directory=plan) as worker:
        place.wait_until_processed(count)
        assert worker.stop() == 0
    found = place.broker.consume_all(place.topics.load)
    return [record.value or b"" for record in found]


def by_confluent(place: Workplace, registry: str, messages: list[bytes]) -> list[dict[str, Any]]:
    context = SerializationContext(place.topics.load, MessageField.VALUE)
    with SchemaRegistryClient({"url": registry}) as client:
        deserialize = AvroDeserializer(client)
        return [deserialize(message, context) for message in messages]


def as_confluent(row: LoadedRow, found: dict[str, Any]) -> dict[str, Any]:
    """Return what a row of ours is in Confluent's reading ``found``, where that says it otherwise.

    Its times are datetimes, its lists are no texts, and its payload is one.
    """
    fields = row._asdict()
    for name in ("original_timestamp", "sent_at", "received_at", "timestamp"):
        moment = found[name]
        if moment is not None:
            assert Micros(round(moment.timestamp() * 1_000_000)) == fields[name]
        fields[name] = moment
    assert json.loads(found["payload"]) == fields["payload"]
    fields["payload"] = found["payload"]
    for name in ("manifest", "violations"):
        fields[name] = json.loads(fields[name])
    return fields


@pytest.mark.parametrize("chosen", ["small", pytest.param("registry", marks=pytest.mark.registry)])
def test_confluents_deserializer_and_the_loader_read_the_same_rows(
    place: Workplace, chosen: str, request: pytest.FixtureRequest
) -> None:
    registry = request.getfixturevalue(chosen)
    messages = worked(place, registry)

    found = by_confluent(place, registry, messages)

    decode = RowDecoder(RegistrySettings(url=registry))
    assert len({message[:5] for message in messages}) == 1
    assert len(found) > EVENTS * 0.9
    for message, fields in zip(messages, found, strict=True):
        assert list(fields) == FIELDS
        assert fields == as_confluent(decode(message), fields)
    assert any(fields["manifest"] for fields in found)
    assert {
        fields["message_id"]: fields["violations"] for fields in found if fields["violations"]
    } == {"unplanned": [{"path": "event", "code": "unplanned_event"}]}


@pytest.mark.registry
def test_the_schema_is_registered_once_with_all_that_it_says(
    place: Workplace, registry: str
) -> None:
    for _ in range(2):
        with place.ready_worker(registry_url=registry) as worker:
            worker.stop()
    subject = f"{place.topics.load}-value"
    with SchemaRegistryClient({"url": registry}) as client:
        assert client.get_versions(subject) == [1]
        registered = client.get_latest_version(subject)
    assert json.loads(registered.schema.schema_str) == json.loads(ROW_SCHEMA)


def test_a_worker_waits_for_a_registry_that_is_away(place: Workplace) -> None:
    with place.worker(registry_url="http://127.0.0.1:1") as worker:
        worker.wait_for("schema registry cannot be reached, trying again")
        assert worker.running


def test_rows_fit_the_table_for_snowflakes_connector_and_its_view_has_each_message_once(
    place: Workplace, small: str
) -> None:
    found = by_confluent(place, small, worked(place, small, 20))
    for fields in found:  # fakesnow takes a dollar in a text for a session variable
        fields["payload"] = fields["payload"].replace("$", "")
    first, *others = found
    corrected = [{**first, "correction": True, "payload": f'{{"turn":{turn}}}'} for turn in (1, 2)]

    with snowflake_server() as server, server.client("CONNECT") as client:
        cursor = client.cursor()
        for statement in ("CREATE SCHEMA IF NOT EXISTS EVENTS", "USE SCHEMA EVENTS"):
            cursor.execute(statement)
        for name in ("table.sql", "view.sql"):
            cursor.execute((CONNECTOR / name).read_text())
        for offset, fields in enumerate([first, *found, *corrected]):
            cursor.execute(*insert(fields, offset))
        cursor.execute("SELECT MESSAGE_ID, RECEIVED_AT, PAYLOAD FROM STREAMPROC_EVENTS")
        rows = {row[0]: row[1:] for row in cursor.fetchall()}

    assert len(rows) == len(found)
    assert json.loads(rows[first["message_id"]][1]) == {"turn": 2}
    for fields in others:
        received_at, payload = rows[fields["message_id"]]
        assert received_at == fields["received_at"].replace(tzinfo=None)
        assert json.loads(payload) == json.loads(fields["payload"])


def insert(fields: dict[str, Any], offset: int) -> tuple[str, tuple[Any, ...]]:
    """Return the statement that does what the connector does with a row."""
    values = {"record_metadata": json.dumps({"offset": offset}), **fields}
    for name in ("original_timestamp", "sent_at", "received_at", "timestamp"):
        moment = values[name]
        values[name] = moment and round(moment.timestamp() * 1_000_000)
    for name in ("manifest", "violations"):
        values[name] = json.dumps(values[name])
    places = [
        "PARSE_JSON(%s)" if name in {"record_metadata", "manifest", "violations"} else "%s"
        for name in values
    ]
    names = ", ".join(f'"{name.upper()}"' for name in values)
    statement = f"INSERT INTO STREAMPROC_ROWS ({names}) SELECT {', '.join(places)}"
    return statement, tuple(values.values())
