"""Measures the loader on one core, from the bytes of the loader topic to Parquet and to DuckDB.

    python tests/bench/loader.py [--events N] [--json]

The loader's own parts without Kafka: rows of the shipped generator, redacted and encoded, through
the intake (decode, frames) and the sinks. Every batch has new message ids. *First* is the first
batch, which makes all tables; the other figure is the median of the batches after it. The floor is
what does no more than fastavro and DuckDB have to: rows decoded, and inserted with their payloads
whole into one narrow table.

Rates are in seconds of processor time, of all threads, on one core: what else a shared machine does
counts little.

Memory is the most that a process of its own has had, for batches of one size and of ten times it.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import structlog
from rich import box
from rich.console import Console
from rich.table import Table

from streamproc.assemble import load_rules, make_pipeline
from streamproc.demo import Mix, generate
from streamproc.detect.language import NAMED_ENTITIES
from streamproc.events import Micros, Origin, Record, Row
from streamproc.identity import View
from streamproc.kafka.codecs import ROW, decode_row, encode_row
from streamproc.redact import KeyRing
from streamproc.settings import Settings
from streamproc.warehouse.dialects import DUCKDB
from streamproc.warehouse.loading.batches import LoadedBy, load
from streamproc.warehouse.loading.loader import make_intake
from streamproc.warehouse.loading.plan import NoDeadLetters
from streamproc.warehouse.loading.source import Fetched
from streamproc.warehouse.loading.spool import Spool
from streamproc.warehouse.schema import Columns
from streamproc.warehouse.shape.frames import Framer, Shaping
from streamproc.warehouse.sink import START, Place
from streamproc.warehouse.sinks import open_sink

RING = KeyRing("k1", {"k1": bytes(32)})
ARRIVED = Micros(1_767_603_600_000_000)
PLACE = Place("events.load", 0)
BATCH = 10_000
BATCHES = 6
"""Batches of one sink, the first told apart."""
MEMORY_BATCHES = 3


class Rate(NamedTuple):
    """One row of the table: events a second, of the first batch and of the others."""

    name: str
    batch: int
    first: float
    per_second: float


def redacted(events: int) -> list[Row]:
    """Return rows of the generator's events, without a language model's names."""
    ruleset = load_rules(Settings())
    ruleset = ruleset.model_copy(update={"entities": ruleset.entities - NAMED_ENTITIES})
    with tempfile.TemporaryDirectory() as cache:
        settings = Settings.model_validate({"worker": {"directory": Path(cache)}})
        pipeline = make_pipeline(settings, RING, View(), ruleset)
        records = [
            Record(Origin("events.raw", 0, number), b"key", made.value, ARRIVED)
            for number, made in enumerate(generate(events, 1, Mix(malformed=0.0)))
        ]
        return [row for row in pipeline.run(records).outcomes if isinstance(row, Row)]


def encoded(rows: Sequence[Row], count: int, batch: int) -> list[bytes]:
    """Return ``count`` messages of ``rows``, with message ids of batch number ``batch``."""
    return [
        encode_row(row._replace(message_id=f"{batch:04d}-{number:010d}-{row.message_id[:18]}"))
        for number, row in enumerate(rows[place % len(rows)] for place in range(count))
    ]


def rate_of(name: str, rows: Sequence[Row], batch: int, work: Callable[[list[bytes]], Any]) -> Rate:
    """Return how fast ``work`` does batches of messages."""
    rates = []
    for number in range(BATCHES):
        messages = encoded(rows, batch, number)
        began = time.process_time()
        work(messages)
        rates.append(batch / (time.process_time() - began))
    return Rate(name, batch, rates[0], statistics.median(rates[1:]))


def fastavro_alone(messages: list[bytes]) -> None:
    """Decode messages the plain way."""
    for message in messages:
        ROW.decode(message)


def decoding(messages: list[bytes]) -> None:
    """Decode messages, payloads included."""
    for message in messages:
        decode_row(message)


def framing() -> Callable[[list[bytes]], dict[str, pa.Table]]:
    """Return what makes tables of messages, knowing the columns of those before."""
    framer = Framer(Shaping(DUCKDB, 4, 1_000, widen=True))
    known: dict[str, Columns] = {}

    def work(messages: list[bytes]) -> dict[str, pa.Table]:
        frames = framer.frames(map(decode_row, messages), known, 0)
        known.update(frames.kinds)
        return dict(frames.tables)

    return work


def framing_to_files(folder: Path) -> Callable[[list[bytes]], None]:
    """Return what writes the tables of messages to a Parquet file each."""
    framed = framing()

    def work(messages: list[bytes]) -> None:
        for name, table in framed(messages).items():
            pq.write_table(table, folder / f"{name}.parquet", compression="zstd")

    return work


class Loading:
    """A whole loader but for Kafka."""

    def __init__(self, sink: str, folder: Path, batch: int) -> None:
        """Open ``sink`` in ``folder``."""
        values = {
            "sink": sink,
            "duckdb_file": folder / "bench.duckdb",
            "parquet_directory": folder,
            "batch_rows": batch,
            "spool_directory": folder,
        }
        settings = Settings.model_validate({"loader": values})
        self._sink = open_sink(settings)
        loader = settings.loader
        self._spool = Spool(folder, loader.memory_bytes, loader.spool_bytes)
        self._intake = make_intake(settings, self._spool, NoDeadLetters())
        self._intake.pending.start(PLACE, START, START)
        self._schema = self._sink.schema()
        self._offset = 0

    def __call__(self, messages: list[bytes]) -> None:
        """Load messages as one batch."""
        for message in messages:
            self._intake.take(Fetched(PLACE, self._offset, None, message, 0), 0.0)
            self._offset += 1
        sealed = self._intake.seal()
        by = LoadedBy("bench", "dedupe", Micros(ARRIVED + self._offset))
        loaded = load(self._sink, sealed, self._schema, by)
        assert loaded.result.rows == len(messages)
        self._schema = loaded.schema
        self._intake.see(loaded.schema)
        self._intake.give_back(sealed, loaded=True)

    def close(self) -> None:
        """Let go of the sink and the spool."""
        self._sink.close()
        self._spool.close()


def loaded_rate(name: str, sink: str, rows: Sequence[Row], batch: int) -> Rate:
    """Return how fast messages are loaded into a sink."""
    with tempfile.TemporaryDirectory() as folder:
        loading = Loading(sink, Path(folder), batch)
        try:
            return rate_of(name, rows, batch, loading)
        finally:
            loading.close()


def floor(name: str, rows: Sequence[Row]) -> Rate:
    """Return how fast rows are decoded and inserted into one narrow table, payloads whole."""
    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect(f"{folder}/floor.duckdb")
        connection.execute("CREATE TABLE raw (id VARCHAR, received_at BIGINT, payload JSON)")

        def work(messages: list[bytes]) -> None:
            fields = [ROW.decode(message) for message in messages]
            names = {"message_id": pa.string(), "received_at": pa.int64(), "payload": pa.string()}
            staged = pa.table(
                {
                    name: pa.array([each[name] for each in fields], type_)
                    for name, type_ in names.items()
                }
            )
            connection.register("staged", staged)
            connection.execute("INSERT INTO raw SELECT * FROM staged")
            connection.unregister("staged")

        rate = rate_of(name, rows, BATCH, work)
        connection.close()
        return rate


def measure(rows: Sequence[Row], only: str) -> Iterator[Rate]:
    """Yield the rates of the parts whose names hold ``only``: part by part, then the whole."""
    parts: dict[str, Callable[[list[bytes]], Any]] = {
        "fastavro alone": fastavro_alone,
        "decode": decoding,
        "decode, frames": framing(),
    }
    for name, work in parts.items():
        if only in name:
            yield rate_of(name, rows, BATCH, work)
    with tempfile.TemporaryDirectory() as folder:
        if only in (name := "decode, frames, Parquet files"):
            yield rate_of(name, rows, 5 * BATCH, framing_to_files(Path(folder)))
    for sink, batch in {"parquet": 5 * BATCH, "duckdb": BATCH}.items():
        if only in (name := f"loader to {sink}"):
            yield loaded_rate(name, sink, rows, batch)
    if only in (name := "floor: fastavro, one narrow table"):
        yield floor(name, rows)


def peak(sink: str, batch: int) -> float:
    """Return the most megabytes that a process has had which loads batches of that size."""
    command = [sys.executable, __file__, "--peak", sink, "--events", "2000", "--batch", str(batch)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(told.stdout)


def own_peak(sink: str, events: int, batch: int) -> float:
    """Load some batches, and return the most megabytes this process has had since."""
    rows = redacted(events)
    with tempfile.TemporaryDirectory() as folder:
        loading = Loading(sink, Path(folder), batch)
        for number in range(MEMORY_BATCHES):
            loading(encoded(rows, batch, number))
        loading.close()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show(rates: Sequence[Rate], peaks: dict[str, float], size: float) -> None:
    """Print the table."""
    table = Table("one core", "batch", "first, rows/s", "rows/s", "µs", box=box.SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    for rate in rates:
        table.add_row(
            rate.name,
            f"{rate.batch:,}",
            f"{rate.first:,.0f}",
            f"{rate.per_second:,.0f}",
            f"{1e6 / rate.per_second:.1f}",
        )
    console = Console()
    console.print(f"The loader, on rows of {size:,.0f} bytes:")
    console.print(table)
    for name, megabytes in peaks.items():
        console.print(f"Most memory, {name}: {megabytes:,.0f} MB")


@click.command()
@click.option("--events", default=20_000, show_default=True, help="Different events.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.option("--only", help="The parts whose names hold this.")
@click.option("--peak", "peak_of", hidden=True)
@click.option("--batch", default=BATCH, hidden=True)
def main(events: int, as_json: bool, only: str | None, peak_of: str | None, batch: int) -> None:
    """Measure the loader on one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    gc.set_threshold(50_000)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    if peak_of is not None:
        click.echo(own_peak(peak_of, events, batch))
        return
    rows = redacted(events)
    gc.collect()
    gc.freeze()
    rates = []
    for rate in measure(rows, only or ""):
        click.echo(f"{rate.name}: {rate.per_second:,.0f} rows/s", err=True)
        rates.append(rate)
    peaks = {}
    if only is None:
        peaks = {
            f"{sink}, batches of {size:,}": peak(sink, size)
            for sink in ("duckdb", "parquet")
            for size in (BATCH, 10 * BATCH)
        }
    if as_json:
        click.echo(json.dumps({"rates": [rate._asdict() for rate in rates], "peaks": peaks}))
        return
    size = statistics.fmean(map(len, encoded(rows, 2_000, 0)))
    show(rates, peaks, size)


if __name__ == "__main__":
    main()
