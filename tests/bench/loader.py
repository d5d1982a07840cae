"""Measures the loader on one core, from the bytes of the loader topic to Parquet and to DuckDB.

    python tests/bench/loader.py [--events N] [--json]

The loader's own parts without Kafka: rows of the shipped generator, redacted and encoded, through
the intake (decode, frames) and the sinks, in the batches that the loader has by default for DuckDB.
Every batch has new message ids. *First* is the first batch, which makes all tables; the other
figure is the median of the batches after it. An event is a line of two tables as a rule, and of
``streamproc_messages``: for 10,000 events 27,000 lines are written.

Floors are what does no more than it has to: fastavro that decodes, DuckDB and pyarrow that write
the columns of the same tables, which are ready.

Rates are in seconds of processor time, of all threads, on one core: what else a shared machine does
counts less, but it counts, up to half as much again.

Memory is the most that a process of its own has had, for batches of one size and of ten times it.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from streamproc.cli.load import GC_THRESHOLD
from streamproc.demo import Mix, generate
from streamproc.detect.language import NAMED_ENTITIES
from streamproc.events import Micros, Origin, Record, Row
from streamproc.identity import View
from streamproc.kafka.codecs import ROW, decode_row, encode_row
from streamproc.kafka.row_reader import likeness
from streamproc.redact import KeyRing
from streamproc.settings import Settings
from streamproc.warehouse.dialects import DUCKDB
from streamproc.warehouse.loading.batches import LoadedBy, load, merged
from streamproc.warehouse.loading.loader import make_intake
from streamproc.warehouse.loading.packing import pack_rows
from streamproc.warehouse.loading.plan import NoDeadLetters
from streamproc.warehouse.loading.source import Fetched
from streamproc.warehouse.loading.spool import Spool
from streamproc.warehouse.schema import Columns
from streamproc.warehouse.shape.frames import Framer, Shaping
from streamproc.warehouse.sink import START, Place
from streamproc.warehouse.sinks import DEFAULTS, open_sink
from streamproc.warehouse.sinks.duckdb import CHECKPOINT_BYTES

RING = KeyRing("k1", {"k1": bytes(32)})
ARRIVED = Micros(1_767_603_600_000_000)
PLACE = Place("events.load", 0)
BATCH = DEFAULTS["duckdb"].batch_rows
BATCHES = 3
"""Batches of one sink, the first told apart."""
ID = "0000-0000000000-"
"""How every message id begins, before a batch gives it a number."""
CHUNK = 10_000
"""Events that the loader makes tables of at a time."""
MEMORY_BATCH = 10_000
MEMORY_BATCHES = 3
MEMORY_EVENTS = 2_000


class Rate(NamedTuple):
    """One row of the table: events a second, of the first batch and of the others."""

    name: str
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


def encoded(rows: Sequence[Row]) -> list[bytes]:
    """Return a message of each of ``rows``, whose id :func:`batch_of` finds."""
    return [encode_row(row._replace(message_id=f"{ID}{row.message_id[:18]}")) for row in rows]


def batch_of(messages: Sequence[bytes], number: int, size: int) -> Iterator[bytes]:
    """Yield ``size`` messages with message ids of batch ``number``."""
    for place in range(size):
        message_id = b"%04d-%010d-" % (number, place)
        yield messages[place % len(messages)].replace(ID.encode(), message_id, 1)


def rate_of(name: str, messages: Sequence[bytes], work: Callable[[list[bytes]], Any]) -> Rate:
    """Return how fast ``work`` does batches of messages."""
    rates = []
    for number in range(BATCHES):
        batch = list(batch_of(messages, number, BATCH))
        began = time.process_time()
        work(batch)
        rates.append(BATCH / (time.process_time() - began))
    return Rate(name, rates[0], statistics.median(rates[1:]))


def fastavro_alone(messages: list[bytes]) -> None:
    """Decode messages the plain way."""
    for message in messages:
        ROW.decode(message)


def decoding(messages: list[bytes]) -> None:
    """Decode messages, payloads included."""
    for message in messages:
        decode_row(message)


def packing(messages: list[bytes]) -> None:
    """Read messages side by side, their payloads not looked into."""
    for start in range(0, len(messages), CHUNK):
        pack_rows(messages[start : start + CHUNK])


def framing() -> Callable[[list[bytes]], list[Mapping[str, pa.Table]]]:
    """Return what makes tables of messages, knowing the columns of those before."""
    framer = Framer(Shaping(DUCKDB, 4, 1_000, widen=True))
    known: dict[str, Columns] = {}

    def work(messages: list[bytes]) -> list[Mapping[str, pa.Table]]:
        made = []
        for start in range(0, len(messages), CHUNK):
            part = messages[start : start + CHUNK]
            packed, left = pack_rows(part)
            assert packed is not None
            bulk = framer.parse(packed)
            others = sorted((*left, *bulk.left), key=lambda place: likeness(part[place]))
            rows = ((place, decode_row(part[place])) for place in others)
            frames = framer.frames(rows, known, bulk)
            known.update(merged(known, frames.kinds))
            made.append(frames.tables)
        return made

    return work


def framed(messages: list[bytes]) -> dict[str, pa.Table]:
    """Return the tables of messages, each in one piece."""
    made = framing()(messages)
    names = dict.fromkeys(name for tables in made for name in tables)
    return {
        name: pa.concat_tables(
            [tables[name] for tables in made if name in tables], promote_options="permissive"
        ).combine_chunks()
        for name in names
    }


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

    def __call__(self, messages: Iterable[bytes]) -> None:
        """Load messages as one batch."""
        first = self._offset
        for message in messages:
            self._intake.take(Fetched(PLACE, self._offset, None, message, 0), 0.0)
            self._offset += 1
        sealed = self._intake.seal()
        by = LoadedBy("bench", "dedupe", Micros(ARRIVED + self._offset))
        loaded = load(self._sink, sealed, self._schema, by)
        assert loaded.result.rows == self._offset - first
        self._schema = loaded.schema
        self._intake.see(loaded.schema)
        self._intake.give_back(sealed, loaded=True)

    def close(self) -> None:
        """Let go of the sink and the spool."""
        self._sink.close()
        self._spool.close()


def loaded_rate(name: str, sink: str, messages: Sequence[bytes]) -> Rate:
    """Return how fast messages are loaded into a sink."""
    with tempfile.TemporaryDirectory() as folder:
        loading = Loading(sink, Path(folder), BATCH)
        try:
            return rate_of(name, messages, loading)
        finally:
            loading.close()


def files_floor(name: str, messages: Sequence[bytes]) -> Rate:
    """Return how fast pyarrow writes tables that are ready, each into one Parquet file."""
    tables = framed(list(batch_of(messages, 0, BATCH)))
    with tempfile.TemporaryDirectory() as folder:

        def work(_messages: list[bytes]) -> None:
            for number, table in enumerate(tables.values()):
                pq.write_table(table, f"{folder}/{number}.parquet", compression="zstd")

        return rate_of(name, messages, work)


def tables_floor(name: str, messages: Sequence[bytes]) -> Rate:
    """Return how fast DuckDB inserts tables that are ready, in one transaction."""
    tables = framed(list(batch_of(messages, 0, BATCH)))
    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect(
            f"{folder}/floor.duckdb", config={"checkpoint_threshold": CHECKPOINT_BYTES}
        )
        for table, arrived in tables.items():
            connection.register("arrived", arrived.slice(0, 0))
            connection.execute(f'CREATE TABLE "{table}" AS FROM arrived')

        def work(_messages: list[bytes]) -> None:
            connection.execute("BEGIN")
            for table, arrived in tables.items():
                connection.register("arrived", arrived)
                connection.execute(f'INSERT INTO "{table}" FROM arrived')
            connection.execute("COMMIT")

        rate = rate_of(name, messages, work)
        connection.close()
        return rate


def measure(messages: Sequence[bytes], only: str) -> Iterator[Rate]:
    """Yield the rates of the parts whose names hold ``only``: part by part, then the whole."""
    parts: dict[str, Callable[[str], Rate]] = {
        "floor: fastavro alone": lambda name: rate_of(name, messages, fastavro_alone),
        "decode, one by one": lambda name: rate_of(name, messages, decoding),
        "decode, side by side": lambda name: rate_of(name, messages, packing),
        "decode, payloads, frames": lambda name: rate_of(name, messages, framing()),
        "floor: ready columns to Parquet files": lambda name: files_floor(name, messages),
        "loader to parquet": lambda name: loaded_rate(name, "parquet", messages),
        "floor: ready columns into DuckDB": lambda name: tables_floor(name, messages),
        "loader to duckdb": lambda name: loaded_rate(name, "duckdb", messages),
    }
    for name, rate in parts.items():
        if only in name:
            yield rate(name)


def peaks_of(messages: Sequence[bytes]) -> Iterator[tuple[str, float]]:
    """Yield the most megabytes of processes that load batches of one size, and of ten times it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "messages"
        file.write_bytes(pickle.dumps(messages[:MEMORY_EVENTS]))
        for sink in ("duckdb", "parquet"):
            for batch in (MEMORY_BATCH, 10 * MEMORY_BATCH):
                command = [sys.executable, __file__, "--peak", sink, "--batch", str(batch)]
                told = subprocess.run(
                    [*command, "--messages", str(file)], check=True, capture_output=True, text=True
                )
                yield f"{sink}, batches of {batch:,}", float(told.stdout)


def own_peak(sink: str, batch: int, file: Path) -> float:
    """Load some batches, and return the most megabytes this process has had."""
    messages: list[bytes] = pickle.loads(file.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        loading = Loading(sink, Path(folder), batch)
        for number in range(MEMORY_BATCHES):
            loading(batch_of(messages, number, batch))
        loading.close()
    # Not getrusage: what it tells goes back to the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def show(rates: Sequence[Rate], peaks: Mapping[str, float], size: float) -> None:
    """Print the table."""
    table = Table("one core", "first, rows/s", "rows/s", "µs", "of", box=box.SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    floor = rates[0].per_second if rates else 0
    for rate in rates:
        table.add_row(
            rate.name,
            f"{rate.first:,.0f}",
            f"{rate.per_second:,.0f}",
            f"{1e6 / rate.per_second:.1f}",
            f"{rate.per_second / floor:.0%}",
        )
    console = Console()
    console.print(f"The loader, on rows of {size:,.0f} bytes, in batches of {BATCH:,}:")
    console.print(table)
    for name, megabytes in peaks.items():
        console.print(f"Most memory, {name}: {megabytes:,.0f} MB")


@click.command()
@click.option("--events", default=20_000, show_default=True, help="Different events.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.option("--only", help="The parts whose names hold this.")
@click.option("--peak", "peak_of", hidden=True)
@click.option("--batch", default=MEMORY_BATCH, hidden=True)
@click.option("--messages", "messages_of", type=click.Path(path_type=Path), hidden=True)
def main(  # noqa: PLR0917 - one of each option
    events: int,
    as_json: bool,
    only: str | None,
    peak_of: str | None,
    batch: int,
    messages_of: Path | None,
) -> None:
    """Measure the loader on one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    gc.set_threshold(GC_THRESHOLD)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    if peak_of is not None and messages_of is not None:
        click.echo(own_peak(peak_of, batch, messages_of))
        return
    messages = encoded(redacted(events))
    gc.collect()
    gc.freeze()
    rates = []
    for rate in measure(messages, only or ""):
        click.echo(f"{rate.name}: {rate.per_second:,.0f} rows/s", err=True)
        rates.append(rate)
    peaks = dict(peaks_of(messages)) if only is None else {}
    if as_json:
        click.echo(json.dumps({"rates": [rate._asdict() for rate in rates], "peaks": peaks}))
        return
    size = statistics.fmean(map(len, messages))
    show(rates, peaks, size)


if __name__ == "__main__":
    main()
