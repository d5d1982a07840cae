from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from warehouse_batches import HOUR, NOW, TOPIC, Event, batch, deletion, identify, load, prepare

from streamproc.errors import ConfigError, RetryableError
from streamproc.events import Json, Micros
from streamproc.settings import LoaderSettings
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import AddColumns, Change, CreateTable, Widen
from streamproc.warehouse.shape.names import Naming
from streamproc.warehouse.sink import (
    Load,
    OffsetsMovedError,
    Place,
    Position,
    SchemaMovedError,
    Together,
)
from streamproc.warehouse.sinks import lake, parquet
from streamproc.warehouse.sinks.parquet import ParquetSink, open_parquet

DAY = 24 * HOUR


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def sink(directory: Path) -> Iterator[ParquetSink]:
    opened = opened_lake(directory)
    yield opened
    opened.close()


def opened_lake(directory: Path) -> ParquetSink:
    return open_parquet(LoaderSettings(parquet_directory=directory))


def asked(directory: Path, table: str, columns: str = "id") -> list[tuple[Any, ...]]:
    """Return what a reader of the lake sees."""
    files = f"{directory}/table={table}/**/*.parquet"
    if not list(directory.glob(f"table={table}/**/*.parquet")):
        return []
    query = f"SELECT {columns} FROM read_parquet(?, union_by_name = true) ORDER BY ALL"
    with duckdb.connect() as connection:
        return connection.execute(query, [files]).fetchall()


def files_of(directory: Path) -> set[str]:
    return {str(file.relative_to(directory)) for file in directory.rglob("*.parquet")}


# Files


def test_an_event_is_in_the_files_of_its_tables_and_day_after_a_load(
    sink: ParquetSink, directory: Path
) -> None:
    assert sink.offsets() == {}
    events = [
        Event("a", fields={"total": 3}),
        Event("b", "page", None, fields={"path": "/"}),
        Event("c", received_at=NOW + DAY),
    ]
    assert load(sink, events, moved={0: (0, 3), 2: (0, 9)})[:5] == (3, 0, 0, 0, 0)
    assert sink.offsets() == {Place(TOPIC, 0): Position(3), Place(TOPIC, 2): Position(9)}
    told = asked(directory, "paid", 'id, total, epoch_us(uuid_ts), date, "table"')
    assert [(*row[:3], str(row[3]), row[4]) for row in told] == [
        ("a", 3, NOW + HOUR, "2023-11-14", "paid"),
        ("c", None, NOW + HOUR, "2023-11-15", "paid"),
    ]
    assert asked(directory, "pages", "id, path") == [("b", "/")]
    assert sink.counts() == {
        "tracks": 2,
        "paid": 2,
        "pages": 1,
        "streamproc_messages": 3,
        "discards": 0,
    }


def test_files_of_one_table_have_the_types_of_its_kinds(sink: ParquetSink, directory: Path) -> None:
    fields: dict[str, Json] = {
        "flag": True,
        "number": 2**63 - 1,
        "part": 0.1,
        "day": "0001-01-01",
        "moment": "9999-12-31T23:59:59.999999Z",
        "words": "é'\";--",
        "document": {"a": [1, None]},
    }
    load(sink, [Event("a", fields=fields)])
    (file,) = directory.glob("table=paid/*/*.parquet")
    read = pq.ParquetFile(file)
    types = {name: str(read.schema_arrow.field(name).type) for name in fields}
    assert list(types.values()) == [
        "bool",
        "int64",
        "double",
        "date32[day]",
        "timestamp[us, tz=UTC]",
        "string",
        "string",
    ]
    (row,) = read.read(list(fields)).to_pylist()
    assert row["document"] == '{"a":[1,null]}'
    assert row["moment"].year == 9999
    assert read.metadata.row_group(0).column(0).compression == "ZSTD"


def test_names_of_any_kind_stay_below_the_folder(sink: ParquetSink, directory: Path) -> None:
    naming = Naming(sink.dialect)
    names = ["../../up", "a/b", "date", "x'; --", "Заказ", "%2e%2e"]
    events = [
        Event(str(number), table=naming.table(name), fields={naming.column((name,)): 1})
        for number, name in enumerate(names)
    ]
    load(sink, events)
    assert [len(asked(directory, naming.table(name))) for name in names] == [1] * len(names)
    assert {path.name for path in directory.parent.iterdir()} == {"lake"}


# Exactly once


def test_an_id_that_is_there_stays_out_within_the_window(
    sink: ParquetSink, directory: Path
) -> None:
    load(sink, [Event("a"), Event("a"), Event("b")])
    result = load(sink, [Event("a", received_at=NOW + 168 * HOUR), Event("c")])
    assert result[:2] == (1, 1)
    load(sink, [Event("b", received_at=NOW + 169 * HOUR)])
    assert asked(directory, "paid") == [("a",), ("b",), ("b",), ("c",)]


def test_a_correction_takes_an_event_to_another_table_and_day(
    sink: ParquetSink, directory: Path
) -> None:
    load(sink, [Event("a", fields={"total": 1}, discards=["x"]), Event("b", fields={"total": 2})])
    moved = Event("a", table="refunded", received_at=NOW + DAY, correction=True)
    assert load(sink, [moved]).replaced == 1
    assert asked(directory, "paid", "id, total") == [("b", 2)]
    assert asked(directory, "refunded") == [("a",)]
    assert asked(directory, "tracks") == [("a",), ("b",)]
    assert asked(directory, "discards", "row_id") == []
    assert sink.counts()["streamproc_messages"] == 2
    assert sink.counts()["paid"] == 1
    assert load(sink, [Event("a", received_at=NOW + DAY)]).duplicates == 1


def test_appending_lets_an_id_come_again(sink: ParquetSink, directory: Path) -> None:
    load(sink, [Event("a"), Event("a")], mode="append")
    load(sink, [Event("a")], mode="append")
    assert asked(directory, "paid") == [("a",)] * 3
    assert sink.counts()["streamproc_messages"] == 3


@pytest.mark.parametrize("moved", [(0, 5), (2, 5), (4, 5)])
def test_a_batch_that_expects_another_offset_changes_nothing(
    sink: ParquetSink, directory: Path, moved: tuple[int, int]
) -> None:
    load(sink, [Event("a")], moved={0: (0, 3)})
    before = files_of(directory)
    with pytest.raises(OffsetsMovedError):
        sink.load(prepare(sink, batch([Event("b")], moved={1: (0, 2), 0: moved})))
    assert sink.offsets() == {Place(TOPIC, 0): Position(3)}
    assert {name for name in files_of(directory) if "staging" not in name} == before


def test_a_batch_of_another_kind_changes_nothing(sink: ParquetSink) -> None:
    load(sink, [Event("a", fields={"total": 1})])
    with pytest.raises(SchemaMovedError):
        sink.load(batch([Event("b", fields={"total": "one"})]))
    assert sink.counts()["paid"] == 1


# People


def test_a_deletion_takes_what_is_there_and_keeps_out_what_comes(
    sink: ParquetSink, directory: Path
) -> None:
    load(
        sink,
        [
            Event("a", user_id="tok"),
            Event("b", anonymous_id="tok", received_at=NOW + DAY),
            Event("c", user_id="other"),
            identify("d", "tok", email="x"),
        ],
    )
    assert load(sink, deletions=[deletion("tok", NOW + HOUR)]).deleted == 2
    assert asked(directory, "paid") == [("b",), ("c",)]
    assert asked(directory, "users") == []
    assert sink.counts()["users"] == 0
    assert load(sink, [Event("e", user_id="tok"), Event("a", user_id="tok")])[:4] == (0, 1, 0, 1)
    assert asked(directory, "paid") == [("b",), ("c",)]
    assert sink.counts()["streamproc_messages"] == 5
    ledger = f"{directory}/_streamproc/messages/*/*.parquet"
    with duckdb.connect() as connection:
        query = f"SELECT id FROM '{ledger}' WHERE 'tok' IN (user_id, anonymous_id)"
        assert connection.execute(query).fetchall() == [("b",)]


def test_of_a_users_traits_the_last_that_are_told_stay(sink: ParquetSink, directory: Path) -> None:
    load(sink, [identify("a", "u", NOW + 2, plan="gold", age=3), identify("b", "v", plan="x")])
    load(sink, [identify("c", "u", NOW + 3, plan=None, age=4)])
    load(sink, [identify("d", "u", NOW + 1, plan="old", city="Oslo")])
    told = asked(directory, "users", "id, plan, age, city")
    assert told == [("u", "gold", 4, "Oslo"), ("v", "x", None, None)]
    assert list(directory.glob("table=users/*")) == [directory / "table=users" / "users.parquet"]


# Columns


@pytest.mark.parametrize(
    ("first", "then", "stored"),
    [
        (True, "yes", ["true", "yes"]),
        (1, 1.5, [1.0, 1.5]),
        (1, "one", ["1", "one"]),
        (1.0, "one", ["1.0", "one"]),
        ("2026-01-02", "soon", ["2026-01-02", "soon"]),
        ("2026-01-02T10:00:00.50Z", "soon", ["2026-01-02T10:00:00.5Z", "soon"]),
        ([1], "none", ["[1]", "none"]),
    ],
)
def test_a_column_that_is_widened_is_written_again(
    sink: ParquetSink, directory: Path, first: Json, then: Json, stored: list[Json]
) -> None:
    load(sink, [Event("0"), identify("u", "u", value=first)])
    load(sink, [Event("a", fields={"value": first})])
    load(sink, [Event("b", fields={"value": then}), identify("v", "v", value=then)])
    assert asked(directory, "paid", "id, value") == [
        ("0", None),
        ("a", stored[0]),
        ("b", stored[1]),
    ]
    assert asked(directory, "users", "id, value") == [("u", stored[0]), ("v", stored[1])]
    assert len({type_of(file) for file in directory.glob("table=paid/*/*.parquet")} - {""}) == 1


def test_changes_that_are_made_change_nothing(sink: ParquetSink, directory: Path) -> None:
    made: list[Change] = [
        CreateTable("paid", {"id": Kind.STRING, "n": Kind.INTEGER}),
        AddColumns("paid", {"m": Kind.DATE}),
        Widen("paid", "n", Kind.INTEGER, Kind.FLOAT),
    ]
    sink.change(made)
    after = sink.schema()
    commits = len(list(directory.glob("_streamproc/commits/*")))
    sink.change(made)
    sink.change([AddColumns("paid", {"m": Kind.STRING})])
    assert sink.schema() == after
    assert after["paid"]["n"] is Kind.FLOAT
    assert len(list(directory.glob("_streamproc/commits/*"))) == commits
    assert sink.statements(made) == [
        "new table paid: id string, n integer",
        "new columns of paid: m date",
        "paid.n from integer to float, in every file that has it",
    ]


# The log


def test_a_lake_is_the_same_when_it_is_opened_again(sink: ParquetSink, directory: Path) -> None:
    load(sink, [Event("a", user_id="u")], moved={0: (0, 3)}, deletions=[deletion("v")])
    other = opened_lake(directory)
    assert other.offsets() == sink.offsets()
    assert other.schema() == sink.schema()
    assert other.counts() == sink.counts()
    assert load(other, [Event("a"), Event("b", user_id="v")])[:4] == (0, 1, 0, 1)
    (first, second) = other.loads(Micros(0))
    assert first[:7] == Load("loader-0", Micros(NOW + HOUR), 1, 0, 0, 0, 0, Micros(NOW), 0)[:7]
    assert second.received_up_to == NOW
    assert other.loads(Micros(NOW + 2 * HOUR)) == []
    other.close()


def test_old_commits_make_room_for_snapshots_and_small_files_for_larger(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake, "COMMITS_A_SNAPSHOT", 4)
    monkeypatch.setattr(parquet, "FILES_A_TIER", 3)
    sink, idle = opened_lake(directory), opened_lake(directory)
    for number in range(20):
        load(sink, [Event(str(number))], moved={0: (number, number + 1)})
    assert len(list(directory.glob("_streamproc/commits/*"))) <= 4
    assert len(list(directory.glob("_streamproc/snapshots/*"))) == 1
    assert len(list(directory.glob("_streamproc/messages/*/*"))) <= 6
    for reader in (idle, opened_lake(directory)):
        assert reader.offsets() == {Place(TOPIC, 0): Position(20)}
        assert reader.counts()["paid"] == 20
        assert len(reader.loads(Micros(0))) == 20
    assert load(idle, [Event(str(number)) for number in range(21)])[:2] == (1, 20)
    assert len(asked(directory, "paid")) == 21


def test_a_loader_that_slept_through_a_snapshot_does_not_commit_into_the_past(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake, "COMMITS_A_SNAPSHOT", 2)
    sleeper, other = opened_lake(directory), opened_lake(directory)
    load(other, [Event("0")], moved={0: (0, 1)})
    due = prepare(sleeper, batch([Event("late")], moved={1: (0, 1)}))
    append = sleeper._log.append

    def append_late(commit: lake.Commit) -> bool:
        if len(other.loads(Micros(0))) == 1:
            for number in range(1, 6):
                load(other, [Event(str(number))], moved={0: (number, number + 1)})
            assert not (directory / f"_streamproc/commits/{commit.number:012d}.json").exists()
        return append(commit)

    monkeypatch.setattr(sleeper._log, "append", append_late)
    sleeper.load(due)
    assert opened_lake(directory).offsets() == {
        Place(TOPIC, 0): Position(6),
        Place(TOPIC, 1): Position(1),
    }
    assert len(asked(directory, "paid")) == 7


def test_two_loaders_with_partitions_each_come_to_one_lake(directory: Path) -> None:
    one, two = opened_lake(directory), opened_lake(directory)
    for number in range(5):
        same = Event(f"same-{number}")
        load(one, [Event(f"a{number}"), same], moved={0: (number, number + 1)})
        load(two, [same, Event(f"b{number}")], moved={1: (number, number + 1)})
    assert one.offsets() == {Place(TOPIC, 0): Position(5), Place(TOPIC, 1): Position(5)}
    assert len(asked(directory, "paid")) == 15
    assert one.counts() == two.counts()


def test_who_is_second_to_commit_begins_anew(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = opened_lake(directory), opened_lake(directory)
    load(two, [Event("0")])
    append = one._log.append

    def append_late(commit: lake.Commit) -> bool:
        if "1" not in dict(asked(directory, "paid", "id, id")):
            load(two, [Event("1")], moved={1: (0, 1)})
        return append(commit)

    monkeypatch.setattr(one._log, "append", append_late)
    result = load(one, [Event("1"), Event("2")], moved={0: (0, 1)})
    assert result[:2] == (1, 1)
    assert asked(directory, "paid") == [("0",), ("1",), ("2",)]


def test_the_tokens_that_are_in_events_together_are_told(directory: Path) -> None:
    sink = opened_lake(directory)
    assert sink.together(["u"]) == []
    load(sink, [Event("a", user_id="u", anonymous_id="d"), Event("b", user_id="v")])
    load(sink, [Event("c", user_id="u", anonymous_id="d", received_at=NOW + 5)])
    looking = open_parquet(LoaderSettings(parquet_directory=directory), "look")
    assert looking.together(["d"]) == [Together("u", "d", None, Micros(NOW + 5), 2)]


def test_who_looks_at_a_lake_touches_nothing(directory: Path) -> None:
    settings = LoaderSettings(parquet_directory=directory)
    looking = open_parquet(settings, "look")
    assert (looking.offsets(), looking.schema()) == ({}, {})
    looking.close()
    assert not directory.exists()
    load(opened_lake(directory), [Event("a")], moved={0: (0, 1)})
    before = sorted(directory.rglob("*"))
    looking = open_parquet(settings, "look")
    assert looking.offsets() == {Place(TOPIC, 0): Position(1)}
    assert looking.counts()["tracks"] == 1
    looking.close()
    assert sorted(directory.rglob("*")) == before


def test_what_a_loader_that_is_gone_has_staged_is_removed_and_that_of_others_is_not(
    directory: Path,
) -> None:
    gone, alive = opened_lake(directory), opened_lake(directory)
    load(gone, [Event("a")])
    assert gone._staging is not None
    gone._staging.abandon()
    assert alive.clean() == 1
    assert alive.clean() == 0
    other = opened_lake(directory)
    assert len(list(directory.glob("_streamproc/staging/*"))) == 2
    other.close()
    alive.close()
    assert list(directory.glob("_streamproc/staging/*")) == []
    assert list(directory.glob("_streamproc/locks/*")) == []


def test_a_folder_that_cannot_be_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for directory in (tmp_path / "none" / "lake", tmp_path / "file"):
        with pytest.raises(ConfigError):
            opened_lake(directory)


def test_a_file_that_cannot_be_read_is_told_without_what_is_in_it(
    sink: ParquetSink, directory: Path
) -> None:
    load(sink, [Event("a", user_id="jane")])
    (file,) = directory.glob("_streamproc/messages/*/*.parquet")
    file.write_bytes(b"jane")
    with pytest.raises(RetryableError) as error:
        load(sink, [Event("b")])
    assert "jane" not in str(error.value)


def type_of(file: Path) -> str:
    schema = pq.read_schema(file)
    return str(schema.field("value").type) if "value" in schema.names else ""
