"""What rows say of identities, in the columns of a new warehouse and in those of an old one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import demo_warehouse
import orjson
import pytest

from streamproc.events import EventType, Json, Micros, Origin, Row, Times, Token
from streamproc.settings import LoaderSettings
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import CreateTable
from streamproc.warehouse.sinks.duckdb import DuckDBSink, open_duckdb
from streamproc.warehouse.sql.statements import Statement
from streamproc.warehouse.standard import BASE, EVERY, TRACK, USER

NOW = Micros(1_767_603_600_000_000)
NEW = ("account_id", "identity_resolved_by", "identity_resolved_at")
KNOWN: dict[str, Any] = {
    "identity_id": Token("tok_k1_person"),
    "account_id": Token("tok_k1_account"),
    "identity_resolved_by": "anonymous_id",
    "identity_resolved_at": Micros(NOW - 1_000_000),
}


def row(number: int, kind: EventType = "track", body: Json = None, **fields: Any) -> Row:
    """Return a row of that number with ``body``; of nobody, unless ``fields`` say it."""
    usual = Row(
        message_id=f"m-{number}",
        type=kind,
        event="Paid" if kind == "track" else None,
        user_id="tok_k1_user",
        anonymous_id=None,
        identity_id=None,
        times=Times(None, None, Micros(NOW + number), Micros(NOW + number)),
        payload=orjson.dumps(body or {}),
        manifest=(),
        ruleset="f00d",
        origin=Origin("events.raw", 0, number),
        ordering_key=b"k",
    )
    return usual._replace(**fields)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[DuckDBSink]:
    sink = open_duckdb(LoaderSettings(duckdb_file=tmp_path / "warehouse.duckdb"))
    yield sink
    sink.close()


def found(sink: DuckDBSink, query: str) -> list[tuple[Any, ...]]:
    return [tuple(line) for line in sink.fetch(Statement("a test's look", query))]


def test_every_table_of_an_event_says_whose_it_is(sink: DuckDBSink) -> None:
    paid = row(1, body={"properties": {"n": 1}, "identity": {"plan": "pro", "seats": 12}}, **KNOWN)
    demo_warehouse.load(sink, [paid, row(2, body={"properties": {"n": 2}})])
    columns = (
        "identity_id, account_id, identity_resolved_by, epoch_us(identity_resolved_at),"
        " identity_plan, identity_seats"
    )
    known = ("tok_k1_person", "tok_k1_account", "anonymous_id", NOW - 1_000_000, "pro", 12)
    for table in ("tracks", "paid"):
        rows = found(sink, f"SELECT {columns} FROM {table} ORDER BY id")
        assert rows == [known, (None,) * 6]


def test_users_have_the_last_account_and_the_last_of_every_attribute(sink: DuckDBSink) -> None:
    first = row(1, "identify", {"identity": {"plan": "free", "owner": "west"}}, **KNOWN)
    moved = {**KNOWN, "account_id": Token("tok_k1_other")}
    second = row(2, "identify", {"identity": {"plan": "pro"}}, **moved)
    demo_warehouse.load(sink, [second, first])
    columns = "id, identity_id, account_id, identity_plan, identity_owner"
    (user,) = found(sink, f"SELECT {columns} FROM users")
    assert user == ("tok_k1_user", "tok_k1_person", "tok_k1_other", "pro", "west")


def test_a_warehouse_of_before_gets_the_columns(sink: DuckDBSink) -> None:
    before = {name: kind for name, kind in EVERY.items() if name not in NEW}
    sink.change(
        [
            CreateTable("tracks", {**before, **TRACK, **BASE}),
            CreateTable("paid", {**before, **TRACK, "n": Kind.INTEGER}),
        ]
    )
    demo_warehouse.load(sink, [row(1, body={"identity": {"plan": "pro"}}, **KNOWN)])
    for table in ("tracks", "paid"):
        now = sink.schema()[table]
        assert [now[name] for name in NEW] == [Kind.STRING, Kind.STRING, Kind.TIMESTAMP]
        assert now["identity_plan"] is Kind.STRING
        assert found(sink, f"SELECT account_id, identity_plan FROM {table}") == [
            ("tok_k1_account", "pro")
        ]


def test_a_property_that_had_the_name_keeps_its_values_beside_a_new_column(
    sink: DuckDBSink,
) -> None:
    before = {name: kind for name, kind in EVERY.items() if name not in NEW}
    sink.change([CreateTable("paid", {**before, **TRACK, "account_id": Kind.INTEGER})])
    demo_warehouse.load(sink, [row(1, body={"properties": {"account_id": 7}}, **KNOWN)])
    assert sink.schema()["paid"]["account_id"] is Kind.STRING
    assert found(sink, "SELECT account_id, _account_id FROM paid") == [("tok_k1_account", 7)]


def test_users_keep_to_what_is_true_of_more_than_one_event(sink: DuckDBSink) -> None:
    demo_warehouse.load(sink, [row(1, "identify", **KNOWN)])
    assert set(sink.schema()["users"]) - {"uuid_ts"} == set(USER)
