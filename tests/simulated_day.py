"""A day of a loader, in minutes: its clock is made up, its warehouse is a real DuckDB file.

    python tests/simulated_day.py [--rows N] [--hours H] [--json]

Rows come all day long, one of a hundred of them twice. Every minute the events change: a new
column, a new event, or values that do not fit a column's kind any more. The warehouse is away
twice, for 20 minutes and for 3 hours.

Two things are not real. The topic is made up record by record, behind the interface that the
loader reads Kafka through; and a load takes half a second and 20 µs a row by the made-up clock,
whatever it took. Session, frames, spool and sink are those of every loader. In the end every row
has to be there once, and what was spooled within its bounds all day.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import click
import structlog
from loading import NOW, FaultySink, InlineExecutor, KeptDeadLetters, row
from loading import TestClock as MadeUpClock
from rich import box
from rich.console import Console
from rich.table import Table

from streamproc.errors import RetryableError
from streamproc.events import Micros, Times
from streamproc.kafka.codecs import decode_row, encode_row
from streamproc.settings import LoaderSettings, LogSettings, Settings
from streamproc.warehouse.dialects import DUCKDB
from streamproc.warehouse.loading.desk import Desk
from streamproc.warehouse.loading.intake import Intake, Machinery
from streamproc.warehouse.loading.loader import LoaderOptions, make_limits, make_terms
from streamproc.warehouse.loading.pending import Pending
from streamproc.warehouse.loading.session import Parts, Progress, Session, Totals
from streamproc.warehouse.loading.source import Fetched, Happening, Listener
from streamproc.warehouse.loading.spool import Spool
from streamproc.warehouse.shape.frames import Framer, Shaping
from streamproc.warehouse.sink import START, Batch, LoadResult, Place, Position
from streamproc.warehouse.sinks.duckdb import DuckDBSink, open_duckdb

__all__ = ["DAY", "Day", "Report", "simulate"]

PARTITIONS = 4
SECOND = 1_000_000
MINUTE_SECONDS = 60
DUPLICATE_EVERY = 100
LONG_EVERY = 10_000
TEXT_BYTES = 10_000
"""What a text column of the simulated warehouse takes, so that some values are discarded."""
BATCH_SECONDS = 60.0
TELL_SECONDS = 10.0
AFTER_SECONDS = 300.0
"""After the day nothing comes any more: time to catch up."""
LOAD_SECONDS, ROW_SECONDS = 0.5, 0.000_02
CHUNK_BYTES = 8_000_000
"""More than one chunk takes: the spool keeps whole ones."""


@dataclass(frozen=True)
class Day:
    """What happens; outages in hours from the beginning."""

    rows: int
    hours: float
    outages: Sequence[tuple[float, float]]
    memory_bytes: int = 8_000_000
    spool_bytes: int = 24_000_000
    batch_rows: int = 10_000

    @property
    def seconds(self) -> float:
        return self.hours * 3_600

    def time_of(self, number: int) -> float:
        return number * self.seconds / self.rows

    def value(self, number: int) -> bytes:
        """Return the record ``number``: the row of that number, or one of before again."""
        again = number % DUPLICATE_EVERY == DUPLICATE_EVERY - 1
        return self.record(number - DUPLICATE_EVERY // 2 if again else number)

    def record(self, number: int) -> bytes:
        minute = int(self.time_of(number) / MINUTE_SECONDS)
        event, properties = self.event(number, minute)
        if number % LONG_EVERY == 0:
            properties["essay"] = "x" * (TEXT_BYTES + 1)
        moment = Micros(NOW + round(self.time_of(number) * SECOND))
        made = row(number, event, **properties)
        return encode_row(made._replace(times=Times(None, None, moment, moment)))

    def event(self, number: int, minute: int) -> tuple[str, dict[str, Any]]:
        """Return what happens in a minute: by turns a new column, a new event, wider values."""
        recent = minute - minute % 3
        if number % 3 == 0 and minute % 3 >= 1:
            return f"Event {recent + 1}", {"total": number}
        wide = minute % 3 == 2
        return "Paid", {f"column_{recent}": "much" if wide else number, "total": number}

    def is_away(self, seconds: float) -> bool:
        return any(start <= seconds / 3_600 < end for start, end in self.outages)


DAY = Day(2_000_000, 24.0, ((6, 6 + 1 / 3), (14, 17)))


class Report(NamedTuple):
    """What became of a day; lag in records that were there and not loaded."""

    records: int
    rows: int
    duplicates: int
    batches: int
    refused: int
    """Calls that the warehouse did not answer."""
    statements: int
    changes: int
    tables: int
    columns: int
    discards: int
    longest_lag: int
    longest_lag_minutes: float
    last_lag: int
    pauses: int
    memory_bytes: int
    spool_bytes: int
    real_seconds: float


class DaySource:
    """The topic of a day: partitions take turns, a record is there when its time has come."""

    topic = "warehouse.load"

    def __init__(self, day: Day, clock: MadeUpClock) -> None:
        self._day = day
        self._clock = clock
        self._positions: dict[Place, int] = {}
        self._listener: Listener | None = None
        self._is_paused = False
        self.pauses = 0
        self.committed: dict[Place, int] = {}

    def join(self, listener: Listener) -> None:
        self._listener = listener

    def poll(self, seconds: float) -> Happening | None:
        if self._listener is not None:
            listener, self._listener = self._listener, None
            listener.assigned(self.topic, [Place(self.topic, n) for n in range(PARTITIONS)])
        due = self._next()
        if due is None:
            self._clock.wait(seconds)
            return None
        place, number = due
        offset = self._positions[place]
        self._positions[place] = offset + 1
        return Fetched(place, offset, None, self._day.value(number), 0)

    def _next(self) -> tuple[Place, int] | None:
        if self._is_paused or not self._positions:
            return None
        place = min(self._positions, key=lambda each: (self._positions[each], each.partition))
        number = self._positions[place] * PARTITIONS + place.partition
        is_there = number < self._day.rows and self._day.time_of(number) <= self._clock.seconds
        return (place, number) if is_there else None

    def begin(self, positions: Mapping[Place, Position | None]) -> Mapping[Place, Position]:
        first = {place: position or START for place, position in positions.items()}
        self._positions |= {place: position.offset for place, position in first.items()}
        return first

    def pause(self) -> None:
        self.pauses += not self._is_paused
        self._is_paused = True

    def resume(self) -> None:
        self._is_paused = False

    def commit(self, offsets: Mapping[Place, int]) -> None:
        self.committed |= offsets

    def behind(self, positions: Mapping[Place, int]) -> int:
        day = self._day
        there = min(day.rows, int(self._clock.seconds / day.seconds * day.rows))
        return max(0, there - sum(positions.values()))

    def close(self) -> None:
        """Nothing is open."""


class DaySink(FaultySink):
    """A DuckDB that is away at times, and takes its time."""

    def __init__(self, sink: DuckDBSink, day: Day, clock: MadeUpClock) -> None:
        super().__init__(sink)
        self._day = day
        self._clock = clock
        self.refused = 0
        self.changed = 0

    def change(self, changes: Sequence[Any]) -> None:
        self.changed += len(changes)
        super().change(changes)

    def load(self, batch: Batch) -> LoadResult:
        rows = batch.frames["streamproc_messages"].rows
        self._clock.wait(LOAD_SECONDS + ROW_SECONDS * rows)
        return super().load(batch)

    def _call(self, name: str, function: Any) -> Any:
        if self._day.is_away(self._clock.seconds):
            self.refused += 1
            raise RetryableError("the warehouse is away")
        return super()._call(name, function)


@dataclass
class Counted:
    """A DuckDB connection that counts its statements."""

    connection: Any
    statements: int = 0

    def execute(self, *args: Any) -> Any:
        self.statements += 1
        return self.connection.execute(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


class Watch:
    """Keeps the most there was of anything."""

    def __init__(self, day: Day, clock: MadeUpClock, source: DaySource, spool: Spool) -> None:
        self._day = day
        self._clock = clock
        self._source = source
        self._spool = spool
        self.lag = self.longest_lag = self.memory = self.files = 0
        self.longest_lag_seconds = 0.0

    def __call__(self, progress: Progress) -> None:
        self.lag = progress.waiting + progress.behind
        self.longest_lag = max(self.longest_lag, self.lag)
        self.memory = max(self.memory, self._spool.memory_size)
        self.files = max(self.files, self._spool.file_size)
        loaded = sum(self._source.committed.values())
        if loaded < self._day.rows:
            waited = self._clock.seconds - self._day.time_of(loaded)
            self.longest_lag_seconds = max(self.longest_lag_seconds, waited)


def simulate(day: Day, folder: Path) -> Report:
    """Run the day in ``folder``, and check what it leaves."""
    began, clock = time.perf_counter(), MadeUpClock()
    loader = LoaderSettings(
        duckdb_file=folder / "day.duckdb",
        batch_seconds=BATCH_SECONDS,
        batch_rows=day.batch_rows,
        memory_bytes=day.memory_bytes,
        spool_bytes=day.spool_bytes,
    )
    settings = Settings(loader=loader, log=LogSettings(progress_seconds=TELL_SECONDS))
    real = open_duckdb(loader)
    counted = real._connection = Counted(real._connection)  # type: ignore[assignment]
    sink, source = DaySink(real, day, clock), DaySource(day, clock)
    spool = Spool(folder, day.memory_bytes, day.spool_bytes)
    watch, totals = Watch(day, clock, source, spool), Totals()
    options = LoaderOptions(
        lambda: clock.seconds >= day.seconds + AFTER_SECONDS, clock=clock.clock, tell=watch
    )
    dead = KeptDeadLetters()
    desk = Desk(lambda: sink, InlineExecutor())
    parts = Parts([source], intake(settings, spool, dead), desk, dead)
    Session(parts, make_terms(settings, options), totals).run()
    spool.close()
    check(day, real, watch, totals)
    known = real.schema()
    return Report(
        records=day.rows,
        rows=totals.rows,
        duplicates=totals.duplicates,
        batches=totals.batches,
        refused=sink.refused,
        statements=counted.statements,
        changes=sink.changed,
        tables=len(known),
        columns=sum(map(len, known.values())),
        discards=real.counts()["discards"],
        longest_lag=watch.longest_lag,
        longest_lag_minutes=round(watch.longest_lag_seconds / MINUTE_SECONDS, 1),
        last_lag=watch.lag,
        pauses=source.pauses,
        memory_bytes=watch.memory,
        spool_bytes=watch.files,
        real_seconds=round(time.perf_counter() - began, 1),
    )


def intake(settings: Settings, spool: Spool, dead: KeptDeadLetters) -> Intake:
    """Return a loader's intake, for a warehouse that does not take long texts."""
    shaping = Shaping(replace(DUCKDB, text_bytes=TEXT_BYTES), 4, 1_000, widen=True)
    machinery = Machinery(decode_row, Framer(shaping), spool, dead, None, "no deletions")
    return Intake(machinery, Pending(make_limits(settings)))


def check(day: Day, sink: DuckDBSink, watch: Watch, totals: Totals) -> None:
    """Fail unless every row is there once and the spool was within its bounds."""
    again = day.rows // DUPLICATE_EVERY
    for table in ("tracks", "streamproc_messages"):
        counted = f'SELECT count(*), count(DISTINCT id) FROM "{table}"'
        found = sink._connection.execute(counted).fetchone()
        assert found == (day.rows - again, day.rows - again), f"{table}: {found}"
    assert (totals.rows, totals.duplicates) == (day.rows - again, again)
    assert sum(position.offset for position in sink.offsets().values()) == day.rows
    assert watch.lag == 0, "not all was loaded"
    assert watch.memory <= day.memory_bytes + CHUNK_BYTES
    assert watch.files <= day.spool_bytes + CHUNK_BYTES


@click.command()
@click.option("--rows", default=DAY.rows, show_default=True)
@click.option("--hours", default=DAY.hours, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def main(rows: int, hours: float, as_json: bool) -> None:
    """Simulate a day of a loader."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("ERROR"))
    scale = hours / DAY.hours
    outages = [(start * scale, end * scale) for start, end in DAY.outages]
    with tempfile.TemporaryDirectory() as folder:
        report = simulate(replace(DAY, rows=rows, hours=hours, outages=outages), Path(folder))
    if as_json:
        click.echo(json.dumps(report._asdict()))
        return
    table = Table(box=box.SIMPLE_HEAD, show_header=False, title=f"{hours:g} hours of a loader")
    for name, value in report._asdict().items():
        table.add_row(name.replace("_", " "), f"{value:,}")
    Console().print(table)


if __name__ == "__main__":
    main()
