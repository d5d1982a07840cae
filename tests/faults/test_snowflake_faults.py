"""What the sweep of all fault points leaves out: columns that two loaders want wider, late commits.

Every statement of one loader fails in ``test_fault_points.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from processes import wait_until
from snowflake_server import Fault, How, SnowflakeServer, snowflake_server
from warehouse_batches import TOPIC, Event, batch, load, prepare

from streamproc.errors import RetryableError
from streamproc.settings import LoaderSettings, Settings
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import Widen
from streamproc.warehouse.sink import Place, Position
from streamproc.warehouse.sinks.snowflake import SnowflakeSink, open_snowflake


@pytest.fixture
def server() -> Iterator[SnowflakeServer]:
    with snowflake_server() as started:
        yield started


def opened(server: SnowflakeServer, name: str = "loader-0", **more: Any) -> SnowflakeSink:
    loader = LoaderSettings(sink="snowflake", instance_id=name)
    return open_snowflake(Settings(loader=loader, snowflake=server.settings("FAULTS", **more)))


@pytest.mark.parametrize("how", ["before", "after", "session"])
def test_a_column_gets_wider_whichever_statement_fails(server: SnowflakeServer, how: How) -> None:
    sink, other = opened(server), opened(server, "loader-1")
    load(sink, [Event("0", fields={"c": 0})])
    server.arm()
    sink.change([Widen("paid", "c", Kind.INTEGER, Kind.STRING)])
    statements = len(server.statements())
    assert statements > 15
    load(sink, [Event("0 early", fields={f"c{at}": at for at in range(statements)})])
    for at in range(statements):
        column = f"c{at}"
        server.arm(Fault(how, at=at))
        with pytest.raises(RetryableError):
            sink.change([Widen("paid", column, Kind.INTEGER, Kind.STRING)])
        # Who comes next finds no column, or one that is too narrow, and sees to it.
        load(other, [Event(f"{at} late", fields={column: "text"})])
        found = server.rows("FAULTS", f'SELECT "{column.upper()}" FROM "PAID" ORDER BY "ID"')
        assert [value for (value,) in found if value is not None] == [str(at), "text"]
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'PAID'"
    assert [name for (name,) in server.rows("FAULTS", columns) if " " in name] == []


@pytest.mark.parametrize("how", ["slow", "late"])
def test_a_commit_answered_too_late_leaves_each_row_once(server: SnowflakeServer, how: How) -> None:
    sink = opened(server, timeout_seconds=4)  # in which all else is answered, on a busy machine too
    server.arm(Fault(how, matching="^COMMIT", seconds=10))
    made = prepare(sink, batch([Event("a"), Event("b")], moved={0: (0, 2)}))
    with pytest.raises(RetryableError, match="'commit' failed"):
        sink.load(made)
    sink.close()
    wait_until(server.end_sessions)
    server.arm()
    with closing(opened(server)) as fresh:
        there = fresh.offsets()
        assert there == ({Place(TOPIC, 0): Position(2)} if how == "late" else {})
        if not there:
            fresh.load(made)
        assert fresh.offsets() == {Place(TOPIC, 0): Position(2)}
    for table in ("TRACKS", "PAID", "STREAMPROC_MESSAGES"):
        assert server.rows("FAULTS", f'SELECT "ID" FROM "{table}" ORDER BY 1') == [("a",), ("b",)]
