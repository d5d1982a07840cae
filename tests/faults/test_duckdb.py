"""Every statement of a load in turn fails, and is told by its name.

What that leaves in the tables is tried in ``test_fault_points.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from warehouse_batches import Event, batch, load, prepare

from streamproc.errors import RetryableError
from streamproc.settings import LoaderSettings
from streamproc.warehouse.sinks.duckdb import DuckDBSink, open_duckdb


@dataclass
class Faulty:
    """A connection that fails at its n-th statement, and at no other."""

    inner: duckdb.DuckDBPyConnection
    error: Exception
    fails_at: int = 0
    ran: int = 0

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        self.ran += 1
        if self.ran == self.fails_at:
            raise self.error
        return self.inner.execute(sql, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


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
    whole = open_duckdb(LoaderSettings(duckdb_file=Path(":memory:")))
    connection: Any = Faulty(whole._connection, duckdb.ConversionException("personal"))
    sink = DuckDBSink(connection, Path("warehouse.duckdb"), 168)
    load(sink, [Event("a")], moved={0: (0, 1)})
    made = prepare(sink, batch([Event("z")], moved={0: (1, 2)}))
    for fails_at, step in enumerate(STEPS, start=1):
        connection.ran, connection.fails_at = 0, fails_at
        with pytest.raises(RetryableError, match=f"ConversionException.*: {step}$") as caught:
            sink.load(made)
        assert "personal" not in str(caught.value)
        assert caught.value.__cause__ is None
    assert sink.load(made).rows == 1
    sink.close()
