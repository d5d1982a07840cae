"""A loader fails at every point it passes, and the tables come out as if nothing had happened.

Which points there are is found by watching a loader (``faulty_loader.py``). A sample of them is
tried here, the same every time; ``STREAMPROC_TEST_ALL_FAULT_POINTS=1`` tries each in every way.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from postgres_server import binaries, postgres_server
from processes import TESTS
from snowflake_server import snowflake_server

ALL = os.environ.get("STREAMPROC_TEST_ALL_FAULT_POINTS") == "1"
HOURS = 10_800


def tried(folder: Path, sink: str, most: int, address: str = "") -> Any:
    """What came of the faults of a sink."""
    program = [sys.executable, str(TESTS / "faulty_loader.py"), str(folder), sink]
    options = ["--address", address, *([] if ALL else ["--most", str(most)])]
    done = subprocess.run([*program, *options], capture_output=True, text=True, check=False)
    told = done.stdout.splitlines()[-1:]
    assert told, done.stderr[-5_000:]
    answer = json.loads(told[0])
    count = sum(answer["tried"].values())
    print(f"\n{sink}: {count} faults at {answer['points']} points, {answer['tried']}")  # noqa: T201 - the figure, with -s
    assert answer["failed"] == []
    assert count >= most
    return answer


@pytest.mark.timeout(HOURS)
def test_duckdb_loses_and_doubles_nothing_wherever_a_loader_fails(tmp_path: Path) -> None:
    assert tried(tmp_path, "duckdb", 12)["points"] > 120


@pytest.mark.timeout(HOURS)
def test_a_lake_loses_and_doubles_nothing_wherever_a_loader_fails(tmp_path: Path) -> None:
    assert tried(tmp_path, "parquet", 12)["points"] > 400


@pytest.mark.timeout(HOURS)
def test_snowflake_loses_and_doubles_nothing_wherever_a_loader_fails(tmp_path: Path) -> None:
    with snowflake_server() as server:
        assert tried(tmp_path, "snowflake", 8, str(server.port))["points"] > 200


@pytest.mark.timeout(HOURS)
@pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
def test_postgres_loses_and_doubles_nothing_wherever_a_loader_fails(tmp_path: Path) -> None:
    programs = binaries()
    assert programs is not None
    with postgres_server(programs) as url:
        assert tried(tmp_path, "postgres", 10, url)["points"] > 140
