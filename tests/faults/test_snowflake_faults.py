"""Every statement to Snowflake in turn fails, before and after it is carried out, or is the last.

Whatever happens, once the loader gets through the rows are those of the distinct message ids. The
loader here is the least there can be: it asks for the offset, and loads the batch that comes next.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from processes import running, wait_until
from snowflake_server import Fault, How, SnowflakeServer, snowflake_server
from structlog.testing import capture_logs
from warehouse_batches import NOW, TOPIC, Event, batch, identify, load, prepare

from streamproc.errors import RetryableError
from streamproc.settings import LoaderSettings, Settings
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import Widen
from streamproc.warehouse.sink import Batch, Place
from streamproc.warehouse.snowflake import SnowflakeSink, open_snowflake

TESTS = Path(__file__).parent.parent
TRIES = 10
TABLES = ("TRACKS", "PAID", "STREAMPROC_MESSAGES")
PLACE = Place(TOPIC, 0)


@pytest.fixture
def server() -> Iterator[SnowflakeServer]:
    with snowflake_server() as started:
        yield started


def opened(server: SnowflakeServer, name: str = "loader-0") -> SnowflakeSink:
    loader = LoaderSettings(sink="snowflake", instance_id=name)
    return open_snowflake(Settings(loader=loader, snowflake=server.settings("FAULTS")))


def numbered(number: int) -> Batch:
    """The batch at an offset: one event of the batch before, twice, and a new one."""
    events = [Event(f"{number + shift:06d}", fields={"total": number}) for shift in (0, 0, 1)]
    moved = {0: (number, number + 1)}
    told = identify(f"i{number}", "u", NOW + number, plan=str(number))
    return batch([*events, told], moved=moved)


def load_up_to(sink: SnowflakeSink, number: int) -> int:
    """Load what is not in yet, up to batch ``number``; return how often that failed."""
    for failed in range(TRIES):
        try:
            while (following := sink.offsets().get(PLACE, 0)) <= number:
                sink.load(prepare(sink, numbered(following)))
        except RetryableError:
            continue
        return failed
    raise AssertionError(f"not loaded after {TRIES} tries")


def assert_once(server: SnowflakeServer, batches: int) -> None:
    """Every event is in each of its tables, once."""
    expected = {f"{number:06d}" for number in range(batches + 1)}
    identified = {f"i{number}" for number in range(batches)}
    for table in TABLES:
        found = [id_ for (id_,) in server.rows("FAULTS", f'SELECT "ID" FROM "{table}"')]
        assert len(found) == len(set(found))
        assert set(found) - identified == expected
    users = server.rows("FAULTS", 'SELECT "ID", "PLAN" FROM "USERS"')
    assert users == [("u", str(batches - 1))]


def fault_points(statements: Sequence[str]) -> list[int]:
    """Every statement; of those in a row outside the transaction the first and last of a kind."""
    begin, commit = statements.index("BEGIN"), statements.index("COMMIT")
    verbs = [sql.split()[0] for sql in statements]
    return [
        at
        for at, verb in enumerate(verbs)
        if begin <= at <= commit or verbs[at - 1 : at] + verbs[at + 1 : at + 2] != [verb, verb]
    ]


@pytest.mark.parametrize("how", ["before", "after", "session"])
def test_a_load_is_whole_or_not_at_all_whichever_statement_fails(
    server: SnowflakeServer, how: How
) -> None:
    sink = opened(server)
    load_up_to(sink, 0)
    server.arm()
    load_up_to(sink, 1)
    told = server.statements()
    points = fault_points(told)
    again = 0
    with capture_logs() as logs:
        for number, at in enumerate(points, start=2):
            server.arm(Fault(how, at=at))
            again += load_up_to(sink, number)
    server.arm()
    # After all but those that tidy up the loader tries again.
    assert again == sum(not told[at].startswith("DROP") for at in points)
    assert {line["event"] for line in logs} <= {"staged rows not dropped"}
    assert_once(server, len(points) + 2)
    sink.clean()
    assert server.rows("FAULTS", "SHOW TABLES LIKE 'STREAMPROC_STAGED%'") == []
    assert server.rows("FAULTS", "LIST @STREAMPROC_STAGE") == []


@pytest.mark.parametrize("how", ["before", "after", "session"])
def test_a_column_gets_wider_whichever_statement_fails(server: SnowflakeServer, how: How) -> None:
    sink, other = opened(server), opened(server, "loader-1")
    load(sink, [Event("0", fields={"c": 0})])
    server.arm()
    sink.change([Widen("paid", "c", Kind.INTEGER, Kind.STRING)])
    statements = len(server.statements())
    assert statements > 15
    for at in range(statements):
        column = f"c{at}"
        load(sink, [Event(f"{at} early", fields={column: at})])
        server.arm(Fault(how, at=at))
        with pytest.raises(RetryableError):
            sink.change([Widen("paid", column, Kind.INTEGER, Kind.STRING)])
        # Who comes next finds no column, or one that is too narrow, and sees to it.
        load(other, [Event(f"{at} late", fields={column: "text"})])
        found = server.rows("FAULTS", f'SELECT "{column.upper()}" FROM "PAID" ORDER BY "ID"')
        assert [value for (value,) in found if value is not None] == [str(at), "text"]
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'PAID'"
    assert [name for (name,) in server.rows("FAULTS", columns) if " " in name] == []


@pytest.mark.parametrize(
    "during",
    ["^PUT", "^COPY", "^BEGIN", 'INTO "TRACKS"', 'INTO "STREAMPROC_MESSAGES"', "^COMMIT", "^DROP"],
)
def test_a_loader_that_is_killed_leaves_a_batch_whole_or_not_at_all(
    server: SnowflakeServer, during: str
) -> None:
    sink = opened(server)
    load_up_to(sink, 0)
    server.arm(Fault("slow", matching=during, seconds=1.0))
    environment = {"PYTHONPATH": f"{TESTS}:{TESTS.parent}"}
    with running([__file__, str(server.port)], environment) as process:
        wait_until(lambda: any(re.search(during, sql) for sql in server.statements()))
        process.kill()
    wait_until(server.end_sessions)
    server.arm()
    load_up_to(sink, 2)
    assert_once(server, 3)


if __name__ == "__main__":  # the loader that is killed
    load_up_to(opened(SnowflakeServer(int(sys.argv[1]))), 1)
