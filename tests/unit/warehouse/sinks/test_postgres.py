from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres_server import binaries, fresh_schema, postgres_server
from pydantic import SecretStr
from warehouse_batches import TOPIC, Event, batch, load, prepare

from streamproc.errors import ConfigError, RetryableError
from streamproc.settings import LoaderSettings
from streamproc.warehouse.kinds import Kind, fit
from streamproc.warehouse.schema import AddColumns, CreateTable, Widen
from streamproc.warehouse.sink import OffsetsMovedError, Place, Position, SchemaMovedError
from streamproc.warehouse.sinks.postgres import PostgresSink, open_postgres
from streamproc.warehouse.sql.statements import Statement


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    if (programs := binaries()) is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres_server(programs) as found:
        yield found


@pytest.fixture
def schema(url: str) -> SecretStr:
    return SecretStr(fresh_schema(url))


@pytest.fixture
def sink(schema: SecretStr) -> Iterator[PostgresSink]:
    opened = open_postgres(LoaderSettings(postgres_url=schema))
    yield opened
    opened.close()


def asked(sink: PostgresSink, query: str) -> list[tuple[Any, ...]]:
    with sink._transaction():
        return list(sink.fetch(Statement("asked", query)))


def test_two_loaders_at_once_load_every_event_once(schema: SecretStr) -> None:
    """Each has a partition of its own; the same events are in both."""
    first = open_postgres(LoaderSettings(postgres_url=schema))
    load(first, [Event("before")])

    def bring(partition: int) -> None:
        sink = open_postgres(LoaderSettings(postgres_url=schema))
        for start in range(0, 60, 6):
            events = [Event(f"e{number}") for number in range(start, start + 6)]
            sink.load(prepare(sink, batch(events, moved={partition: (start, start + 6)})))
        sink.close()

    threads = [threading.Thread(target=bring, args=(partition,)) for partition in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first.offsets() == {Place(TOPIC, 0): Position(60), Place(TOPIC, 1): Position(60)}
    assert asked(first, "SELECT COUNT(*), COUNT(DISTINCT id) FROM paid") == [(61, 61)]
    first.close()


def test_of_two_loaders_with_one_partition_the_second_is_told(
    sink: PostgresSink, schema: SecretStr
) -> None:
    other = open_postgres(LoaderSettings(postgres_url=schema))
    made = prepare(other, batch([Event("a")], moved={0: (0, 1)}))
    load(sink, [Event("b")], moved={0: (0, 2)})
    with pytest.raises(OffsetsMovedError):
        other.load(made)
    other.close()
    assert asked(sink, "SELECT id FROM paid") == [("b",)]


def test_a_column_widened_by_another_loader_is_not_narrowed(
    sink: PostgresSink, schema: SecretStr
) -> None:
    other = open_postgres(LoaderSettings(postgres_url=schema))
    load(sink, [Event("a", fields={"n": 1})])
    made = prepare(sink, batch([Event("b", fields={"n": 2})]))
    other.change([Widen("paid", "n", Kind.INTEGER, Kind.STRING)])
    with pytest.raises(SchemaMovedError):
        sink.load(made)
    sink.change([Widen("paid", "n", Kind.INTEGER, Kind.FLOAT)])
    assert sink.schema()["paid"]["n"] is Kind.STRING
    other.close()


def test_what_a_change_would_say_can_be_read(sink: PostgresSink) -> None:
    said = sink.statements(
        [
            CreateTable("paid", {"id": Kind.STRING, "doc": Kind.JSON}),
            AddColumns("paid", {"n": Kind.INTEGER}),
        ]
    )
    assert said == [
        'CREATE TABLE IF NOT EXISTS "paid" ("id" text, "doc" json, "uuid_ts" timestamptz)',
        'ALTER TABLE "paid" ADD COLUMN IF NOT EXISTS "n" bigint',
    ]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30))
def test_a_number_becomes_the_text_that_every_warehouse_has(
    sink: PostgresSink, values: list[float]
) -> None:
    values += [0.0, -0.0, 1e15, 1.5e15, 1234567890123456.8, -9999999999999998.0, 1e16, 1e-5, 1e22]
    with sink._transaction():
        sink._execute(Statement("drop", "DROP TABLE IF EXISTS numbers"))
    sink.change([CreateTable("numbers", {"v": Kind.FLOAT})])
    for value in values:
        with sink._transaction():
            sink.run(Statement("insert", "INSERT INTO numbers (v) VALUES (?)", (value,)))
    sink.change([Widen("numbers", "v", Kind.FLOAT, Kind.STRING)])
    texts = [text for (text,) in asked(sink, "SELECT v FROM numbers")]
    assert sorted(map(float, texts)) == sorted(values)
    for text in texts:
        # Beyond, PostgreSQL may write a digit more than it takes.
        if abs(float(text)) < 2**53:
            assert text == fit(float(text), Kind.STRING)


def test_a_moment_becomes_the_text_that_every_warehouse_has(sink: PostgresSink) -> None:
    moments = ["0001-01-01T00:00:00Z", "2026-01-02T03:04:05.60Z", "2026-01-02T03:04:50Z"]
    load(sink, [Event(f"e{n}", fields={"t": moment}) for n, moment in enumerate(moments)])
    load(sink, [Event("z", fields={"t": "soon"})])
    texts = [text for (text,) in asked(sink, "SELECT t FROM paid ORDER BY id")]
    assert texts == [moments[0], "2026-01-02T03:04:05.6Z", moments[2], "soon"]


def test_a_fault_tells_its_statement_and_no_value(sink: PostgresSink) -> None:
    load(sink, [Event("a", fields={"word": "personal"})], moved={0: (0, 1)})
    with sink._transaction():
        sink._execute(Statement("spoil", "ALTER TABLE paid ADD UNIQUE (word)"))
    with pytest.raises(RetryableError, match=r"\(23505\): insert paid$") as caught:
        load(sink, [Event("b", fields={"word": "personal"})], moved={0: (1, 2)})
    assert "personal" not in str(caught.value)
    assert sink.offsets() == {Place(TOPIC, 0): Position(1)}


def test_without_a_url_the_setting_is_named() -> None:
    with pytest.raises(ConfigError, match=r"loader\.postgres_url"):
        open_postgres(LoaderSettings())


@pytest.mark.parametrize("no_url", ["mysql://me:secret@host/none", "secret", "postgresql://m@h:y/"])
def test_a_url_that_is_none_is_told_but_not_shown(no_url: str) -> None:
    with pytest.raises(ConfigError, match=r"loader\.postgres_url: expected a URL") as caught:
        open_postgres(LoaderSettings(postgres_url=SecretStr(no_url)))
    assert no_url not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("user=streamproc", "user=nobody"), "does not know the user"),
        (("/postgres?", "/missing?"), "does not have the database"),
        (("/streamproc-", "/missing-"), "nobody listens there"),
    ],
)
def test_why_a_server_lets_nobody_in_is_told(url: str, change: tuple[str, str], told: str) -> None:
    other = SecretStr(url.replace(*change))
    with pytest.raises(RetryableError, match=told):
        open_postgres(LoaderSettings(postgres_url=other))


def test_a_server_that_is_not_there_is_waited_for_and_its_password_not_told() -> None:
    url = SecretStr("postgresql://me:secret@127.0.0.1:1/none")
    with pytest.raises(RetryableError, match="cannot be connected to") as caught:
        open_postgres(LoaderSettings(postgres_url=url))
    assert "secret" not in str(caught.value)


def test_a_connection_that_is_lost_is_waited_for(sink: PostgresSink, url: str) -> None:
    load(sink, [Event("a")])
    other = open_postgres(LoaderSettings(postgres_url=SecretStr(url)))
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    asked(other, f"{query} AND backend_type = 'client backend'")
    other.close()
    with pytest.raises(RetryableError):
        load(sink, [Event("b")])
