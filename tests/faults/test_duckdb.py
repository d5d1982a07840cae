"""Every statement of a load in turn fails, before it has run and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb
import pytest
from warehouse_batches import NOW, TOPIC, Event, batch, deletion, identify, prepare

from streamproc.errors import RetryableError
from streamproc.events import Micros
from streamproc.settings import LoaderSettings
from streamproc.warehouse.duckdb import DuckDBSink, open_duckdb
from streamproc.warehouse.sink import Place

When = Literal["before", "after"]


class Lost(BaseException):
    """Something that no sink expects."""


@dataclass
class Faulty:
    """A connection that fails at its n-th statement, and at no other."""

    inner: duckdb.DuckDBPyConnection
    fails_at: int
    when: When
    error: BaseException
    ran: int = 0

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        self.ran += 1
        due = self.ran == self.fails_at
        if due and self.when == "before":
            raise self.error
        answer = self.inner.execute(sql, parameters)
        if due:
            raise self.error
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


# By partition 0: its offsets are the indexes. Doubles within a batch and across, a correction that
# moves an event to another table, values wider than before, a person deleted who comes again late.
LOG = [
    Event("a", user_id="u1", fields={"n": 1}),
    Event("a", user_id="u1", fields={"n": 1}),
    identify("b", "u1", NOW, plan="free"),
    Event("c", "page", None, anonymous_id="gone", discards=["x"]),
    # the second batch
    Event("a", user_id="u1", fields={"n": 1}),
    Event("d", table="refunded", fields={"n": "many"}),
    identify("e", "u1", NOW - 1, plan="older", age=7),
    Event("c", "screen", None, anonymous_id="gone", correction=True),
    # the third
    Event("f", anonymous_id="gone"),
    Event("d", fields={"n": 2}, correction=True),
    identify("g", "u2", NOW, plan=3),
    Event("h", "group", None),
]
BATCH = 4
EVENTS = 7


def bring_all(sink: DuckDBSink) -> None:
    """Load what the warehouse does not have yet, one batch after the other."""
    place = Place(TOPIC, 0)
    while (start := sink.offsets().get(place, 0)) < len(LOG):
        end = start + BATCH
        deletions = [deletion("gone")] if start == BATCH else []
        made = batch(LOG[start:end], moved={0: (start, end)}, deletions=deletions)
        sink.load(prepare(sink, made))


def bring_all_over_faults(sink: DuckDBSink) -> int:
    """Return how often it had to start over."""
    for again in range(9):
        try:
            bring_all(sink)
        except (RetryableError, Lost):
            continue
        return again
    raise AssertionError("it never ends")


def opened(fails_at: int, when: When, error: BaseException) -> DuckDBSink:
    """Return a sink in memory: what a fault does to a file is the same, and fifty times slower."""
    whole = open_duckdb(LoaderSettings(duckdb_file=Path(":memory:")))
    faulty: Any = Faulty(whole._connection, fails_at, when, error)
    return DuckDBSink(faulty, Path("warehouse.duckdb"), 168)


def contents(sink: DuckDBSink) -> dict[str, list[tuple[Any, ...]]]:
    connection: Any = sink._connection
    tables = [*sink.counts(), "streamproc_deletions", "streamproc_offsets"]
    lock = {"streamproc_offsets": "WHERE topic <> ''"}
    return {
        table: connection.inner.execute(
            f'SELECT COLUMNS(*)::VARCHAR FROM "{table}" {lock.get(table, "")} ORDER BY ALL'
        ).fetchall()
        for table in tables
    }


@pytest.mark.parametrize(
    ("when", "error"), [("before", duckdb.IOException("personal")), ("after", Lost())]
)
def test_a_fault_at_any_statement_loses_and_doubles_nothing(
    when: When, error: BaseException
) -> None:
    whole = opened(0, when, error)
    assert bring_all_over_faults(whole) == 0
    connection: Any = whole._connection
    statements = connection.ran
    expected = contents(whole)
    assert sorted(row[0] for row in expected["streamproc_messages"]) == list("abcdefgh")
    assert statements > 100
    whole.close()
    for fails_at in range(1, statements + 1):
        sink = opened(fails_at, when, error)
        assert bring_all_over_faults(sink) <= 1
        assert contents(sink) == expected, fails_at
        assert sum(load.events for load in sink.loads(Micros(0))) == EVENTS
        sink.close()


STEPS = [
    "stage streamproc_kept",
    "stage streamproc_gone",
    "stage streamproc_stale",
    "stage streamproc_messages",
    "begin",
    "lock",
    "advance offsets",
    "span",
    "keep",
    "tally",
    "insert tracks",
    "insert paid",
    "insert streamproc_messages",
    "insert streamproc_loads",
    "commit",
]


def test_a_fault_is_named_by_its_statement_and_tells_no_value() -> None:
    sink = opened(0, "before", duckdb.ConversionException("personal"))
    bring_all(sink)
    made = prepare(sink, batch([Event("z")], moved={0: (len(LOG), 99)}))
    connection: Any = sink._connection
    for fails_at, step in enumerate(STEPS, start=1):
        connection.ran, connection.fails_at = 0, fails_at
        with pytest.raises(RetryableError, match=f"ConversionException.*: {step}$") as caught:
            sink.load(made)
        assert "personal" not in str(caught.value)
        assert caught.value.__cause__ is None
    assert sink.load(made).rows == 1
    sink.close()
