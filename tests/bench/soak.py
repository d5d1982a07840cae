"""Runs a whole streamproc on real Kafka for long: two workers and a loader, beside the broker.

    python tests/bench/soak.py [--full-events N] [--minutes M] [--json]

First the raw topic is filled and everything is brought through as fast as it goes: events a second.
Then events are published at half that rate, by the clock, for ``--minutes``, and every ten seconds
it is looked at: lag, memory, state. In the end every message id has to be in the warehouse once;
latencies are those of all events of the second part, and what grew in its second half is told by
a line through it. Fails where an event is lost or doubled, or where lag, memory or state grow.

With its defaults it takes about half an hour and 8 GB of disk, most of both for the second part.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "deploy/kafka")]

import click
from bench.soaking.events import Feed
from bench.soaking.outcome import Ledger, Percentiles, latencies, ledger, written_at
from bench.soaking.trends import Trend, sparkline, trend
from bench.soaking.watching import Offsets, Sample, Watch, Watched
from broker import KafkaBroker, unavailable
from brokers import Broker
from processes import Process, running
from rich import box
from rich.console import Console
from rich.table import Table
from workplace import Workplace

from streamproc.settings import TopicSettings

DEADLINE_SECONDS = 1_800
"""Most time of the first part, and of catching up in the end."""
LOOK_SECONDS = 0.05
SHARE = 0.5
"""Of the full rate, in the second part."""
GROWTH = 0.05
"""Of its mean, that memory or state may grow in an hour."""
WANTED_P99_SECONDS = 1.0
STOP_SECONDS = 60.0


class Full(NamedTuple):
    """The first part: from the first output seen to the last, in events a second."""

    events: int
    to_topic: float
    to_warehouse: float


@dataclass(frozen=True)
class Report:
    """What a soak showed.

    Attributes:
        rate: Events a second published in the second part.
        samples: Of the second part.
    """

    full: Full
    rate: float
    samples: Sequence[Sample]
    to_topic: Percentiles
    to_warehouse: Percentiles
    ledger: Ledger

    @property
    def trends(self) -> dict[str, tuple[list[float], Trend, bool]]:
        """What has to be flat, by name: the series, the line through its last half, whether so."""
        found = {}
        for name, values in series(self.samples).items():
            half = len(values) // 2
            line = trend([each.seconds for each in self.samples[half:]], values[half:])
            # A lag may grow by what comes in a second, in an hour; the rest by its share.
            allowed = self.rate if name.startswith("lag") else GROWTH * line.mean
            found[name] = (values, line, not line.grows(allowed))
        return found

    @property
    def held(self) -> bool:
        """Whether nothing was lost or doubled, and nothing grew."""
        flat = all(flat for _, _, flat in self.trends.values())
        return flat and self.ledger.lost == 0 and self.ledger.doubled == 0


def series(samples: Sequence[Sample]) -> dict[str, list[float]]:
    """Return what has to be flat, by name."""
    found = {
        "lag raw, events": [float(each.raw_lag) for each in samples],
        "lag loader, rows": [float(each.load_lag) for each in samples],
    }
    for name in samples[0].megabytes if samples else ():
        found[f"{name}, MB"] = [each.megabytes[name] for each in samples]
    found["state of identities, MB"] = [each.state for each in samples]
    return found


class Soak:
    """Two workers, a loader and what feeds them, all running."""

    def __init__(self, workplace: Workplace, feed: Feed, processes: dict[str, Process]) -> None:
        """Take what runs already."""
        self._feed = feed
        self._processes = processes
        topics = workplace.topics
        self._raw, self._load, self._dead = topics.raw, topics.load, topics.dead
        groups = {self._raw: workplace.group, self._load: workplace.loader_group}
        self._brokers = workplace.broker.bootstrap
        ids = {name: process.pid for name, process in processes.items()}
        self._watched = Watched(self._brokers, groups, ids, workplace.folder / "identity")

    def full(self) -> Full:
        """Wait until all that was published is in the warehouse; return the rates."""
        count = self._feed.published
        rows: list[tuple[float, int]] = []
        loaded: list[tuple[float, int]] = []
        with closing(Offsets(self._brokers, self._watched.groups)) as offsets:
            for _ in self._looks():
                for seen, done in (
                    (rows, offsets.end(self._load)),
                    (loaded, offsets.committed(self._load)),
                ):
                    if done > (seen[-1][1] if seen else 0):
                        seen.append((time.monotonic(), done))
                if loaded and loaded[-1][1] >= count:
                    break
        began, first = rows[0]
        return Full(
            count,
            (count - first) / max(rows[-1][0] - began, 1e-9),
            (count - first) / max(loaded[-1][0] - began, 1e-9),
        )

    def paced(self, rate: float, seconds: float, every: float) -> list[Sample]:
        """Publish by the clock and watch; return once all is in the warehouse."""
        watch = Watch(self._watched, every)
        watch.start()
        try:
            self._feed.publish_paced(rate, seconds, self._ended)
        finally:
            samples = watch.stop()
        self._wait_until_loaded()
        return samples

    def _wait_until_loaded(self) -> None:
        with closing(Offsets(self._brokers, self._watched.groups)) as offsets:
            for _ in self._looks():
                through = offsets.committed(self._raw) >= offsets.end(self._raw)
                if through and offsets.committed(self._load) >= offsets.end(self._load):
                    return

    def _looks(self) -> Iterator[None]:
        """Yield now and then, for a while, as long as all processes are there."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            ended = [name for name, process in self._processes.items() if not process.running]
            if ended:
                raise click.ClickException(
                    f"{ended[0]} ended:\n{self._processes[ended[0]].output()}"
                )
            yield
            time.sleep(LOOK_SECONDS)
        raise click.ClickException(f"not through within {DEADLINE_SECONDS} s")

    def _ended(self) -> bool:
        return not all(process.running for process in self._processes.values())


@contextmanager
def started(workplace: Workplace) -> Iterator[dict[str, Process]]:
    """Two workers and a loader with the settings of production, until the block is left."""
    variables = workplace.environment(
        worker_commit_interval_seconds=1,
        loader_batch_seconds=2,
        log_progress_seconds=10,
        kafka_session_timeout_seconds=45,
    )
    commands = {"worker 1": "worker", "worker 2": "worker", "loader": "load"}
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(running(["-m", "streamproc", command], variables))
            for name, command in commands.items()
        }
        for name in ("worker 1", "worker 2"):
            processes[name].wait_for("worker ready", 240)
        yield processes
        for process in processes.values():
            process.stop(STOP_SECONDS)


@dataclass(frozen=True)
class Plan:
    """How much, and for how long."""

    full_events: int
    pool_events: int
    minutes: float
    every: float


def soak(plan: Plan, folder: Path, broker: Broker) -> Report:
    """Run both parts; all processes have ended when it returns."""
    workplace = Workplace(broker, folder, topics_for(broker))
    ids = folder / "published.txt"
    _say(f"generating {plan.pool_events:,} events …")
    with closing(Feed(broker.bootstrap, workplace.topics.raw, plan.pool_events, ids)) as feed:
        _say(f"publishing {plan.full_events:,} …")
        feed.publish(plan.full_events)
        start = {
            each: len(moments) for each, moments in written_at(broker, workplace.topics.raw).items()
        }
        with started(workplace) as processes:
            running_soak = Soak(workplace, feed, processes)
            _say("workers ready; as fast as they can …")
            full = running_soak.full()
            rate = SHARE * full.to_warehouse
            _say(f"{full.to_warehouse:,.0f} events/s; {plan.minutes:g} min at {rate:,.0f} …")
            samples = running_soak.paced(rate, plan.minutes * 60, plan.every)
    _say("all is loaded; reading topics and warehouse …")
    to_topic, to_warehouse = latencies(workplace, start)
    return Report(full, rate, samples, to_topic, to_warehouse, ledger(workplace, ids))


def topics_for(broker: Broker) -> TopicSettings:
    """Return topics as tests have them, rows stamped by the broker when it appends them."""
    topics = broker.names("soak")
    for name in (topics.raw, topics.dead):
        broker.create(name)
    broker.create(topics.load, config={"message.timestamp.type": "LogAppendTime"})
    for name in (topics.links, topics.attributes, topics.suppressed, topics.deletions):
        broker.create(name, config={"cleanup.policy": "compact"})
    return topics


def show(report: Report) -> None:
    """Print what a soak showed."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    full, account = report.full, report.ledger
    console.print(
        f"\nAs fast as they can: {full.events:,} events, {full.to_topic:,.0f} events/s to the"
        f" loader topic, {full.to_warehouse:,.0f} into the warehouse."
    )
    console.print(f"Then {report.rate:,.0f} events/s by the clock, two workers and a loader:")
    table = Table("latency", "events", "p50", "p95", "p99", "most", box=box.SIMPLE_HEAD)
    for name, each in (
        ("to the loader topic", report.to_topic),
        ("into the warehouse", report.to_warehouse),
    ):
        table.add_row(name, f"{each.events:,}", *(f"{value:.3f} s" for value in each[1:]))
    console.print(table)
    table = Table(
        "last half", "mean", "an hour", "±", "flat", "from start to end", box=box.SIMPLE_HEAD
    )
    for name, (values, line, flat) in report.trends.items():
        table.add_row(
            name,
            f"{line.mean:,.1f}",
            f"{line.slope:+,.1f}",
            f"{line.error:,.1f}",
            "yes" if flat else "NO",
            sparkline(values),
        )
    console.print(table)
    p99 = "yes" if report.to_topic.p99 < WANTED_P99_SECONDS else "NO"
    console.print(
        f"{account.published:,} published, {account.loaded:,} in the warehouse,"
        f" {account.dead:,} dead letters; lost {account.lost:,}, doubled {account.doubled:,};"
        f" p99 to the loader topic under {WANTED_P99_SECONDS:g} s: {p99}."
    )


def as_dict(report: Report) -> dict[str, object]:
    """Return all of it for JSON."""
    return {
        "full": report.full._asdict(),
        "rate": report.rate,
        "to_topic": report.to_topic._asdict(),
        "to_warehouse": report.to_warehouse._asdict(),
        "ledger": report.ledger._asdict(),
        "trends": {
            name: {**line._asdict(), "flat": flat}
            for name, (_, line, flat) in report.trends.items()
        },
        "samples": [each._asdict() for each in report.samples],
    }


def _say(what: str) -> None:
    click.echo(what, err=True)


@click.command()
@click.option("--full-events", default=300_000, show_default=True, help="Events of the first part.")
@click.option("--pool-events", default=100_000, show_default=True, help="Different events.")
@click.option("--minutes", default=20.0, show_default=True, help="Time of the second part.")
@click.option("--every", default=10.0, show_default=True, help="Seconds between two looks.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def main(full_events: int, pool_events: int, minutes: float, every: float, as_json: bool) -> None:
    """Run two workers and a loader on real Kafka, fast and then for long."""
    reason = unavailable()
    if reason is not None:
        raise click.ClickException(f"no real Kafka: {reason}")
    plan = Plan(full_events, pool_events, minutes, every)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, KafkaBroker() as kafka:
        report = soak(plan, Path(folder), Broker(kafka.bootstrap, "kafka"))
    if as_json:
        click.echo(json.dumps(as_dict(report), indent=2))
    else:
        show(report)
    if not report.held:
        sys.exit(1)


if __name__ == "__main__":
    main()
