"""Measures streamproc beside what one would take in its place: the same events, the same broker.

    python tests/bench/peers/run.py [--events N] [--seconds N] [--only NAME] [--json]

Every contestant is one process. It reads generated events from the same topic of 4 partitions, all
of them there before it starts, and writes them masked to a topic of its own; its rate is that of
the output topic's growth, start-up not counted. It runs until all are out, or for ``--seconds``
after its first output: the slow ones see fewer events, in the same order.

Speed alone says little: a program that finds nothing is the fastest. So the values planted in the
events are searched for in what comes out (:mod:`leaking`), and the leaks stand beside the rates.

What cannot be set up here is left out, with the reason; so is a contestant that fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "deploy/kafka")]

import click
from bench.peers.contestants import OURS, PEERS, THREADS, Peer, Places
from bench.peers.leaking import Leaks, count_leaks
from bench.peers.measuring import Bounds, FailedError, Run, Site, measure
from bench.peers.preparing import UnavailableError
from broker import KafkaBroker, unavailable
from brokers import Broker
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from rich import box
from rich.console import Console
from rich.table import Table

from streamproc.demo import Generated, Mix, generate
from streamproc.settings import TopicSettings, variable_name

SEARCHED_EVENTS = 5_000
READ_SECONDS = 30


class Result(NamedTuple):
    """One line of the table: a run and its leaks, or why there is none."""

    peer: Peer
    version: str
    run: Run | None = None
    leaks: Leaks | None = None
    reason: str = ""


@dataclass(frozen=True)
class Arena:
    """What all contestants share.

    Attributes:
        process: Process id of the broker.
        raw: The topic that holds ``records``.
        keys: Key ring file of our worker.
    """

    broker: Broker
    process: int
    raw: str
    records: Sequence[Generated]
    bounds: Bounds
    keys: Path

    def result(self, peer: Peer) -> Result:
        """Set up a contestant, run it, and search what it wrote."""
        version = peer.version()
        try:
            _say(f"{peer.name} {version}, {peer.finds}: setting up …")
            start = peer.prepare()
            _say("  running …")
            topics = self.broker.topics("peer").model_copy(update={"raw": self.raw})
            group = self.broker.group("peer")
            program = start(Places(self.broker.bootstrap, self.raw, topics.load, group, THREADS))
            variables = {**self._settings(topics, group), **program.variables}
            run = measure(program.command, variables, self._site(topics), self.bounds)
            _say(f"  {run.events:,} events in {run.seconds:.0f} s; searching for leaks …")
            leaks = count_leaks(self.records, self._outputs(topics.load))
        except (UnavailableError, FailedError, KafkaException, OSError) as error:
            _say(f"  {error}")
            return Result(peer, version, reason=str(error))
        return Result(peer, version, run, leaks)

    def _site(self, topics: TopicSettings) -> Site:
        outputs = [
            TopicPartition(topic, number)
            for topic in (topics.load, topics.dead)
            for number in self.broker.partitions(topic)
        ]
        return Site(self.broker.bootstrap, self.process, outputs)

    def _settings(self, topics: TopicSettings, group: str) -> dict[str, str]:
        """Return our worker's settings as variables; the others do not look at them."""
        names = type(topics).model_fields
        return {
            variable_name("kafka", "brokers"): self.broker.bootstrap,
            variable_name("worker", "group"): group,
            variable_name("log", "level"): "WARNING",
            variable_name("keys", "file"): str(self.keys),
            **{variable_name("topics", name): str(getattr(topics, name)) for name in names},
        }

    def _outputs(self, topic: str) -> Iterator[bytes]:
        """Yield the first records of a topic, as many as are searched."""
        config = {"bootstrap.servers": self.broker.bootstrap, "group.id": "bench-leaks"}
        wanted = min(SEARCHED_EVENTS, self.broker.written(topic))
        deadline = time.monotonic() + READ_SECONDS
        with closing(Consumer(config)) as consumer:
            consumer.assign(
                [
                    TopicPartition(topic, number, OFFSET_BEGINNING)
                    for number in self.broker.partitions(topic)
                ]
            )
            while wanted > 0 and time.monotonic() < deadline:
                for message in consumer.consume(min(wanted, 1_000), timeout=0.1):
                    value = message.value()
                    if message.error() is None and value is not None:
                        wanted -= 1
                        yield value


def _say(what: str) -> None:
    click.echo(what, err=True)


def key_ring(folder: Path) -> Path:
    """Return a new key ring's file."""
    keys = folder / "keys.json"
    command = [sys.executable, "-m", "streamproc", "keys", "generate", "--file", str(keys)]
    subprocess.run(command, check=True, capture_output=True)
    return keys


def run_all(events: int, seconds: float, only: str) -> Iterator[Result]:
    """Yield what came of each contestant whose name and way hold ``only``."""
    _say(f"generating {events:,} events …")
    records = list(generate(events, 1, Mix(malformed=0.0)))
    with KafkaBroker() as kafka, tempfile.TemporaryDirectory() as folder:
        assert kafka._process is not None
        broker = Broker(kafka.bootstrap, "kafka")
        raw = broker.topics("peers").raw
        broker.produce(raw, ((record.key, record.value) for record in records))
        bounds = Bounds(events, seconds)
        keys = key_ring(Path(folder))
        arena = Arena(broker, kafka._process.pid, raw, records, bounds, keys)
        for peer in PEERS:
            if only.lower() in f"{peer.name} {peer.finds}".lower():
                yield arena.result(peer)


def show(results: Sequence[Result]) -> None:
    """Print the table."""
    heads = ("events", "events/s", "cold", "warm", "CPU µs", "broker's", "to ours", "leaks", "*")
    table = Table("one process each", "finds by", *heads, box=box.SIMPLE_HEAD)
    for column in table.columns[2:]:
        column.justify = "right"
        column.no_wrap = True
    ours = next((each.run for each in results if each.peer.name == OURS), None)
    for each in results:
        name = f"{each.peer.name} {each.version}"
        if each.run is None or each.leaks is None:
            table.add_row(name, each.peer.finds, *["-"] * len(heads))
            continue
        run, leaks = each.run, each.leaks
        table.add_row(
            name,
            each.peer.finds,
            f"{run.events:,}",
            f"{run.rate:,.0f}",
            f"{run.cold:,.0f}",
            f"{run.warm:,.0f}",
            f"{run.own_micros:,.0f}",
            f"{run.broker_micros:,.0f}",
            f"{run.rate / max(ours.rate, 1e-9):.3g} x" if ours else "",
            f"{leaks.per_thousand:,.0f}",
            f"{leaks.of_regexes_per_thousand:,.0f}",
        )
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)
    console.print(
        "events/s from topic to topic, start-up not counted; cold: the first tenth. CPU: processor"
        " time an event, the contestant's and the broker's. leaks: planted values found again, in"
        " 1,000; *: in 1,000 of the kinds that regular expressions can find (e-mails, addresses of"
        " the network, numbers; no names, postal addresses, dates of birth).",
        style="dim",
    )
    for each in results:
        if each.reason:
            console.print(f"left out: {each.peer.name}, {each.peer.finds}: {each.reason}")


@click.command()
@click.option("--events", default=60_000, show_default=True, help="Events in the topic.")
@click.option("--seconds", default=30.0, show_default=True, help="Most time of one contestant.")
@click.option("--only", default="", help="The contestants whose name or way holds this.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list instead of a table.")
def main(events: int, seconds: float, only: str, as_json: bool) -> None:
    """Measure streamproc beside its peers."""
    reason = unavailable()
    if reason is not None:
        raise click.ClickException(f"no real Kafka: {reason}")
    results = list(run_all(events, seconds, only))
    if not as_json:
        show(results)
        return
    told = [
        {
            "name": each.peer.name,
            "version": each.version,
            "finds": each.peer.finds,
            "run": each.run and each.run._asdict(),
            "leaks": each.leaks and each.leaks._asdict(),
            "reason": each.reason,
        }
        for each in results
    ]
    click.echo(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
