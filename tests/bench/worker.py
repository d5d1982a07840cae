"""Measures the worker end to end, beside plain Faust with Presidio and a bare loop.

    python tests/bench/worker.py [--events N] [--json]

Every contestant is one process that reads the same generated events from a topic, all of them
there before it starts, and writes to another; start-up does not count. The rate is taken from the
growth of the output topic. Real Kafka where it can be had, else the embedded broker.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "deploy/kafka")]

import click
from broker import KafkaBroker, unavailable
from brokers import Broker
from confluent_kafka import Consumer, TopicPartition
from processes import running
from rich import box
from rich.console import Console
from rich.table import Table

from streamproc.demo.generate import Mix, generate
from streamproc.kafka.embedded import EmbeddedBroker
from streamproc.settings import TopicSettings, variable_name

BENCH = Path(__file__).parent
PEER_EVENTS = 150
"""Plain Faust takes a tenth of a second an event: so many are enough, and take long enough."""
EMBEDDED_EVENTS = 5_000
"""What the embedded broker keeps in memory."""
BARE_REPEATS = 20
"""The bare loop is so fast that it gets the same events so many times."""
OURS = "streamproc worker"
PATIENCE_SECONDS = 300
LOOK_SECONDS = 0.01


class Run(NamedTuple):
    """One contestant's run; rates in events a second."""

    events: int
    seconds: float
    rate: float
    first: float
    """Of the first tenth: the memo is empty."""
    rest: float
    """Of the rest: with the reuse that sessions have."""


def outputs(broker: Broker, topics: TopicSettings) -> Generator[int]:
    """Yield, as often as it is asked, how many records the output topics hold."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "bench"})
    places = [
        TopicPartition(topic, number)
        for topic in (topics.load, topics.dead)
        for number in broker.partitions(topic)
    ]
    try:
        while True:
            yield sum(consumer.get_watermark_offsets(place, timeout=5)[1] for place in places)
    finally:
        consumer.close()


def measure(
    broker: Broker, topics: TopicSettings, count: int, command: list[str], keys: Path
) -> Run:
    """Run a contestant until ``count`` records came out."""
    settings = {
        variable_name("kafka", "brokers"): broker.bootstrap,
        variable_name("worker", "group"): broker.group("bench"),
        variable_name("log", "level"): "WARNING",
        variable_name("keys", "file"): str(keys),
        **{variable_name("topics", name): str(value) for name, value in topics},
    }
    seen: list[tuple[float, int]] = []
    with running(command, settings) as process, contextlib.closing(outputs(broker, topics)) as look:
        deadline = time.monotonic() + PATIENCE_SECONDS
        for done in look:
            assert process.running, process.output()
            assert time.monotonic() < deadline, process.output()
            if done and (not seen or done > seen[-1][1]):
                seen.append((time.perf_counter(), done))
            if done >= count:
                break
            time.sleep(LOOK_SECONDS)
    return summary(seen)


def summary(seen: list[tuple[float, int]]) -> Run:
    """Return the rates between the first output seen and the last."""
    start, end = seen[0], seen[-1]
    bend = next(point for point in seen if point[1] >= end[1] // 10)

    def rate(one: tuple[float, int], other: tuple[float, int]) -> float:
        return (other[1] - one[1]) / max(other[0] - one[0], 1e-9)

    return Run(end[1], end[0] - start[0], rate(start, end), rate(start, bend), rate(bend, end))


@contextlib.contextmanager
def a_broker() -> Iterator[Broker]:
    """Real Kafka, else the embedded broker."""
    reason = unavailable()
    if reason is None:
        with KafkaBroker() as process:
            yield Broker(process.bootstrap, "kafka")
    else:
        click.echo(f"no real Kafka ({reason}): measuring on the embedded broker", err=True)
        with EmbeddedBroker() as cluster:
            yield Broker(cluster.bootstrap, "embedded")


class Contestant(NamedTuple):
    """Who runs, on how many events: as many as it takes to measure it."""

    name: str
    events: int
    script: str | None
    """A program of this folder, or None for our worker."""


def contestants(broker: Broker, events: int) -> tuple[Contestant, ...]:
    """Return who runs; the embedded broker's memory holds few events."""
    many = events * BARE_REPEATS if broker.kind == "kafka" else events
    return (
        Contestant("Faust + AnalyzerEngine", PEER_EVENTS, "plain_faust.py"),
        Contestant(OURS, events, None),
        Contestant("consume + produce", many, "bare_loop.py"),
    )


def run_all(broker: Broker, events: int, keys: Path) -> dict[str, Run]:
    """Run the contestants one after the other on the same events, over again where needed."""
    records = [(made.key, made.value) for made in generate(events, 1, Mix(malformed=0.0))]
    runs = {}
    for each in contestants(broker, events):
        click.echo(f"{each.name}: {each.events:,} events …", err=True)
        topics = broker.topics("bench")
        broker.produce(topics.raw, itertools.islice(itertools.cycle(records), each.events))
        command = ["-m", "streamproc", "worker"]
        if each.script is not None:
            places = [broker.bootstrap, topics.raw, topics.load, broker.group("bench")]
            command = [str(BENCH / each.script), *places]
        runs[each.name] = measure(broker, topics, each.events, command, keys)
    return runs


def show(broker: Broker, runs: dict[str, Run]) -> None:
    """Print the runs as a table, each beside our worker."""
    ours = runs[OURS]
    table = Table(
        "one process each", "events", "seconds", "events/s", "to ours", box=box.SIMPLE_HEAD
    )
    for name, run in runs.items():
        ratio = f"{run.rate / ours.rate:,.3g} x"
        table.add_row(name, f"{run.events:,}", f"{run.seconds:.2f}", f"{run.rate:,.0f}", ratio)
        if run is ours:
            table.add_row("  first tenth, memo cold", "", "", f"{run.first:,.0f}", "")
            table.add_row("  the rest, memo warm", "", "", f"{run.rest:,.0f}", "")
    console = Console()
    console.print(f"End to end on the {broker.kind} broker, start-up not counted:")
    console.print(table)


@click.command()
@click.option("--events", default=20_000, show_default=True, help="Events for the worker.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def main(events: int, as_json: bool) -> None:
    """Measure the worker beside plain Faust with Presidio and a bare loop."""
    with a_broker() as broker, tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys.json"
        subprocess.run(
            [sys.executable, "-m", "streamproc", "keys", "generate", "--file", str(keys)],
            check=True,
            capture_output=True,
        )
        runs = run_all(
            broker, events if broker.kind == "kafka" else min(events, EMBEDDED_EVENTS), keys
        )
        if as_json:
            click.echo(json.dumps({name: run._asdict() for name, run in runs.items()}, indent=2))
        else:
            show(broker, runs)


if __name__ == "__main__":
    main()
