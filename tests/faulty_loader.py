"""Fails a loader at every point it passes, in every way, and lets a fresh one go on.

    python tests/faulty_loader.py FOLDER SINK [--address ADDRESS] [--most N] [--part N OF]

The points are found by watching a loader that comes through: each statement to the warehouse and
each step of the loader's own. All of a loader is real but for Kafka, whose topics are in memory and
alike for every loader. After a fault the same loader goes on, or a fresh one where it was killed; a
fresh one in any case has the last word. The tables have to be those of a loader nothing happened
to, and those that the story says.

Every loader is a process of its own, forked from one that has imported everything.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple
from unittest.mock import patch

import click
import fault_scenario as scenario
import structlog
from fault_points import MISSED, Fault, Point, Points, deaths, failures, refusals
from fault_servers import Postgres, Snowflake
from fault_warehouses import DuckDB, Lake, Warehouse
from loading import InlineExecutor, KeptDeadLetters, MemorySource, TestClock

from streamproc.errors import RetryableError
from streamproc.settings import Settings
from streamproc.warehouse import sinks
from streamproc.warehouse.loading import loader
from streamproc.warehouse.loading.loader import LoaderOptions, run_loader
from streamproc.warehouse.loading.spool import PREFIX, Spool
from streamproc.warehouse.shape.frames import Framer
from streamproc.warehouse.sink import Sink
from streamproc.warehouse.sinks import open_sink

LIFE_SECONDS: Final = 300
"""Longest that a process takes, whatever else the machine does; more, and it hangs."""
STORY_SECONDS: Final = 1_000.0
"""Longest by the loader's own clock, which passes only while it waits."""
SEED: Final = 7
TRIES: Final = 5

WAREHOUSES: Final[Mapping[str, Callable[[str], Warehouse]]] = {
    "duckdb": lambda _: DuckDB(),
    "parquet": lambda _: Lake(),
    "snowflake": lambda port: Snowflake(int(port)),
    "postgres": Postgres,
}


class Verdict(NamedTuple):
    """What is to be said of the warehouse in the end."""

    complaints: Sequence[str]
    tables: Mapping[str, Sequence[str]]


class FailedError(Exception):
    """A loader's process has ended otherwise than it should have."""


class MissedError(Exception):
    """A loader's process came to another point than the one it was to fail at."""


# -- one life of a loader ------------------------------------------------------------------------


def live(warehouse: Warehouse, place: Path, fault: Fault | None) -> list[Point]:
    """Load all there is, and return the points that were passed."""
    settings, points, time = warehouse.settings(place), Points(fault), TestClock()
    end = time.seconds + STORY_SECONDS
    options = LoaderOptions(lambda: time.seconds > end, until="caught up", clock=time.clock)
    with _steps(points, time), warehouse.watch(points):
        run_loader(settings, options)
    assert time.seconds < end, "it did not catch up"
    return points.passed


@contextmanager
def _steps(points: Points, time: TestClock) -> Iterator[None]:
    """Put memory in the place of Kafka, and have every step be a point."""
    lost = failures(RetryableError("gone"))
    seen: set[type] = set()
    full = refusals(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    def opened(settings: Settings) -> Sink:
        sink: Sink = points.take("open", lambda: open_sink(settings), lost)
        if type(sink) not in seen:  # it may be opened again
            seen.add(type(sink))
            for call in ("offsets", "schema", "change", "load", "clean"):
                watched.enter_context(points.watch(type(sink), call, lost))
        return sink

    with ExitStack() as watched:
        watched.enter_context(points.watch(MemorySource, "poll", lost, often=True))
        watched.enter_context(points.watch(MemorySource, "begin", lost))
        watched.enter_context(points.watch(MemorySource, "commit", deaths()))
        watched.enter_context(points.watch(Framer, "frames", deaths()))
        watched.enter_context(points.watch(Spool, "_write", full))
        watched.enter_context(points.watch(Spool, "drop", deaths()))
        watched.enter_context(points.watch(KeptDeadLetters, "send", deaths()))
        watched.enter_context(points.watch(KeptDeadLetters, "flush", lost))
        watched.enter_context(
            patch.multiple(
                loader,
                open_sink=opened,
                DeadLetterProducer=lambda _settings: KeptDeadLetters(),
                ThreadPoolExecutor=lambda _threads, _name: InlineExecutor(),
                _sources=partial(_sources, time),
            )
        )
        yield


@contextmanager
def _sources(
    time: TestClock, settings: Settings, *, group: str | None
) -> Iterator[Sequence[MemorySource]]:
    assert group is not None
    yield scenario.sources(settings.topics, time.wait)


def finish(warehouse: Warehouse, place: Path) -> Verdict:
    """Have a fresh loader do what is left, and look at the warehouse."""
    warehouse.settle()
    live(warehouse, place, None)
    settings = warehouse.settings(place)
    sink = open_sink(settings)
    offsets = sink.offsets()
    sink.close()
    tables, staged = warehouse.look(settings)
    complaints = list(scenario.complaints(tables))
    if offsets != scenario.ends(settings.topics):
        complaints.append(f"offsets: {offsets}")
    if left := [*staged, *(path.name for path in place.glob(f"{PREFIX}*"))]:
        complaints.append(f"left behind: {left}")
    return Verdict(
        complaints, {table: [str(row) for row in rows] for table, rows in tables.items()}
    )


# -- processes -----------------------------------------------------------------------------------


def forked(work: Callable[[], Any], answer: Path) -> Any:
    """Do ``work`` in a process of its own and return what it returned; None if it was killed.

    Raises:
        FailedError: It failed, or did not end.
    """
    answer.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        signal.alarm(LIFE_SECONDS)
        try:
            answer.write_text(json.dumps(work()))
        except BaseException:  # noqa: BLE001 - what fails here must not go on as the parent
            answer.write_text(traceback.format_exc())
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        if os.WTERMSIG(status) != signal.SIGKILL:
            raise FailedError(f"ended by signal {os.WTERMSIG(status)}")
        return None
    if os.WEXITSTATUS(status) == MISSED:
        raise MissedError
    if os.WEXITSTATUS(status) != 0:
        raise FailedError(answer.read_text())
    return json.loads(answer.read_text())


def try_one(warehouse: Warehouse, place: Path, fault: Fault, expected: Verdict) -> Iterator[str]:
    """Yield what is wrong after a fault."""
    try:
        passed = forked(partial(live, warehouse, place, fault), place / "points")
        if (passed is None) != (fault.kind == "killed"):
            yield "it was killed, or not"
        if passed is not None and len(passed) <= fault.number:
            yield "it did not come to that point"
        found = Verdict(*forked(partial(finish, warehouse, place), place / "verdict"))
    except FailedError as error:
        yield str(error)
        return
    yield from found.complaints
    for table in expected.tables.keys() | found.tables.keys():
        one, other = (Counter(verdict.tables.get(table, ())) for verdict in (expected, found))
        if one != other:
            yield f"{table}: {list(one - other)} became {list(other - one)}"


def tried_again(
    warehouse: Warehouse, folder: Path, fault: Fault, expected: Verdict
) -> tuple[Path, list[str]]:
    """Return where a fault was tried, anew where the point was missed, and what is wrong after."""
    for number in range(TRIES):
        place = folder / f"{fault.number}_{fault.kind.replace(' ', '_')}_{number}"
        place.mkdir()
        try:
            return place, list(try_one(warehouse, place, fault, expected))
        except MissedError:
            shutil.rmtree(place)
    place.mkdir()
    return place, [f"another point came in its place, {TRIES} times"]


# -- which ---------------------------------------------------------------------------------------


def chosen(points: Sequence[Point], most: int | None) -> list[Fault]:
    """Return the faults to try: all, or so many, of each name and kind at most one.

    Of things alike that are done side by side, in whatever order, the first and the last are tried.
    Of few, commits come first: that what is done there may not be known to be is the hardest.
    """
    faults = [
        Fault(number, kind)
        for number, point in enumerate(points)
        for kind in point.kinds
        if not (
            point.aside and _alike(point, points[number - 1]) and _alike(point, points[number + 1])
        )
    ]
    if most is None:
        return faults
    rng = random.Random(SEED)
    rng.shuffle(faults)
    one_each = {(*points[fault.number][:2], fault.kind): fault for fault in faults}
    return sorted(one_each.values(), key=lambda fault: not _commits(points[fault.number]))[:most]


def _commits(point: Point) -> bool:
    return "commit" in point.name.lower() and point.within.endswith(".load")


def _alike(one: Point, other: Point) -> bool:
    return one.aside == other.aside and one.name.split()[:2] == other.name.split()[:2]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("sink", type=click.Choice(list(WAREHOUSES)))
@click.option("--address", default="", help="Of the server: its port, or its URL.")
@click.option("--most", type=int, help="Try so many only.")
@click.option("--part", type=(int, int), default=(0, 1), help="Which part, from 0, of how many.")
def main(folder: Path, sink: str, address: str, most: int | None, part: tuple[int, int]) -> None:
    """Try the faults of a SINK in FOLDER; print what came of it as JSON.

    Parts do not disturb each other where each has a server of its own.
    """
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    # So that a value can be too long that is no megabytes.
    sinks.DIALECTS[sink] = replace(sinks.DIALECTS[sink], text_bytes=scenario.TEXT_BYTES)
    warehouse = WAREHOUSES[sink](address)
    (whole := folder / "whole").mkdir()
    points = [
        Point(name, within, tuple(kinds), aside)
        for name, within, kinds, aside in forked(
            partial(live, warehouse, whole, None), whole / "points"
        )
    ]
    expected = Verdict(*forked(partial(finish, warehouse, whole), whole / "verdict"))
    failed = list(expected.complaints)
    tried = [] if failed else chosen(points, most)[part[0] :: part[1]]
    for number, fault in enumerate(tried, start=1):
        place, problems = tried_again(warehouse, folder, fault, expected)
        for problem in problems:
            name, within, *_ = points[fault.number]
            where = f"{sink}, {fault.kind} at {fault.number}, {within or 'loader'}: {name}"
            failed.append(f"{where}: {problem}")
            click.echo(failed[-1], err=True)
        if not problems:
            shutil.rmtree(place)
        click.echo(f"{sink} {number}/{len(tried)}", err=True)
    kinds = Counter(fault.kind for fault in tried)
    click.echo(json.dumps({"points": len(points), "tried": kinds, "failed": failed}))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
