"""A loader fails at every point it passes, and the tables come out as if nothing had happened.

Which points there are is found by watching a loader (``faulty_loader.py``). A sample of them is
tried here, the same every time; ``STREAMPROC_TEST_ALL_FAULT_POINTS=1`` tries each in every way, in
as many processes as there are processors, each with a server of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from postgres_server import binaries, postgres_server
from processes import TESTS
from snowflake_server import snowflake_server

ALL = os.environ.get("STREAMPROC_TEST_ALL_FAULT_POINTS") == "1"
PARTS = (os.cpu_count() or 1) if ALL else 1
HOURS = 10_800


def tried(
    folder: Path,
    sink: str,
    most: int,
    server: Callable[[], AbstractContextManager[str]] = nullcontext,  # type: ignore[assignment]
) -> int:
    """Try the faults of a sink and return how many points there are."""
    started = time.monotonic()

    def part(number: int) -> Any:
        (place := folder / str(number)).mkdir()
        options = ["--part", str(number), str(PARTS)]
        options += [] if ALL else ["--most", str(most)]
        with server() as address:
            return _answer([str(place), sink, "--address", address or "", *options])

    with ThreadPoolExecutor(PARTS) as pool:
        answers = list(pool.map(part, range(PARTS)))
    kinds = sum((Counter(answer["tried"]) for answer in answers), Counter[str]())
    points = int(answers[0]["points"])
    seconds = time.monotonic() - started
    told = f"{sink}: {kinds.total()} faults at {points} points in {seconds:.0f} s, {dict(kinds)}"
    print(f"\n{told}")  # noqa: T201 - the figure, with -s
    assert [failed for answer in answers for failed in answer["failed"]] == []
    assert kinds.total() >= most
    return points


def _answer(arguments: list[str]) -> Any:
    program = [sys.executable, str(TESTS / "faulty_loader.py")]
    done = subprocess.run([*program, *arguments], capture_output=True, text=True, check=False)
    told = done.stdout.splitlines()[-1:]
    assert told, done.stderr[-5_000:]
    return json.loads(told[0])


@contextmanager
def snowflake() -> Iterator[str]:
    with snowflake_server() as server:
        yield str(server.port)


@contextmanager
def postgres() -> Iterator[str]:
    programs = binaries()
    assert programs is not None
    with postgres_server(programs) as url:
        yield url


@pytest.mark.timeout(HOURS)
def test_duckdb_loses_and_doubles_nothing_wherever_a_loader_fails(tmp_path: Path) -> None:
    assert tried(tmp_path, "duckdb", 12) > 120


@pytest.mark.timeout(HOURS)
def test_a_lake_loses_and_doubles_nothing_wherever_a_loader_fails(tmp_path: Path) -> None:
    assert tried(tmp_path, "parquet", 12) > 400


@pytest.mark.timeout(HOURS)
def test_snowflake_loses_and_doubles_nothing_wherever_a_loader_fails(tmp_path: Path) -> None:
    assert tried(tmp_path, "snowflake", 4, snowflake) > 200


@pytest.mark.timeout(HOURS)
@pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
def test_postgres_loses_and_doubles_nothing_wherever_a_loader_fails(tmp_path: Path) -> None:
    assert tried(tmp_path, "postgres", 10, postgres) > 140
