"""Measures what more processes of one worker bring, on real Kafka, and what bounds it.

    python tests/bench/scaling.py [--events N] [--most N] [--json]

For 1, 2, 3 and 4 processes: ``streamproc worker --processes N`` reads the same generated events,
all of them on the topic before it starts, from 12 partitions. Its rate is taken from the growth of
its output topics between the first tenth and the last, so that starting up, compiling and empty
memories do not count. *Efficiency* is the rate to N times that of one.

Processor time tells what bounds it: that of the workers (all their threads), that of the broker,
and that of everything else on the machine, in cores, over the same stretch. Where they add up to
what there is, it is the machine: the broker beside the workers takes a part that it does not take
in production. What is left idle has been waited for: by the network, by the disk, or by a partition
that had nothing left. *Best possible* is what the cores that the others left would have done at the
cost of one process.
"""

from __future__ import annotations

import contextlib
import json
import os
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
from processes import Process, running
from rich import box
from rich.console import Console
from rich.table import Table

from streamproc.demo import Generated, Mix, generate
from streamproc.processes import usable_cores
from streamproc.settings import TopicSettings, variable_name

PARTITIONS = 12
"""Shared out evenly by 1, 2, 3 and 4 processes."""
PATIENCE_SECONDS = 240
LOOK_SECONDS = 0.05
TICKS = os.sysconf("SC_CLK_TCK")
COMPACTED = ("links", "attributes", "suppressed", "deletions")


class Moment(NamedTuple):
    """How far everything was at a time; processor time in seconds."""

    at: float
    done: int
    workers: float
    broker: float
    all: float
    """Of everything that ran on the machine."""


class Place(NamedTuple):
    """What all runs have in common."""

    broker: Broker
    server: list[int]
    """The broker's processes."""
    folder: Path


class Run(NamedTuple):
    """What so many processes did; processor time in cores."""

    processes: int
    rate: float
    workers: float
    broker: float
    others: float
    memory: int
    """Memory of all processes, shared pages counted once: bytes."""


class Reach(NamedTuple):
    """How a run compares with that of one process."""

    speedup: float
    efficiency: float
    possible: float
    bound: str


def family(process: int) -> list[int]:
    """Return ``process`` and all below it."""
    children = Path(f"/proc/{process}/task/{process}/children")
    try:
        below = [int(child) for child in children.read_text().split()]
    except FileNotFoundError:
        return []
    return [process, *(each for child in below for each in family(child))]


def used(processes: list[int]) -> float:
    """Return the processor time of ``processes``, in seconds."""
    total = 0
    for process in processes:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            total += int(stat[11]) + int(stat[12])
    return total / TICKS


def used_by_all() -> float:
    """Return the processor time of everything on the machine, in seconds."""
    user, nice, system, _idle, _iowait, *interrupts = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    )
    return (user + nice + system + sum(interrupts)) / TICKS


def memory(processes: list[int]) -> int:
    """Return the memory of ``processes``, pages that several have counted once: bytes."""
    total = 0
    for process in processes:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1_024


def topics_of(broker: Broker) -> TopicSettings:
    """Return topics of their own for a run."""
    topics = broker.names("scaling")
    for name in ("raw", "load", "dead"):
        broker.create(getattr(topics, name), PARTITIONS)
    for name in COMPACTED:
        broker.create(getattr(topics, name), PARTITIONS, {"cleanup.policy": "compact"})
    return topics


def moments(
    broker: Broker, topics: TopicSettings, worker: Process, server: list[int]
) -> Generator[Moment]:
    """Yield how far ``worker`` is, as often as it is asked."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "scaling"})
    places = [
        TopicPartition(topic, number)
        for topic in (topics.load, topics.dead)
        for number in range(PARTITIONS)
    ]
    try:
        while True:
            done = sum(consumer.get_watermark_offsets(place, timeout=5)[1] for place in places)
            processes = family(worker.pid)
            spent = used(processes), used(server), used_by_all()
            yield Moment(time.perf_counter(), done, *spent)
    finally:
        consumer.close()


def measure(place: Place, count: int, events: int) -> Run:
    """Run a worker of ``count`` processes until all events came out."""
    broker = place.broker
    topics = topics_of(broker)
    broker.produce(topics.raw, [(made.key, made.value) for made in day(events)])
    arguments = ["-m", "streamproc", "worker", "--processes", str(count)]
    seen: list[Moment] = []
    with (
        running(arguments, settings(broker, topics, place.folder)) as worker,
        contextlib.closing(moments(broker, topics, worker, place.server)) as look,
    ):
        deadline = time.monotonic() + PATIENCE_SECONDS
        for moment in look:
            assert worker.running, worker.output()
            assert time.monotonic() < deadline, worker.output()
            if moment.done >= events // 10 and (not seen or moment.done > seen[-1].done):
                seen.append(moment)
            if moment.done >= events:
                break
            time.sleep(LOOK_SECONDS)
        taken = memory(family(worker.pid))
        assert worker.stop() == 0, worker.output()
    return summary(count, seen, taken)


def summary(count: int, seen: list[Moment], taken: int) -> Run:
    """Return the rate while every process had something to do: up to nine tenths."""
    start = seen[0]
    end = next(each for each in seen if each.done >= seen[-1].done * 9 // 10)
    took = end.at - start.at
    workers, broker = (end.workers - start.workers) / took, (end.broker - start.broker) / took
    others = max(0.0, (end.all - start.all) / took - workers - broker)
    return Run(count, (end.done - start.done) / took, workers, broker, others, taken)


def day(events: int) -> Iterator[Generated]:
    """Return the same events for every run."""
    return generate(events, 1, Mix(malformed=0.0))


def settings(broker: Broker, topics: TopicSettings, folder: Path) -> dict[str, str]:
    """Return the variables of a worker."""
    values = {
        ("kafka", "brokers"): broker.bootstrap,
        ("worker", "group"): broker.group("scaling"),
        ("log", "level"): "WARNING",
        ("keys", "file"): str(folder / "keys.json"),
        ("identity", "directory"): str(folder / "identity"),
        **{("topics", name): getattr(topics, name) for name in ("raw", "load", "dead", *COMPACTED)},
    }
    return {variable_name(*name): value for name, value in values.items()}


def reach(run: Run, one: Run, cores: int) -> Reach:
    """Return how ``run`` compares with ``one``, and what bounds it."""
    speedup = run.rate / one.rate
    left = max(0.0, cores - run.broker - run.others)
    possible = one.rate * min(run.processes, left / one.workers)
    busy = run.workers + run.broker + run.others
    if busy > 0.9 * cores:
        bound = f"the machine: {busy:.2f} of {cores} cores"
    elif run.workers > 0.85 * run.processes:
        bound = f"the processes: {run.workers / run.processes:.0%} of a core"
    else:
        bound = f"waiting: {cores - busy:.2f} cores idle"
    return Reach(speedup, speedup / run.processes, possible, bound)


def show(runs: list[Run], cores: int) -> None:
    """Print the table."""
    table = Table(
        "processes", "events/s", "to one", "efficiency", "best possible", "cores: workers",
        "broker", "others", "memory", "bounded by", box=box.SIMPLE_HEAD,
    )  # fmt: skip
    for column in table.columns[:-1]:
        column.justify = "right"
    for run in runs:
        found = reach(run, runs[0], cores)
        table.add_row(
            str(run.processes),
            f"{run.rate:,.0f}",
            f"{found.speedup:.2f} x",
            f"{found.efficiency:.0%}",
            f"{found.possible:,.0f}",
            f"{run.workers:.2f}",
            f"{run.broker:.2f}",
            f"{run.others:.2f}",
            f"{run.memory / 1e6:,.0f} MB",
            found.bound,
        )
    console = Console(width=140)
    console.print(f"One worker on real Kafka beside it, {cores} cores for both:")
    console.print(table)


@click.command()
@click.option("--events", default=60_000, show_default=True, help="Events for each run.")
@click.option("--most", default=4, show_default=True, help="Processes of the last run.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def main(events: int, most: int, as_json: bool) -> None:
    """Measure 1 to MOST processes of one worker."""
    reason = unavailable()
    if reason is not None:
        raise click.ClickException(f"no real Kafka: {reason}")
    cores = usable_cores()
    runs = []
    with KafkaBroker() as server, tempfile.TemporaryDirectory() as name:
        # All that this process has started so far.
        place = Place(Broker(server.bootstrap, "kafka"), family(os.getpid())[1:], Path(name))
        keys = ["keys", "generate", "--file", str(place.folder / "keys.json")]
        subprocess.run([sys.executable, "-m", "streamproc", *keys], check=True, capture_output=True)
        for count in range(1, most + 1):
            runs.append(measure(place, count, events))
            click.echo(f"{count} processes: {runs[-1].rate:,.0f} events/s", err=True)
    if as_json:
        told = [run._asdict() | reach(run, runs[0], cores)._asdict() for run in runs]
        click.echo(json.dumps({"cores": cores, "runs": told}, indent=2))
    else:
        show(runs, cores)


if __name__ == "__main__":
    main()
