from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlglot
from warehouse_batches import HOUR, NOW, TOPIC, Event, batch, deletion, identify

from streamproc.events import Micros
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.dialects import DUCKDB, POSTGRES, SNOWFLAKE
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import AddColumns, Change, CreateTable, Widen
from streamproc.warehouse.sink import (
    Batch,
    Deletion,
    LoadResult,
    OffsetsMovedError,
    Place,
    Position,
)
from streamproc.warehouse.sql import ddl
from streamproc.warehouse.sql.expressions import iso
from streamproc.warehouse.sql.statements import DIGEST, Statement, Ways, in_case, quoted
from streamproc.warehouse.sql.transaction import Target, load_staged
from streamproc.warehouse.standard import SYSTEM

DIALECTS = [DUCKDB, POSTGRES, SNOWFLAKE]
SPAN = (4, NOW, NOW + 1)
EVENTS = [
    Event("m1", user_id="u1", fields={"total": 1}, discards=["x"]),
    Event("m2", "page", None, correction=True),
    identify("m3", "u1", plan="free", doc={"a": 1}),
    identify("m4", None),
]


@dataclass
class Script:
    """A warehouse that answers what it is told to, and everything else with 1."""

    answers: dict[str, Any] = field(default_factory=dict)
    ran: list[Statement] = field(default_factory=list)

    def run(self, statement: Statement) -> int:
        self.ran.append(statement)
        return int(self.answers.get(statement.name, 1))

    def fetch(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        self.ran.append(statement)
        answer: list[tuple[Any, ...]] = self.answers[statement.name]
        return answer

    @property
    def names(self) -> list[str]:
        return [statement.name for statement in self.ran]


def run(dialect: Dialect, made: Batch, **answers: Any) -> tuple[LoadResult, Script]:
    script = Script({name.replace("_", " "): answer for name, answer in answers.items()})
    ways = Ways(dialect, "streamproc_staged_{}".format, 168, Micros(NOW + HOUR))
    known = {
        "tracks": {"id": Kind.STRING},
        "identifies": {"id": Kind.STRING, "plan": Kind.STRING, "doc": Kind.JSON},
        "users": {"id": Kind.STRING, "plan": Kind.INTEGER, "doc": Kind.JSON},
    }
    return load_staged(made, Target(ways, known, lambda: 1.5), script), script


def everything(dialect: Dialect) -> tuple[LoadResult, Script]:
    deletions = [deletion("gone"), deletion("gone", NOW, "r2"), deletion("left")]
    made = batch(EVENTS, moved={0: (0, 9)}, deletions=deletions)
    tables = [("track", "paid"), ("identify", None), ("unknown", None), ("page", "tracks")]
    return run(
        dialect,
        made,
        span=[SPAN],
        tally=[(3, 1, 1, 1)],
        find_deleted=2,
        find_tables=tables,
        find_stale_users=2,
    )


def test_a_batch_of_everything_goes_in_in_this_order() -> None:
    result, script = everything(DUCKDB)
    assert script.names == [
        "lock",
        "seed offsets",
        "advance offsets",
        "renew deletions",
        "remember deletions",
        "span",
        "keep",
        "keep out forgotten",
        "tally",
        "count kept out",
        "find replaced",
        "forget replaced",
        "find deleted",
        "count deleted",
        "forget deleted",
        "find tables",
        "delete identifies",
        "delete tracks",
        "delete discards",
        "insert tracks",
        "insert paid",
        "insert pages",
        "insert identifies",
        "insert discards",
        "insert streamproc_messages",
        "find users of gone",
        "find stale users",
        "merge users",
        "insert users",
        "delete stale users",
        "rebuild users",
        "insert streamproc_loads",
    ]
    assert result == LoadResult(1, 1, 1, 3, 1, 1.5)


def test_a_batch_of_new_events_takes_few_statements() -> None:
    made = batch([Event("m1")], moved={0: (5, 9)})
    _, script = run(DUCKDB, made, span=[(1, NOW, NOW)], tally=[(1, 0, 0, 0)])
    assert script.names == [
        "lock",
        "advance offsets",
        "span",
        "keep",
        "tally",
        "insert tracks",
        "insert paid",
        "insert streamproc_messages",
        "insert streamproc_loads",
    ]


def test_a_partition_that_did_not_move_ends_the_load() -> None:
    made = batch([Event("m1")], moved={0: (5, 9), 1: (3, 4)})
    with pytest.raises(OffsetsMovedError):
        run(DUCKDB, made, advance_offsets=1)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_statements_are_the_warehouses_sql_with_a_value_for_each_mark(dialect: Dialect) -> None:
    _, script = everything(dialect)
    changes: list[Change] = [
        CreateTable("paid", {"id": Kind.STRING, "doc": Kind.JSON}),
        AddColumns("paid", {"n": Kind.INTEGER, "t": Kind.TIMESTAMP}),
        *(Widen("paid", "n", kind, Kind.STRING) for kind in Kind if kind is not Kind.STRING),
    ]
    statements = [
        *script.ran,
        *ddl.system_statements(dialect, {}),
        *ddl.system_statements(dialect, {table: {} for table in SYSTEM}),
        *(said for change in changes for said in ddl.change_statements(dialect, change, {})),
        *ddl.counts(dialect, [f"t{n}" for n in range(300)]),
        ddl.offsets(dialect),
        ddl.offsets(dialect, {"streamproc_offsets": {}}),
        ddl.offsets(dialect, {}),
        ddl.loads(dialect, NOW),
        *ddl.together(dialect, [f"t{n}" for n in range(400)]),
    ]
    for statement in statements:
        parsed = sqlglot.parse(statement.sql, dialect=dialect.name)
        assert len(parsed) == 1
        assert not isinstance(parsed[0], sqlglot.exp.Command), statement.name
        assert statement.sql.count("?") == len(statement.parameters), statement.name


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_no_value_is_in_the_text_or_the_repr_of_a_statement(dialect: Dialect) -> None:
    made = batch([], deletions=[Deletion("secret", NOW, "secret")], moved={0: (0, 1)})
    _, script = run(dialect, made, find_deleted=0)
    assert any("secret" in statement.parameters for statement in script.ran)
    assert "secret" not in repr(script.ran)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_the_systems_tables_are_made_once_and_get_what_they_lack(dialect: Dialect) -> None:
    made = [statement.name for statement in ddl.system_statements(dialect, {})]
    assert made == [f"create {table}" for table in SYSTEM]
    digest = {DIGEST: Kind.INTEGER} if dialect.digest else {}
    there = {table: {**columns, **digest} for table, columns in SYSTEM.items()}
    assert list(ddl.system_statements(dialect, there)) == []
    earlier = {**there["streamproc_offsets"]}
    del earlier["topic_id"]
    (added,) = ddl.system_statements(dialect, {**there, "streamproc_offsets": earlier})
    assert '"topic_id"' in added.sql.lower()
    assert added.sql.startswith("ALTER TABLE")


def test_names_are_in_the_warehouses_case_and_quoted() -> None:
    assert in_case(SNOWFLAKE, f"SELECT {quoted(['a', 'b c'], 's.')}, 'x'") == (
        'SELECT s."A", s."B C", \'x\''
    )
    assert in_case(DUCKDB, 'SELECT "a"') == 'SELECT "a"'
    assert quoted(['a"; DROP TABLE b; --']) == '"a""; DROP TABLE b; --"'


def test_moments_beyond_the_calendar_are_its_ends() -> None:
    assert iso(Micros(0)) == "1970-01-01T00:00:00.000000+00:00"
    assert iso(Micros(-(2**63))) == "0001-01-01T00:00:00.000000+00:00"
    assert iso(Micros(2**63 - 1)) == "9999-12-31T23:59:59.999999+00:00"


def test_answers_of_decimals_are_read_as_numbers() -> None:
    assert ddl.to_offsets([(TOPIC, 1.0, 5.0, None)]) == {Place(TOPIC, 1): Position(5)}
    columns = len(SYSTEM["streamproc_loads"])
    (load,) = ddl.to_loads([("loader", *[1.0] * (columns - 3), None, 0)])
    assert load == ("loader", 1, 1, 1, 1, 1, 1, None, 0.0)
