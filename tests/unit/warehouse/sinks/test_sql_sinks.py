"""What every warehouse that speaks SQL makes of batches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from postgres_server import binaries, fresh_schema, postgres_server
from pydantic import SecretStr
from warehouse_batches import (
    HOUR,
    NOW,
    TOPIC,
    Event,
    batch,
    deletion,
    identify,
    load,
    prepare,
)

from streamproc.events import Json, Micros
from streamproc.settings import LoaderSettings
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import AddColumns, Change, CreateTable, Widen, changes
from streamproc.warehouse.shape.names import Naming
from streamproc.warehouse.sink import (
    START,
    Advance,
    Load,
    Mode,
    OffsetsMovedError,
    Place,
    Position,
    SchemaMovedError,
    Together,
)
from streamproc.warehouse.sinks.duckdb import DuckDBSink, open_duckdb
from streamproc.warehouse.sinks.postgres import PostgresSink, open_postgres
from streamproc.warehouse.sql.expressions import micros
from streamproc.warehouse.sql.statements import Statement
from streamproc.warehouse.standard import EVERY, TRACK

SQLSink: TypeAlias = DuckDBSink | PostgresSink


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    if (programs := binaries()) is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres_server(programs) as url:
        yield url


@pytest.fixture(params=["duckdb", "postgres"])
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SQLSink]:
    opened: SQLSink
    if request.param == "duckdb":
        opened = open_duckdb(LoaderSettings(duckdb_file=tmp_path / "warehouse.duckdb"))
    else:
        url = fresh_schema(request.getfixturevalue("postgres_url"))
        opened = open_postgres(LoaderSettings(postgres_url=SecretStr(url)))
    yield opened
    opened.close()


def asked(sink: SQLSink, query: str) -> Sequence[tuple[Any, ...]]:
    """Return the answer to a query in DuckDB's SQL."""
    said = re.sub(r"epoch_us\((\w+)\)", lambda found: micros(sink.dialect, found[1]), query)
    with sink._transaction():
        return sink.fetch(Statement("asked", said))


def ids(sink: SQLSink, table: str) -> list[str]:
    return [name for (name,) in asked(sink, f'SELECT id FROM "{table}" ORDER BY 1')]


# Rows and offsets


def test_an_event_is_in_its_tables_and_the_ledger_after_a_load(sink: SQLSink) -> None:
    assert sink.offsets() == {}
    events = [Event("a", fields={"total": 3}), Event("b", "page", None, fields={"path": "/"})]
    assert load(sink, events, moved={0: (0, 3), 2: (0, 9)})[:5] == (2, 0, 0, 0, 0)
    assert sink.offsets() == {Place(TOPIC, 0): Position(3), Place(TOPIC, 2): Position(9)}
    assert asked(sink, "SELECT id, total, epoch_us(uuid_ts) FROM paid") == [("a", 3, NOW + HOUR)]
    assert asked(sink, "SELECT id, path FROM pages") == [("b", "/")]
    assert ids(sink, "streamproc_messages") == ["a", "b"]
    assert sink.counts() == {
        "tracks": 1,
        "paid": 1,
        "pages": 1,
        "streamproc_messages": 2,
        "discards": 0,
    }


def test_every_kind_is_stored_as_it_came(sink: SQLSink) -> None:
    fields: dict[str, Json] = {
        "flag": True,
        "number": 2**63 - 1,
        "part": 0.1,
        "day": "0001-01-01",
        "moment": "9999-12-31T23:59:59.999999Z",
        "words": "é'\";--",
        "document": {"a": [1, None]},
    }
    load(sink, [Event("a", fields=fields), Event("b")])
    columns = ", ".join(f'CAST("{name}" AS VARCHAR)' for name in fields)
    assert asked(sink, f"SELECT {columns} FROM paid ORDER BY id") == [
        (
            "true",
            "9223372036854775807",
            "0.1",
            "0001-01-01",
            "9999-12-31 23:59:59.999999+00",
            "é'\";--",
            '{"a":[1,null]}',
        ),
        (None,) * 7,
    ]


def test_a_batch_without_rows_moves_offsets_over_what_topics_do_not_have(sink: SQLSink) -> None:
    load(sink, moved={0: (0, 3)})
    load(sink, moved={0: (3, 50), 1: (0, 1)})
    assert sink.offsets() == {Place(TOPIC, 0): Position(50), Place(TOPIC, 1): Position(1)}


def test_an_offset_is_of_one_topic_and_not_of_another_of_its_name(sink: SQLSink) -> None:
    place = Place(TOPIC, 0)
    old, new, further = Position(3, "old"), Position(2, "new"), Position(3, "new")
    sink.load(batch(advances={place: Advance(START, old)}))
    with pytest.raises(OffsetsMovedError):
        sink.load(batch(advances={place: Advance(Position(3, "new"), Position(9, "new"))}))
    with pytest.raises(OffsetsMovedError):
        sink.load(batch(advances={place: Advance(Position(3), Position(9))}))
    sink.load(batch(advances={place: Advance(old, new)}))
    sink.load(batch(advances={place: Advance(new, further)}))
    with pytest.raises(OffsetsMovedError):
        sink.load(batch(advances={place: Advance(old, Position(9, "old"))}))
    assert sink.offsets() == {place: further}


def test_offsets_of_an_earlier_release_go_on_without_an_id(sink: SQLSink) -> None:
    load(sink, [Event("a")], moved={0: (0, 3)})
    with sink._transaction():
        sink.fetch(Statement("drop", 'ALTER TABLE "streamproc_offsets" DROP COLUMN "topic_id"'))
    sink.prepare("look")
    assert sink.offsets() == {Place(TOPIC, 0): Position(3)}
    sink.prepare("load")
    assert sink.offsets() == {Place(TOPIC, 0): Position(3)}
    there, known = Position(3), Position(4, "known")
    sink.load(batch(advances={Place(TOPIC, 0): Advance(there, known)}))
    assert sink.offsets() == {Place(TOPIC, 0): known}


def test_who_looks_touches_nothing(tmp_path: Path, postgres_url: str) -> None:
    file = tmp_path / "warehouse.duckdb"
    url = fresh_schema(postgres_url)
    looking: list[SQLSink] = [
        open_duckdb(LoaderSettings(duckdb_file=file), "look"),
        open_postgres(LoaderSettings(postgres_url=SecretStr(url)), "look"),
    ]
    for sink in looking:
        assert (sink.offsets(), sink.schema(), sink.counts()) == ({}, {}, {})
        assert sink.loads(NOW) == []
        sink.close()
    assert list(tmp_path.iterdir()) == []
    again = open_postgres(LoaderSettings(postgres_url=SecretStr(url)), "look")
    with closing(again), again._transaction():
        assert again._read_tables() == {}


@pytest.mark.parametrize("moved", [(0, 5), (2, 5), (4, 5)])
def test_a_batch_that_expects_another_offset_changes_nothing(
    sink: SQLSink, moved: tuple[int, int]
) -> None:
    load(sink, [Event("a")], moved={0: (0, 3)})
    late = prepare(sink, batch([Event("b", "page")], moved={1: (0, 2), 0: moved}))
    with pytest.raises(OffsetsMovedError):
        sink.load(late)
    assert sink.offsets() == {Place(TOPIC, 0): Position(3)}
    assert sink.counts()["streamproc_messages"] == 1
    assert len(sink.loads(Micros(0))) == 1
    load(sink, [Event("b", "page")], moved={1: (0, 2), 0: (3, 5)})
    assert sink.counts()["pages"] == 1


def test_what_was_loaded_is_told_batch_by_batch(sink: SQLSink) -> None:
    load(sink, [Event("a"), Event("a"), Event("b", discards=["x", "y"])])
    load(sink, loaded_at=Micros(NOW + 2 * HOUR), loader="another")
    first, second = sink.loads(Micros(0))
    assert first == Load("loader-0", Micros(NOW + HOUR), 2, 1, 0, 0, 2, NOW, first.seconds)
    assert second[:8] == ("another", NOW + 2 * HOUR, 0, 0, 0, 0, 0, None)
    assert first.seconds > 0
    assert sink.loads(Micros(NOW + 2 * HOUR)) == [second]


# Modes


def test_of_one_id_the_first_stays_in_dedupe(sink: SQLSink) -> None:
    events = [Event("a", fields={"n": 1}), Event("a", fields={"n": 2})]
    assert load(sink, events)[:2] == (1, 1)
    assert load(sink, [Event("a", fields={"n": 3}), Event("b", fields={"n": 4})])[:2] == (1, 1)
    assert asked(sink, "SELECT id, n FROM paid ORDER BY 1") == [("a", 1), ("b", 4)]
    assert ids(sink, "tracks") == ids(sink, "streamproc_messages") == ["a", "b"]


@pytest.mark.parametrize(("hours", "rows"), [(-169, 2), (-168, 1), (168, 1), (169, 2)])
def test_an_id_is_another_event_outside_the_window(sink: SQLSink, hours: int, rows: int) -> None:
    load(sink, [Event("a")])
    load(sink, [Event("a", received_at=NOW + hours * HOUR)])
    assert sink.counts()["tracks"] == rows
    assert sink.counts()["streamproc_messages"] == rows


def test_of_one_id_the_last_stays_in_merge(sink: SQLSink) -> None:
    events = [Event("a", fields={"n": 1}), Event("a", fields={"n": 2})]
    assert load(sink, events, mode="merge")[:3] == (1, 1, 0)
    moved = Event("a", table="refunded", fields={"m": 1})
    assert load(sink, [moved, Event("b")], mode="merge")[:3] == (1, 0, 1)
    assert ids(sink, "paid") == ["b"]
    assert ids(sink, "refunded") == ["a"]
    assert ids(sink, "tracks") == ids(sink, "streamproc_messages") == ["a", "b"]


def test_all_of_one_id_go_in_in_append(sink: SQLSink) -> None:
    assert load(sink, [Event("a"), Event("a")], mode="append")[:3] == (2, 0, 0)
    assert load(sink, [Event("a")], mode="append")[:3] == (1, 0, 0)
    assert ids(sink, "paid") == ids(sink, "streamproc_messages") == ["a"] * 3


@pytest.mark.parametrize("mode", ["dedupe", "merge", "append"])
def test_a_correction_moves_an_event_to_its_tables(sink: SQLSink, mode: str) -> None:
    load(sink, [Event("a", discards=["x"]), Event("b")])
    corrections = [
        Event("a", "page", None, correction=True, fields={"n": 1}),
        Event("a", "page", None, correction=True, fields={"n": 2}, discards=["y"]),
        Event("c", correction=True),
    ]
    assert load(sink, corrections, mode=mode)[:3] == (1, 1, 1)
    assert ids(sink, "paid") == ids(sink, "tracks") == ["b", "c"]
    assert asked(sink, "SELECT id, n FROM pages") == [("a", 2)]
    assert ids(sink, "streamproc_messages") == ["a", "b", "c"]
    assert asked(sink, "SELECT column_name FROM discards") == [("y",)]


@pytest.mark.parametrize("mode", ["dedupe", "append"])
@pytest.mark.parametrize("corrected_first", [True, False])
def test_a_correction_wins_over_its_event_in_one_batch(
    sink: SQLSink, mode: str, corrected_first: bool
) -> None:
    events = [Event("a", fields={"n": 1}, correction=True), Event("a", fields={"n": 2})]
    load(sink, events if corrected_first else events[::-1], mode=mode)
    assert asked(sink, "SELECT n FROM paid") == [(1,)]


# Users


def test_the_value_that_came_last_wins_by_column(sink: SQLSink) -> None:
    load(sink, [identify("a", "u", NOW, plan="free", city="Bonn"), identify("b", None, plan="x")])
    load(sink, [identify("c", "u", NOW + 1, plan="paid"), identify("d", "v", NOW, plan="new")])
    load(sink, [identify("e", "u", NOW - 1, plan="old", age=7)])
    query = "SELECT id, plan, city, age, epoch_us(received_at) FROM users ORDER BY id"
    assert asked(sink, query) == [
        ("u", "paid", "Bonn", 7, NOW + 1),
        ("v", "new", None, None, NOW),
    ]
    assert ids(sink, "identifies") == ["a", "b", "c", "d", "e"]


def test_a_correction_takes_a_value_out_of_users(sink: SQLSink) -> None:
    load(sink, [identify("a", "u", NOW, plan="free"), identify("b", "u", NOW + 1, mail="leaked")])
    load(sink, [replace(identify("b", "u", NOW + 1, city="Bonn"), correction=True)])
    assert asked(sink, "SELECT plan, mail, city FROM users") == [("free", None, "Bonn")]
    load(sink, [replace(identify("b", "w", NOW + 1), correction=True)])
    assert asked(sink, "SELECT id, city FROM users ORDER BY 1") == [("u", None), ("w", None)]


def test_a_user_is_made_anew_where_identifies_has_a_wider_column(sink: SQLSink) -> None:
    anonymous = identify("a", None, n="many", b="maybe", d="someday")
    load(sink, [identify("b", "u", NOW, n=1, b=True, d="2026-01-02"), anonymous])
    load(sink, [identify("c", "u", NOW - 1, n=2)])
    values = (1, True, "2026-01-02") if sink.dialect.name == "duckdb" else (None,) * 3
    assert asked(sink, "SELECT n, b, CAST(d AS VARCHAR) FROM users") == [values]


# Deletions


def test_a_person_goes_from_every_table_but_the_ids(sink: SQLSink) -> None:
    load(
        sink,
        [
            Event("a", user_id="gone", discards=["x"]),
            Event("b", "page", None, anonymous_id="gone"),
            identify("c", "gone", plan="x"),
            Event("d", "screen", None, identity_id="gone"),
            Event("e", user_id="stays", discards=["y"]),
            Event("f", user_id="gone", received_at=NOW + 9),
        ],
    )
    result = load(sink, deletions=[deletion("gone", NOW), deletion("unknown")], moved={0: (0, 1)})
    assert result[:5] == (0, 0, 0, 4, 0)
    assert ids(sink, "tracks") == ids(sink, "paid") == ["e", "f"]
    for table in ("pages", "identifies", "screens", "users"):
        assert ids(sink, table) == []
    assert ids(sink, "streamproc_messages") == ["a", "b", "c", "d", "e", "f"]
    left = "SELECT DISTINCT user_id, anonymous_id, identity_id FROM streamproc_messages ORDER BY 1"
    assert asked(sink, left) == [("gone", None, None), ("stays", None, None), (None, None, None)]
    assert asked(sink, "SELECT row_id FROM discards") == [("e",)]
    kept = "SELECT token, epoch_us(until), receipt, events FROM streamproc_deletions ORDER BY 1"
    assert asked(sink, kept) == [("gone", NOW, "r1", 4), ("unknown", NOW + HOUR, "r1", 0)]


def test_what_comes_late_of_a_person_stays_out_and_is_remembered(sink: SQLSink) -> None:
    load(sink, [Event("a", user_id="gone")], deletions=[deletion("gone")])
    assert load(sink, [Event("b", user_id="gone"), Event("c")])[:5] == (1, 0, 0, 1, 0)
    assert load(sink, [Event("a", user_id="gone"), Event("b")])[:5] == (0, 2, 0, 0, 0)
    assert ids(sink, "paid") == ["c"]
    assert ids(sink, "streamproc_messages") == ["a", "b", "c"]
    assert asked(sink, "SELECT events FROM streamproc_deletions") == [(2,)]


def test_a_correction_does_not_bring_a_person_back(sink: SQLSink) -> None:
    load(sink, [Event("a", user_id="gone")])
    load(sink, deletions=[deletion("gone")])
    again = load(sink, [Event("a", user_id="gone", correction=True)])
    assert again[:5] == (0, 0, 0, 1, 0)
    assert ids(sink, "paid") == []
    assert asked(sink, "SELECT id, user_id FROM streamproc_messages") == [("a", None)]


@pytest.mark.parametrize("mode", ["dedupe", "merge", "append"])
def test_a_correction_under_another_identity_does_not_bring_a_person_back(
    sink: SQLSink, mode: Mode
) -> None:
    load(sink, [replace(identify("a", "u", n=1), identity_id="gone"), Event("b", user_id="v")])
    again = replace(identify("a", "u", n=2), identity_id="joined", correction=True)
    assert load(sink, [again], mode=mode, deletions=[deletion("gone")])[:5] == (0, 0, 0, 1, 0)
    both = [again, Event("b", user_id="w", correction=True)]
    assert load(sink, both, mode=mode)[:5] == (0, 0, 1, 1, 0)
    assert ids(sink, "identifies") == ids(sink, "users") == []
    query = "SELECT id, user_id, identity_id FROM streamproc_messages ORDER BY id"
    assert asked(sink, query) == [("a", None, None), ("b", "w", None)]


@pytest.mark.parametrize("mode", ["dedupe", "merge", "append"])
def test_a_receipt_counts_what_comes_with_the_deletion_and_each_event_once(
    sink: SQLSink, mode: Mode
) -> None:
    load(sink, [Event("a", user_id="u", identity_id="gone"), Event("b", user_id="gone")])
    events = [
        # Of somebody else by now, of the same, new, there already, and twice the person.
        Event("a", user_id="u", identity_id="joined", received_at=NOW + 1, correction=True),
        Event("b", user_id="gone", received_at=NOW + 1, correction=True),
        Event("c", anonymous_id="gone"),
        Event("d", user_id="gone", identity_id="gone"),
        Event("e", user_id="v"),
    ]
    assert load(sink, events, mode=mode, deletions=[deletion("gone")]).deleted == 4
    assert asked(sink, "SELECT events FROM streamproc_deletions") == [(4,)]
    assert ids(sink, "paid") == ["e"]


def test_the_tokens_that_are_in_events_together_are_told_with_the_newest(sink: SQLSink) -> None:
    events = [
        Event("a", user_id="u", anonymous_id="d", identity_id="u"),
        Event("b", user_id="u", anonymous_id="d", identity_id="u", received_at=NOW + 5),
        Event("c", anonymous_id="d"),
        Event("d", user_id="v"),
    ]
    load(sink, events)
    found = sorted(sink.together({"u", "d", *map(str, range(700))}), key=str)
    assert {*found} == {
        Together("u", "d", "u", Micros(NOW + 5), 2),
        Together(None, "d", None, NOW, 1),
    }
    assert sink.together([]) == []


def test_a_person_deleted_again_is_gone_until_the_later_moment(sink: SQLSink) -> None:
    load(sink, [Event(name, user_id="u", received_at=NOW + n) for n, name in enumerate("abc")])
    assert load(sink, deletions=[deletion("u", NOW)]).deleted == 1
    again = [deletion("u", NOW + 1, "r2"), deletion("u", NOW - 5, "r3")]
    assert load(sink, deletions=again).deleted == 1
    assert load(sink, deletions=again).deleted == 0
    assert ids(sink, "paid") == ["c"]
    kept = "SELECT epoch_us(until), receipt, events FROM streamproc_deletions"
    assert asked(sink, kept) == [(NOW + 1, "r3", 2)]


def test_a_user_who_identifies_after_the_deletion_has_the_new_values_alone(
    sink: SQLSink,
) -> None:
    load(sink, [identify("a", "u", NOW, plan="old"), identify("b", "u", NOW + 9, city="Bonn")])
    load(sink, deletions=[deletion("u", NOW)])
    assert asked(sink, "SELECT id, plan, city FROM users") == [("u", None, "Bonn")]


def test_many_people_are_deleted_in_one_batch(sink: SQLSink) -> None:
    events = [Event(f"e{n}", user_id=f"u{n}") for n in range(1_200)]
    load(sink, events)
    everyone = [deletion(f"u{n}") for n in range(1, 1_200)]
    assert load(sink, deletions=everyone).deleted == 1_199
    assert ids(sink, "paid") == ["e0"]


# Tables


def test_a_change_that_is_made_already_is_harmless(sink: SQLSink) -> None:
    made: list[Change] = [
        CreateTable("paid", {"id": Kind.STRING, "n": Kind.INTEGER}),
        AddColumns("paid", {"m": Kind.DATE, "doc": Kind.JSON}),
        Widen("paid", "n", Kind.INTEGER, Kind.STRING),
    ]
    for _ in range(2):
        sink.change(made)
        columns = {"id": Kind.STRING, "n": Kind.STRING, "uuid_ts": Kind.TIMESTAMP}
        assert sink.schema() == {"paid": {**columns, "m": Kind.DATE, "doc": Kind.JSON}}


@pytest.mark.parametrize("columns", [{}, {"n": Kind.STRING}, {"m": Kind.INTEGER}])
def test_a_batch_for_another_schema_changes_nothing(
    sink: SQLSink, columns: dict[str, Kind]
) -> None:
    if columns:
        sink.change([CreateTable("paid", {**EVERY, **TRACK, **columns})])
    made = batch([Event("a", fields={"n": 1})], moved={0: (0, 1)})
    needed = {"tracks": made.frames["tracks"].columns}
    sink.change(changes(sink.schema(), needed))
    with pytest.raises(SchemaMovedError, match="paid"):
        sink.load(made)
    assert sink.offsets() == {}


def test_a_table_has_as_many_columns_as_it_can(sink: SQLSink) -> None:
    most = min(1_000, sink.dialect.columns - len(EVERY) - len(TRACK) - 1)
    numbers: dict[str, Json] = {f"c{n}": n for n in range(most)}
    load(sink, [Event("a", fields=numbers), identify("b", "u", NOW, **numbers)])
    load(sink, [identify("c", "u", NOW - 1, **numbers)])
    query = f"SELECT c0, c{most - 1} FROM paid UNION ALL SELECT c0, c{most - 1} FROM users"
    assert asked(sink, query) == [(0, most - 1)] * 2


@pytest.mark.parametrize("size", [22, 23, 24, 30, 3_000])
def test_a_row_fits_into_a_page_of_postgres_whatever_it_holds(postgres_url: str, size: int) -> None:
    url = SecretStr(fresh_schema(postgres_url))
    sink = open_postgres(LoaderSettings(postgres_url=url))
    most = sink.dialect.columns - len(EVERY) - len(TRACK) - 1
    words: dict[str, Json] = {f"c{n}": f"{n:x} é"[:size].ljust(size, "x") for n in range(most)}
    load(sink, [Event("a", fields=words)])
    assert sink.counts()["paid"] == 1
    sink.close()


NAMES = ['"; DROP TABLE tracks; --', "Straße\0", "😀" * 300, "select", "1st", "", "a" * 300, "?"]


def test_names_of_any_kind_make_tables_and_columns(sink: SQLSink) -> None:
    naming = Naming(sink.dialect)
    for number, name in enumerate(NAMES):
        fields: dict[str, Any] = {naming.column((name,)): number}
        load(sink, [Event(f"e{number}", table=naming.table(name), fields=fields)])
    assert sink.counts()["tracks"] == len(NAMES)
    tables = {naming.table(name) for name in NAMES}
    assert len(tables) == len(NAMES)
    assert all(sink.counts()[table] == 1 for table in tables)
