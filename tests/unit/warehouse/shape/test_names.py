from __future__ import annotations

import re
from itertools import permutations

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamproc.identity.sources import RESERVED
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.dialects import DUCKDB, PARQUET, POSTGRES, SNOWFLAKE
from streamproc.warehouse.shape import reserved
from streamproc.warehouse.shape.names import WORDS, ColumnPath, Naming, distinct
from streamproc.warehouse.standard import (
    ATTRIBUTES,
    BASE,
    EVERY,
    LOADED,
    OVERFLOW,
    ROW,
    SYSTEM,
    TABLES,
    TRACK,
)

DIALECTS = (DUCKDB, PARQUET, POSTGRES, SNOWFLAKE)
NAMINGS = {dialect.name: Naming(dialect) for dialect in DIALECTS}
OWN_COLUMNS = {*EVERY, *TRACK, *BASE, LOADED, OVERFLOW, ROW}
SAFE = re.compile(r"[a-z_][a-z0-9_]*")
KEYS = st.text(max_size=12) | st.sampled_from(
    ["a b", "a_b", "aB", "select", "row", "id", "context"]
)
PATHS = st.lists(KEYS, min_size=1, max_size=3).map(tuple)

# https://github.com/rudderlabs/rudder-transformer, src/warehouse/snakecase/unicodeWords.js,
# reUnicodeWordsWithNumbers: its branches in their order, of each class what is ASCII.
THEIRS = re.compile(
    r"[A-Z]?[a-z]+\d+|[A-Z]+\d+|\d+[A-Z]?[a-z]+|\d+[A-Z]+"
    r"|[A-Z]?[a-z]+(?=[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]|[A-Z]|$)"
    r"|[A-Z]+(?=[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]|[A-Z][a-z]|$)"
    r"|[A-Z]?[a-z]+|[A-Z]+"
    r"|\d*(?:1ST|2ND|3RD|(?![123])\dTH)(?=\b|[a-z_])|\d*(?:1st|2nd|3rd|(?![123])\dth)(?=\b|[A-Z_])"
    r"|\d+",
    re.ASCII,
)


@given(st.text("abcstndhrABCSTNDHR0123_ '-", max_size=30))
@example("21STcentury3rdTH")
def test_words_are_those_of_rudderstack(text: str) -> None:
    assert WORDS.findall(text) == THEIRS.findall(text)


@given(st.text() | st.text("aZ_9 ", max_size=300), st.sampled_from(DIALECTS))
def test_any_event_gets_a_safe_table_of_its_own(event: str, dialect: Dialect) -> None:
    table = NAMINGS[dialect.name].table(event)
    assert SAFE.fullmatch(table)
    assert len(table) <= dialect.name_length
    assert table not in {*TABLES.values(), *SYSTEM, "users"}
    assert not table.startswith(("streamproc_", "rudder_"))


@given(PATHS, st.sampled_from(DIALECTS))
def test_any_path_gets_a_safe_column_that_is_not_one_of_ours(
    path: tuple[str, ...], dialect: Dialect
) -> None:
    column = NAMINGS[dialect.name].column(path)
    assert SAFE.fullmatch(column)
    assert len(column) <= dialect.name_length
    assert column not in OWN_COLUMNS
    assert not column.startswith("identity_")


ATTRIBUTE_NAMES = st.from_regex(r"\A[a-z][a-z0-9_]{0,62}\Z") | st.sampled_from(
    ["id", "resolved_by"]
)


@given(st.lists(ATTRIBUTE_NAMES | st.text(), unique=True, max_size=6), st.sampled_from(DIALECTS))
def test_attributes_get_columns_of_their_own_that_nothing_else_gets(
    attributes: list[str], dialect: Dialect
) -> None:
    naming = NAMINGS[dialect.name]
    columns = [naming.attribute(name) for name in attributes]
    assert len(set(columns)) == len(columns)
    for attribute, column in zip(attributes, columns, strict=True):
        assert SAFE.fullmatch(column)
        assert len(column) <= dialect.name_length
        assert column.startswith("identity_")
        assert column not in OWN_COLUMNS
        for path in ((column,), ("identity", attribute), ("identity_" + attribute,)):
            assert not naming.column(path).startswith("identity_")


def test_no_attribute_is_called_as_a_column_that_every_event_has() -> None:
    taken = {name.removeprefix(ATTRIBUTES) for name in EVERY if name.startswith(ATTRIBUTES)}
    assert taken == {"id", "resolved_by", "resolved_at"}
    assert taken <= RESERVED


@pytest.mark.parametrize("attribute", ["plan", "a1b", "plan_", "a__b", "select", "n_1"])
def test_an_attributes_column_is_its_name_as_it_stands(attribute: str) -> None:
    assert Naming(SNOWFLAKE).attribute(attribute) == f"identity_{attribute}"


@given(st.lists(PATHS, unique=True, max_size=8), st.sets(st.sampled_from(["a_b", "name", "_id"])))
def test_the_paths_of_one_event_never_share_a_column_whatever_their_order(
    paths: list[tuple[str, ...]], taken: set[str]
) -> None:
    naming = Naming(POSTGRES)
    columns = naming.columns(paths, taken)
    assert list(columns) == paths
    assert len({*columns.values(), *taken}) == len(paths) + len(taken)
    assert naming.columns(paths[::-1], taken) == columns
    assert all(SAFE.fullmatch(column) and len(column) <= 63 for column in columns.values())


def test_a_column_that_the_event_itself_takes_is_no_propertys() -> None:
    columns = Naming(DUCKDB).columns([("name",), ("price",)], {"name"})
    assert columns[("price",)] == "price"
    assert re.fullmatch("name_[0-9a-f]{12}", columns[("name",)])


def test_hashes_that_collide_within_an_event_are_told_apart() -> None:
    names: dict[ColumnPath, str] = {("A",): "a", ("a",): "a"}
    (marked,) = set(distinct(names, 63).values()) - {"a"}
    again = distinct(names, 63, taken={marked})
    assert again[("a",)] == "a"
    assert again[("A",)] not in {"a", marked}


@pytest.mark.parametrize("keys", list(permutations([("Order ID",), ("order_id",), ("orderId",)])))
def test_the_key_that_is_written_like_the_column_keeps_it(keys: list[tuple[str, ...]]) -> None:
    columns = Naming(DUCKDB).columns(keys)
    assert columns[("order_id",)] == "order_id"
    assert columns == Naming(DUCKDB).columns(sorted(keys))


def test_long_names_are_not_kept() -> None:
    naming = Naming(DUCKDB)
    for number in range(5):
        naming.table(str(number) * 10_000)
        naming.column((str(number) * 10_000,))
    assert naming._cached_table.cache_info().currsize == 0
    assert naming._cached_column.cache_info().currsize == 0


def test_the_words_reserved_by_duckdb_are_those_the_installed_one_has() -> None:
    found = duckdb.execute(
        "SELECT DISTINCT keyword_name FROM duckdb_keywords()"
        " WHERE keyword_category IN ('reserved', 'type_function')"
    ).fetchall()
    assert {name for (name,) in found} == reserved.DUCKDB


@pytest.mark.parametrize("name", ["select", "a" * 300, "Заказ", 'x"; DROP TABLE t; --', "row", "_"])
def test_duckdb_takes_names_unquoted(name: str) -> None:
    naming = Naming(DUCKDB)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE {naming.table(name)} ({naming.column((name,))} INTEGER)")
        assert connection.execute(f"SELECT count(*) FROM {naming.table(name)}").fetchone() == (0,)
