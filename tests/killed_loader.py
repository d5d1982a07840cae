"""Kills a loader at every step it takes, and lets the next one go on.

    python tests/killed_loader.py FOLDER [--stride N]

A step is a statement to DuckDB, a call of a sink, a chunk spooled or dropped, a commit: a process
is killed before and after each, once at the first, once at the second and so on. Topics are in
memory, alike in every process; warehouse and spool are real. After each kill another process loads
what is left, and the tables have to be those of a loader that was never killed.
"""

from __future__ import annotations

import json
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from loading import (
    NOW,
    PARTITIONS,
    InlineExecutor,
    KeptDeadLetters,
    MemorySource,
    MemoryTopic,
    TestClock,
    message,
    row,
)

from streamproc.events import Deletion, Micros
from streamproc.kafka.codecs import encode_deletion, encode_row
from streamproc.settings import LoaderSettings, Settings
from streamproc.warehouse.desk import Desk
from streamproc.warehouse.duckdb import DuckDBSink, open_duckdb
from streamproc.warehouse.loader import LoaderOptions, make_intake, make_terms
from streamproc.warehouse.session import Parts, Session, Totals
from streamproc.warehouse.spool import PREFIX, Spool

BY_TIME = ("uuid_ts", "loaded_at", "deleted_at")
GONE = "tok_k1_gone"


class Steps:
    """Counts steps, and ends the process at the one that is to be its last."""

    def __init__(self, last: int | None) -> None:
        self._last = last
        self.taken = 0

    def step(self) -> None:
        self.taken += 1
        if self.taken == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, thing: Any, *names: str) -> None:
        """Take a step before and after each call of the methods."""
        for name in names:
            setattr(thing, name, self._watched(getattr(thing, name)))

    def _watched(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.step()
            answer = method(*args, **kwargs)
            self.step()
            return answer

        return call


class WatchedConnection:
    """A DuckDB connection each of whose statements is a step before and after."""

    def __init__(self, connection: Any, steps: Steps) -> None:
        self._connection = connection
        self._steps = steps

    def execute(self, *args: Any) -> Any:
        self._steps.step()
        answer = self._connection.execute(*args)
        self._steps.step()
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def rows() -> Iterator[bytes | None]:
    """Yield rows of every kind, twice some of them, new columns, wider ones, corrections."""
    yield from (message(n, total=n)[1] for n in range(30))
    yield from (message(n, total=n)[1] for n in range(20, 30))
    yield from (message(n, total=n / 2, coupon="X")[1] for n in range(30, 50))
    yield b"not ours"
    yield from (message(n, event="Refunded", total="much")[1] for n in range(50, 60))
    yield from (encode_row(row(n)._replace(user_id=GONE)) for n in range(60, 70))
    yield from (encode_row(row(n, event="Changed", correction=True)) for n in range(10))
    yield from (encode_row(row(n)._replace(type="identify", event=None)) for n in range(70, 80))


def topics(settings: Settings) -> tuple[MemoryTopic, MemoryTopic]:
    load, deletions = (
        MemoryTopic(settings.topics.load),
        MemoryTopic(settings.topics.deletions),
    )
    # By message id, as keys do: what corrects a row comes after it.
    for number, value in enumerate(rows()):
        load.publish([value], number // 10 % PARTITIONS if number < 80 else 0)
    deletions.publish([encode_deletion(Deletion(GONE, Micros(NOW + 1), "case 7"))])
    return load, deletions


def run(folder: Path, last: int | None) -> int:
    """Load all there is, or up to the step ``last``; return how many steps it took."""
    steps = Steps(last)
    settings = Settings(
        loader=LoaderSettings(duckdb_file=folder / "warehouse.duckdb", batch_rows=60)
    )
    time = TestClock()

    def opened() -> DuckDBSink:
        sink = open_duckdb(settings.loader)
        sink._connection = WatchedConnection(sink._connection, steps)  # type: ignore[assignment]
        steps.watch(sink, "offsets", "schema", "change", "load")
        return sink

    spool = Spool(folder, 1, 1_000_000)
    steps.watch(spool, "keep", "drop")
    sources = [MemorySource(topic, time.wait) for topic in topics(settings)]
    for source in sources:
        steps.watch(source, "begin", "commit")
    desk = Desk(opened, InlineExecutor())
    dead = KeptDeadLetters()
    end = time.seconds + 1_000
    options = LoaderOptions(lambda: time.seconds > end, until="caught up", clock=time.clock)
    parts = Parts(sources, make_intake(settings, spool, dead), desk, dead)
    Session(parts, make_terms(settings, options), Totals()).run()
    assert time.seconds < end, "it did not end"
    desk.close()
    spool.close()
    return steps.taken


def tables(folder: Path) -> str:
    """Return all that the tables hold but for when it was loaded."""
    settings = LoaderSettings(duckdb_file=folder / "warehouse.duckdb")
    sink = open_duckdb(settings)
    found: dict[str, list[str]] = {}
    ask = sink._connection.execute
    for (table,) in ask("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall():
        if table == "streamproc_loads":
            continue
        columns = ask("SELECT column_name FROM duckdb_columns() WHERE table_name = ?", [table])
        kept = [name for (name,) in columns.fetchall() if name not in BY_TIME]
        listed = ", ".join(f'"{name}"' for name in sorted(kept))
        lines = ask(f'SELECT {listed} FROM "{table}" ORDER BY ALL').fetchall()
        found[table] = [str(line) for line in lines]
    sink.close()
    left = [path.name for path in folder.glob(f"{PREFIX}*")]
    assert not left, "what was spooled is still there"
    return json.dumps(found, indent=1)


def forked(work: Callable[[], Any], answer: Path | None = None) -> bool:
    """Do ``work`` in a process of its own; return whether that was killed."""
    child = os.fork()
    if child == 0:
        try:
            made = work()
            if answer is not None:
                answer.write_text(str(made))
        except BaseException:  # noqa: BLE001 - what fails here must not go on as the parent
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "a loader failed"
    return False


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--stride", default=1, help="Kill at every so manieth step only.")
def main(folder: Path, stride: int) -> None:
    """Kill a loader at every step, in folders of their own under FOLDER."""
    whole = folder / "whole"
    whole.mkdir()
    forked(lambda: run(whole, None), folder / "steps")
    forked(lambda: tables(whole), folder / "expected")
    expected = (folder / "expected").read_text()
    points = range(1, int((folder / "steps").read_text()) + 1, stride)
    for point in points:
        place = folder / str(point)
        place.mkdir()
        assert forked(lambda place=place, point=point: run(place, point)), "it was not killed"  # type: ignore[misc]
        assert not forked(lambda place=place: run(place, None))  # type: ignore[misc]
        forked(lambda place=place: tables(place), folder / "found")  # type: ignore[misc]
        found = (folder / "found").read_text()
        assert found == expected, f"killed at step {point}, the tables differ: {place}"
    counted = {name: len(lines) for name, lines in json.loads(expected).items()}
    click.echo(json.dumps({"points": len(points), "rows": counted}))


if __name__ == "__main__":
    main()
