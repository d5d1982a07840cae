"""The Snowflake sink through the real client, over HTTP; ``snowflake_server`` has the limits."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from snowflake_server import Fault, SnowflakeServer, snowflake_server
from structlog.testing import capture_logs
from warehouse_batches import HOUR, NOW, TOPIC, Event, batch, deletion, identify, load, prepare

from streamproc.errors import ConfigError, RetryableError
from streamproc.events import Json, Micros
from streamproc.settings import LoaderSettings, Settings
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import AddColumns, Change, CreateTable, Widen
from streamproc.warehouse.sink import (
    Advance,
    OffsetsMovedError,
    Place,
    Position,
    SchemaMovedError,
    Together,
)
from streamproc.warehouse.sinks import snowflake_stage
from streamproc.warehouse.sinks.snowflake import SnowflakeSink, open_snowflake
from streamproc.warehouse.sql.statements import Statement
from streamproc.warehouse.standard import EVERY, TRACK

DATABASES = count(1)
SIX_HOURS = 6 * 3_600

Query: TypeAlias = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def server() -> Iterator[SnowflakeServer]:
    with snowflake_server() as started:
        yield started


@pytest.fixture
def database(server: SnowflakeServer) -> str:
    server.arm()
    return f"DATABASE_{next(DATABASES)}"


@pytest.fixture
def query(server: SnowflakeServer, database: str) -> Query:
    return lambda sql: server.rows(database, sql)


@contextmanager
def opened(
    server: SnowflakeServer, database: str, name: str | None = "loader-0", **more: Any
) -> Iterator[SnowflakeSink]:
    loader = LoaderSettings(sink="snowflake", instance_id=name)
    settings = Settings(loader=loader, snowflake=server.settings(database, **more))
    sink = open_snowflake(settings, clock=lambda: NOW / 1_000_000)
    try:
        yield sink
    finally:
        sink.close()


@pytest.fixture
def sink(server: SnowflakeServer, database: str) -> Iterator[SnowflakeSink]:
    with opened(server, database) as made:
        yield made


# Rows and offsets


def test_who_looks_has_nothing_made(server: SnowflakeServer, database: str) -> None:
    loader = LoaderSettings(sink="snowflake")
    looking = open_snowflake(Settings(loader=loader, snowflake=server.settings(database)), "look")
    assert (looking.offsets(), looking.schema(), looking.counts()) == ({}, {}, {})
    assert (looking.loads(NOW), looking.together(["u"])) == ([], [])
    looking.close()
    assert {sql.split()[0] for sql in server.statements()} == {"SELECT"}


def test_offsets_of_an_earlier_release_go_on_without_an_id(
    server: SnowflakeServer, database: str
) -> None:
    place = Place(TOPIC, 0)
    with opened(server, database) as sink:
        load(sink, [Event("a", user_id="u", anonymous_id="d")], moved={0: (0, 3)})
        sink.run(Statement("drop", 'ALTER TABLE "STREAMPROC_OFFSETS" DROP COLUMN "TOPIC_ID"'))
    with opened(server, database) as sink:
        assert sink.offsets() == {place: Position(3)}
        server.arm()
        sink.load(batch(advances={place: Advance(Position(3), Position(4, "known"))}))
        assert len([sql for sql in server.statements() if '"NEXT_OFFSET" + 1' in sql]) == 1
        assert sink.offsets() == {place: Position(4, "known")}
        with pytest.raises(OffsetsMovedError):
            sink.load(batch(advances={place: Advance(Position(4, "other"), Position(9))}))
        assert sink.together(["d"]) == [Together("u", "d", None, NOW, 1)]


def test_an_event_is_in_its_tables_and_the_ledger_after_a_load(
    sink: SnowflakeSink, query: Query
) -> None:
    assert sink.offsets() == {}
    assert sink.schema() == {}
    events = [Event("a", fields={"total": 3}), Event("b", "page", None, fields={"path": "/"})]
    assert load(sink, events, moved={0: (0, 3), 2: (0, 9)})[:2] == (2, 0)
    assert sink.offsets() == {Place(TOPIC, 0): Position(3), Place(TOPIC, 2): Position(9)}
    assert query('SELECT "ID", "TOTAL" FROM "PAID"') == [("a", 3)]
    assert query('SELECT "ID", "PATH" FROM "PAGES"') == [("b", "/")]
    counts = {"tracks": 1, "paid": 1, "pages": 1, "streamproc_messages": 2, "discards": 0}
    assert sink.counts() == counts
    (loaded,) = sink.loads(Micros(0))
    assert loaded[:4] == ("loader-0", NOW + HOUR, 2, 0)
    assert 0 < loaded.seconds < 60
    assert sink.loads(Micros(NOW + HOUR + 1)) == []


def test_every_kind_is_stored_as_it_came(sink: SnowflakeSink, query: Query) -> None:
    fields: dict[str, Json] = {
        "flag": True,
        "number": 2**63 - 1,
        "part": 0.1,
        "day": "0001-01-01",
        "moment": "9999-12-31T23:59:59.999999Z",
        "words": "é'\";--",
        "null_text": "\\N",
        "document": {"a": [1, None]},
    }
    load(sink, [Event("a", fields=fields), Event("b")])
    columns = ", ".join(f'CAST("{name.upper()}" AS VARCHAR)' for name in fields)
    assert query(f'SELECT {columns} FROM "PAID" ORDER BY "ID"') == [
        (
            "true",
            "9223372036854775807",
            "0.1",
            "0001-01-01",
            "9999-12-31 23:59:59.999999+00",
            "é'\";--",
            "\\N",
            '{"a":[1,null]}',
        ),
        (None,) * 8,
    ]


def test_a_batch_is_several_files_when_it_is_large(
    sink: SnowflakeSink, server: SnowflakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snowflake_stage, "FILE_BYTES", 1)
    events = [Event(f"id-{number}") for number in range(20)]
    ready = prepare(sink, batch(events))
    server.arm()
    assert sink.load(ready).rows == 20
    # Three frames of seven files: the rows come in pieces of three.
    assert len([sql for sql in server.statements() if "PUT 'file:///" in sql]) == 21
    assert sink.counts()["paid"] == 20


def test_rows_that_were_not_copied_are_missed(
    sink: SnowflakeSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snowflake_stage, "_files", lambda _frame: iter(()))
    with pytest.raises(RetryableError, match="loaded 0 of 1 rows"):
        load(sink, [Event("a")], moved={0: (0, 1)})
    assert sink.offsets() == {}


# Once and once only


def test_an_id_is_loaded_once_whichever_batch_it_is_in(sink: SnowflakeSink) -> None:
    assert load(sink, [Event("a"), Event("a"), Event("b")])[:2] == (2, 1)
    assert load(sink, [Event("b"), Event("c", "page", None)])[:2] == (1, 1)
    assert sink.counts() == {
        "tracks": 2,
        "paid": 2,
        "pages": 1,
        "streamproc_messages": 3,
        "discards": 0,
    }


def test_a_correction_takes_the_place_of_what_is_there(sink: SnowflakeSink, query: Query) -> None:
    load(sink, [Event("a", fields={"total": 1}), Event("b")])
    result = load(sink, [Event("a", table="refunded", correction=True), Event("b")])
    assert (result.rows, result.duplicates, result.replaced) == (0, 1, 1)
    assert query('SELECT "ID" FROM "PAID"') == [("b",)]
    assert query('SELECT "ID" FROM "REFUNDED"') == [("a",)]
    assert query('SELECT "ID" FROM "TRACKS" ORDER BY 1') == [("a",), ("b",)]


@pytest.mark.parametrize(("mode", "rows", "total"), [("merge", 1, 2), ("append", 2, 1)])
def test_modes_replace_or_repeat(
    sink: SnowflakeSink, query: Query, mode: str, rows: int, total: int
) -> None:
    load(sink, [Event("a", fields={"total": 1})], mode=mode)
    load(sink, [Event("a", fields={"total": 2})], mode=mode)
    assert query('SELECT COUNT(*), MIN("TOTAL") FROM "PAID"') == [(rows, total)]


def test_a_deletion_takes_rows_away_and_keeps_late_ones_out(
    sink: SnowflakeSink, query: Query
) -> None:
    load(sink, [Event("a", user_id="tok_1"), identify("i", "tok_1", plan="p"), Event("b")])
    assert load(sink, deletions=[deletion("tok_1")]).deleted == 2
    late = [Event("c", user_id="tok_1"), Event("d", user_id="tok_1", received_at=NOW + 2 * HOUR)]
    assert load(sink, late).deleted == 1
    assert query('SELECT "ID" FROM "PAID" ORDER BY 1') == [("b",), ("d",)]
    assert query('SELECT COUNT(*) FROM "USERS"') == [(0,)]
    tokens = query('SELECT "ID", "USER_ID" FROM "STREAMPROC_MESSAGES" ORDER BY 1')
    assert dict(tokens) == {"a": None, "b": None, "c": None, "d": "tok_1", "i": None}


def test_users_keep_of_every_column_the_value_that_came_last(
    sink: SnowflakeSink, query: Query
) -> None:
    load(sink, [identify("1", "u", NOW, plan="new"), identify("2", "u", NOW - HOUR, plan="old")])
    load(sink, [identify("3", "u", NOW - 2 * HOUR, plan="older", city="x")])
    assert query('SELECT "ID", "PLAN", "CITY" FROM "USERS"') == [("u", "new", "x")]


# Several loaders


@pytest.mark.parametrize("moved", [(0, 5), (2, 5), (4, 5)])
def test_a_batch_that_expects_another_offset_changes_nothing(
    sink: SnowflakeSink, moved: tuple[int, int]
) -> None:
    load(sink, [Event("a")], moved={0: (0, 3)})
    late = prepare(sink, batch([Event("b", "page")], moved={1: (0, 2), 0: moved}))
    with pytest.raises(OffsetsMovedError):
        sink.load(late)
    assert sink.offsets() == {Place(TOPIC, 0): Position(3)}
    assert sink.counts()["streamproc_messages"] == 1
    assert len(sink.loads(Micros(0))) == 1


def test_a_batch_for_other_columns_than_there_are_changes_nothing(
    sink: SnowflakeSink, server: SnowflakeServer, database: str
) -> None:
    ready = prepare(sink, batch([Event("a", fields={"total": 1})], moved={0: (0, 1)}))
    with opened(server, database, "loader-1") as other:
        other.change([Widen("paid", "total", Kind.INTEGER, Kind.STRING)])
    with pytest.raises(SchemaMovedError):
        sink.load(ready)
    with pytest.raises(SchemaMovedError):
        sink.load(batch([Event("a", table="never_made")], moved={0: (0, 1)}))
    with pytest.raises(SchemaMovedError):
        sink.load(batch([Event("a", fields={"more": 1})], moved={0: (0, 1)}))
    assert sink.offsets() == {}
    again = prepare(sink, ready)
    assert sink.load(again).rows == 1


def test_a_table_that_goes_while_a_batch_is_loaded_is_told_as_such(
    sink: SnowflakeSink, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = prepare(sink, batch([Event("a")], moved={0: (0, 1)}))
    known = sink.schema()
    query('DROP TABLE "PAID"')
    # As it is for whoever has looked just before.
    monkeypatch.setattr(sink, "schema", lambda: known)
    with pytest.raises(SchemaMovedError):
        sink.load(ready)
    assert sink.offsets() == {}


def test_changes_that_are_made_already_are_harmless(
    sink: SnowflakeSink, server: SnowflakeServer, database: str
) -> None:
    columns = {**EVERY, **TRACK}
    made: list[Change] = [
        CreateTable("paid", columns),
        AddColumns("paid", {"total": Kind.INTEGER, "note": Kind.STRING}),
        Widen("paid", "total", Kind.INTEGER, Kind.FLOAT),
    ]
    with opened(server, database, "loader-1") as other:
        for change in made:
            sink.change([change])
            other.change([change])
        other.change([AddColumns("paid", {"note": Kind.STRING, "late": Kind.DATE})])
        # Late, and narrower than what is there by now.
        sink.change([Widen("paid", "total", Kind.INTEGER, Kind.STRING)])
        other.change([Widen("paid", "total", Kind.INTEGER, Kind.FLOAT)])
    paid = dict(sink.schema()["paid"])
    assert paid.pop("uuid_ts") is Kind.TIMESTAMP
    added = {"total": Kind.STRING, "note": Kind.STRING, "late": Kind.DATE}
    assert paid == {**columns, **added}


def test_many_new_columns_are_few_statements(sink: SnowflakeSink, server: SnowflakeServer) -> None:
    sink.change([CreateTable("wide", EVERY)])
    server.arm()
    sink.change([AddColumns("wide", {f"c{number}": Kind.STRING for number in range(1_000)})])
    altered = [sql for sql in server.statements() if sql.startswith("ALTER")]
    assert len(altered) == 10
    assert len(sink.schema()["wide"]) == 1_000 + len(EVERY) + 1


# Wider types

WIDENED = (
    (True, Kind.STRING),
    (False, Kind.STRING),
    (7, Kind.FLOAT),
    (-(2**53), Kind.STRING),
    (0.5, Kind.STRING),
    (100.0, Kind.STRING),
    ("2026-01-02", Kind.TIMESTAMP),
    ("2026-01-02", Kind.STRING),
    ("2026-01-02T03:04:05.600Z", Kind.STRING),
    ("2026-01-02T03:04:05Z", Kind.STRING),
    ({"b": [1, None], "a": "x"}, Kind.STRING),
)


@pytest.mark.parametrize(("value", "after"), WIDENED)
def test_a_value_is_after_widening_what_it_would_have_been_at_once(
    sink: SnowflakeSink, query: Query, value: Json, after: Kind
) -> None:
    made = batch([Event("a", fields={"x": value}), Event("b")])
    before = made.frames["paid"].columns["x"]
    sink.load(prepare(sink, made))
    sink.change([Widen("paid", "x", before, after)])
    assert sink.schema()["paid"]["x"] is after
    # The same value, as the loader makes it for a column that is wide already.
    load(sink, [Event("c", fields={"x": value})])
    found = query('SELECT "X", "X" IS NULL FROM "PAID" ORDER BY "ID"')
    assert found[0] == found[2]
    assert [is_null for _, is_null in found] == [False, True, False]


def test_people_can_read_what_a_change_would_say(
    sink: SnowflakeSink, server: SnowflakeServer
) -> None:
    server.arm()
    said = sink.statements(
        [
            CreateTable("paid", {"id": Kind.STRING}),
            AddColumns("paid", {"total": Kind.INTEGER}),
            Widen("paid", "total", Kind.INTEGER, Kind.STRING),
        ]
    )
    assert server.statements() == []
    assert said[:2] == [
        'CREATE TABLE IF NOT EXISTS "PAID" ("ID" VARCHAR, "UUID_TS" TIMESTAMP_TZ)',
        'ALTER TABLE "PAID" ADD COLUMN "TOTAL" NUMBER(38,0)',
    ]
    assert [sql.split('"PAID" ')[1].split()[0] for sql in said[2:]] == [
        "ADD",
        "RENAME",
        "SET",
        "RENAME",
        "SET",
        "DROP",
    ]


# What is staged


def staged(query: Query) -> tuple[int, int]:
    tables = query("SHOW TABLES LIKE 'STREAMPROC_STAGED%'")
    return len(tables), len(query("LIST @STREAMPROC_STAGE"))


def test_nothing_stays_staged_after_a_load_or_a_failure(
    sink: SnowflakeSink, server: SnowflakeServer, query: Query
) -> None:
    load(sink, [Event("a")], moved={0: (0, 1)})
    assert staged(query) == (0, 0)
    server.arm(Fault("refuse", matching="^COPY"))
    with pytest.raises(RetryableError):
        load(sink, [Event("b")], moved={0: (1, 2)})
    assert staged(query) == (0, 0)


def test_what_dead_loaders_have_staged_is_removed_the_own_at_once(
    server: SnowflakeServer, database: str, query: Query
) -> None:
    def die(name: str | None, seconds: int) -> None:
        # From the copying on everything fails, tidying too.
        with opened(server, database, name) as sink:
            moment = Micros(NOW + seconds * 1_000_000)
            ready = prepare(sink, batch([Event("a")], loaded_at=moment))
            server.arm(Fault("unavailable", matching="COPY|DROP|REMOVE|BEGIN", lasting=True))
            with capture_logs() as logs, pytest.raises(RetryableError):
                sink.load(ready)
            assert [line["event"] for line in logs] == ["staged rows not dropped"]
        server.arm()

    die("loader-0", 0)
    die("loader-1", 0)
    die(None, 0)
    die("loader-2", -SIX_HOURS - 1)
    tables, files = staged(query)
    assert (tables, files) == (4 * 6, 4 * 3)
    with opened(server, database, "loader-0") as sink:
        assert sink.clean() == 2 * (6 + 1)  # its own, and loader-2's
        assert sink.clean() == 0
    assert staged(query) == (2 * 6, 2 * 3)


# Sessions


def key_file(folder: Path, passphrase: bytes | None = None) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    locked: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        locked = serialization.BestAvailableEncryption(passphrase)
    pem = serialization.PrivateFormat.PKCS8
    file = folder / "rsa_key.p8"
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, locked))
    return file


def test_each_way_to_log_in_is_taken(
    server: SnowflakeServer, database: str, tmp_path: Path
) -> None:
    file = key_file(tmp_path, b"opens it")
    key = {"private_key_file": file, "private_key_passphrase": "opens it"}
    before = len(server.logins())
    for more in (key, {"oauth_token": "invented"}, {"password": "invented"}):
        with opened(server, database, role="STREAMPROC_LOADER", **more):
            pass
    logins = server.logins()[before:]
    assert [(login["AUTHENTICATOR"], login["given"]) for login in logins] == [
        ("SNOWFLAKE_JWT", ["TOKEN"]),
        ("OAUTH", ["TOKEN"]),
        (None, ["PASSWORD"]),
    ]
    assert all("roleName=STREAMPROC_LOADER" in login["query"] for login in logins)


def test_a_session_is_tagged_in_utc_and_ends_with_its_loader(
    sink: SnowflakeSink, server: SnowflakeServer
) -> None:
    assert sink.offsets() == {}
    parameters = server.logins()[-1]["SESSION_PARAMETERS"]
    assert parameters["QUERY_TAG"] == "streamproc-loader"
    assert parameters["TIMEZONE"] == "UTC"
    assert parameters["ABORT_DETACHED_QUERY"] is True
    assert parameters["CLIENT_TELEMETRY_ENABLED"] is False
    assert not parameters.get("CLIENT_SESSION_KEEP_ALIVE")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"password": None}, "found none of them"),
        ({"password": "a", "oauth_token": "b"}, "found oauth_token and password"),
        ({"user": None}, "snowflake.user"),
        ({"account": None}, "snowflake.account"),
        ({"private_key_file": "/nowhere/key.p8", "password": None}, "is no file"),
        ({"host": "snowflake.example.com"}, "expected https"),
        ({"host": None}, "expected https"),
        ({"password": "wrong"}, "does not accept who logs in"),
    ],
)
def test_settings_that_will_not_do_are_told_without_their_secrets(
    server: SnowflakeServer, database: str, more: dict[str, Any], told: str
) -> None:
    given = {"oauth_token": None, "password": "invented"} | more
    with pytest.raises(ConfigError, match=told) as caught, opened(server, database, **given):
        pass
    assert "wrong" not in str(caught.value)


def test_a_key_that_is_none_is_told(server: SnowflakeServer, database: str, tmp_path: Path) -> None:
    file = tmp_path / "key.p8"
    file.write_text("no key")
    locked = key_file(tmp_path, b"opens it")
    for more in (
        {"private_key_file": file},
        {"private_key_file": locked},
        {"private_key_file": locked, "private_key_passphrase": "does not"},
    ):
        with pytest.raises(ConfigError, match="private key"), opened(server, database, **more):
            pass


def test_a_key_of_a_kind_that_snowflake_does_not_take_is_told(
    server: SnowflakeServer, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "key.p8"
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key = ed25519.Ed25519PrivateKey.generate()
    file.write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    with (
        pytest.raises(ConfigError, match="RSA or ECDSA"),
        opened(server, database, private_key_file=file),
    ):
        pass


def test_a_server_that_is_not_there_is_retryable(database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    gone = SnowflakeServer(port)
    with (
        pytest.raises(RetryableError, match="log in"),
        opened(gone, database, timeout_seconds=1),
    ):
        pass


def test_no_error_tells_what_was_in_a_row(sink: SnowflakeSink, server: SnowflakeServer) -> None:
    server.arm(Fault("refuse", matching="^INSERT"))
    with pytest.raises(RetryableError) as caught:
        load(sink, [Event("secret", user_id="secret")], moved={0: (0, 1)})
    assert str(caught.value) == "Snowflake: 'seed offsets' failed (error 100183)"
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_a_lost_session_is_followed_by_a_new_one(
    sink: SnowflakeSink, server: SnowflakeServer
) -> None:
    load(sink, [Event("a")], moved={0: (0, 1)})
    before = len(server.logins())
    server.arm(Fault("session", matching="^SELECT"))
    with pytest.raises(RetryableError, match="390111"):
        sink.offsets()
    assert sink.offsets() == {Place(TOPIC, 0): Position(1)}
    assert len(server.logins()) == before + 1


def test_an_answer_that_takes_too_long_is_retryable(server: SnowflakeServer, database: str) -> None:
    with opened(server, database, timeout_seconds=0.5) as sink:
        server.arm(Fault("slow", matching="^SELECT"))
        sink.offsets()  # a second is the shortest the client knows
        server.arm(Fault("slow", matching="^SELECT", seconds=3))
        with pytest.raises(RetryableError, match="'offsets' failed"):
            sink.offsets()
        assert sink.offsets() == {}


def test_the_loader_speaks_to_nobody_else(
    server: SnowflakeServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken: set[tuple[str, int]] = set()
    connect = socket.socket.connect

    def listen(self: socket.socket, address: Any) -> None:
        spoken.add(tuple(address[:2]))
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", listen)
    with opened(server, database) as sink:
        load(sink, [Event("a")])
    assert spoken == {("127.0.0.1", server.port)}
