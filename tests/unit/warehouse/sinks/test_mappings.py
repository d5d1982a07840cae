"""What every warehouse makes of mappings: the last that was told of a token, in one row or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import duckdb
import pytest
from postgres_server import binaries, fresh_schema, postgres_server
from pydantic import SecretStr
from snowflake_server import SnowflakeServer, snowflake_server
from warehouse_batches import NOW, Event, load

from streamproc.events import Micros, Token
from streamproc.identity.mappings import Due, Mapping
from streamproc.settings import LoaderSettings, Settings
from streamproc.warehouse.loading.mapping_batches import MappingBatch, Standing, anew, reached
from streamproc.warehouse.mappings import COLUMNS, MAPPINGS
from streamproc.warehouse.schema import CreateTable
from streamproc.warehouse.sink import Mapped, OffsetsMovedError, Place, SchemaMovedError, Sink
from streamproc.warehouse.sinks.duckdb import DuckDBSink, open_duckdb
from streamproc.warehouse.sinks.parquet import open_parquet
from streamproc.warehouse.sinks.postgres import PostgresSink, open_postgres
from streamproc.warehouse.sinks.snowflake import open_snowflake
from streamproc.warehouse.sql.statements import Statement

PLACE = Place("identity.links", 0)
SELECTED = "SELECT token, identity_id, kind FROM"
LATER = Micros(NOW + 1_000_000)

Rows: TypeAlias = dict[str, tuple[str, str]]


class Opened(NamedTuple):
    """A sink, and what looks into its table."""

    sink: Sink
    rows: Callable[[], Rows]


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    if (programs := binaries()) is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres_server(programs) as url:
        yield url


@pytest.fixture(scope="module")
def server() -> Iterator[SnowflakeServer]:
    with snowflake_server() as started:
        yield started


@pytest.fixture(params=["duckdb", "postgres", "parquet", "snowflake"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    made = OPENERS[request.param](request, tmp_path)
    made.sink.change([CreateTable(MAPPINGS, COLUMNS)])
    yield made
    made.sink.close()


def by_token(found: list[tuple[str, ...]]) -> Rows:
    rows = {token: (owner, kind) for token, owner, kind in found}
    assert len(rows) == len(found), "a token has several rows"
    return rows


def fetched(sink: DuckDBSink | PostgresSink) -> Rows:
    return by_token([*sink.fetch(Statement("look", f"{SELECTED} {MAPPINGS}"))])


def on_duckdb(_request: pytest.FixtureRequest, folder: Path) -> Opened:
    sink = open_duckdb(LoaderSettings(duckdb_file=folder / "warehouse.duckdb"))
    return Opened(sink, lambda: fetched(sink))


def on_postgres(request: pytest.FixtureRequest, _folder: Path) -> Opened:
    url = fresh_schema(request.getfixturevalue("postgres_url"))
    sink = open_postgres(LoaderSettings(postgres_url=SecretStr(url)))
    return Opened(sink, lambda: fetched(sink))


def on_parquet(_request: pytest.FixtureRequest, folder: Path) -> Opened:
    lake = folder / "lake"
    files = f"read_parquet('{lake}/table={MAPPINGS}/*.parquet')"
    sink = open_parquet(LoaderSettings(sink="parquet", parquet_directory=lake))

    def rows() -> Rows:
        return by_token(duckdb.connect().execute(f"{SELECTED} {files}").fetchall())

    return Opened(sink, rows)


def on_snowflake(request: pytest.FixtureRequest, _folder: Path) -> Opened:
    server: SnowflakeServer = request.getfixturevalue("server")
    server.arm()
    database = f"MAPPINGS_{request.node.name.split('[')[0][-20:].upper()}"
    loader = LoaderSettings(sink="snowflake", instance_id="one")
    sink = open_snowflake(Settings(loader=loader, snowflake=server.settings(database)))
    return Opened(sink, lambda: by_token(server.rows(database, f"{SELECTED} {MAPPINGS}")))


OPENERS: dict[str, Callable[[pytest.FixtureRequest, Path], Opened]] = {
    "duckdb": on_duckdb,
    "postgres": on_postgres,
    "parquet": on_parquet,
    "snowflake": on_snowflake,
}


def told(**mappings: str | None) -> Due:
    found = [
        Mapping(Token(token), "email", None if owner is None else Token(owner), Micros(NOW))
        for token, owner in mappings.items()
    ]
    return Due(found, more=False)


def write(
    sink: Sink,
    due: Due,
    moved: tuple[Standing, Standing],
    at: Micros = NOW,
    *,
    whole: bool = False,
) -> None:
    sink.load(MappingBatch(due, *moved, Mapped(at, whole)).to_batch("loader-0", at))


def at(offset: int) -> Standing:
    return reached({PLACE: offset}, "topic")


def test_a_token_has_the_identity_that_was_told_last(opened: Opened) -> None:
    write(opened.sink, told(a="x", b="x"), ({}, at(2)))
    assert opened.rows() == {"a": ("x", "email"), "b": ("x", "email")}
    write(opened.sink, told(a="y", c="y"), (at(2), at(5)))
    assert opened.rows() == {"a": ("y", "email"), "b": ("x", "email"), "c": ("y", "email")}
    write(opened.sink, told(b=None, d=None), (at(5), at(6)))
    assert opened.rows() == {"a": ("y", "email"), "c": ("y", "email")}
    assert opened.sink.offsets() == at(6)
    assert opened.sink.counts()[MAPPINGS] == 2


def test_whoever_knows_less_writes_nothing(opened: Opened) -> None:
    write(opened.sink, told(a="x"), ({}, at(5)))
    with pytest.raises(OffsetsMovedError):
        write(opened.sink, told(a="old", b="old"), (at(2), at(3)))
    assert opened.rows() == {"a": ("x", "email")}


def test_a_table_that_is_made_anew_has_all_its_rows_until_it_is_whole(opened: Opened) -> None:
    sink = opened.sink
    write(sink, told(a="x", b="x", gone="x"), ({}, at(5)))
    one, two = (anew([PLACE], "me", number) for number in (0, 1))
    write(sink, told(), (at(5), one), LATER)
    write(sink, told(a="y"), (one, two), LATER)
    assert opened.rows().keys() == {"a", "b", "gone"}
    write(sink, told(b="x"), (two, at(7)), LATER, whole=True)
    assert opened.rows() == {"a": ("y", "email"), "b": ("x", "email")}
    write(sink, told(), (at(7), at(7)), LATER, whole=True)
    assert opened.rows().keys() == {"a", "b"}
    assert sink.counts()[MAPPINGS] == 2


def test_mappings_and_events_leave_each_other_alone(opened: Opened) -> None:
    load(opened.sink, [Event("m-1")])
    write(opened.sink, told(a="x"), ({}, at(1)))
    load(opened.sink, [Event("m-2")])
    assert opened.rows() == {"a": ("x", "email")}
    assert opened.sink.counts()["tracks"] == 2


def test_a_table_that_is_not_there_is_told(tmp_path: Path) -> None:
    sink = open_duckdb(LoaderSettings(duckdb_file=tmp_path / "warehouse.duckdb"))
    with pytest.raises(SchemaMovedError):
        write(sink, told(a="x"), ({}, at(1)))
    assert sink.offsets() == {}
    sink.close()
