"""One contestant's run: how fast its output grows, and whose processor time that takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from confluent_kafka import Consumer, TopicPartition

__all__ = ["Bounds", "FailedError", "Run", "Site", "measure", "processor_seconds"]

START_SECONDS = 240
"""The first worker on a machine compiles its patterns; Presidio reads its models."""
STALL_SECONDS = 60
STOP_SECONDS = 20
LOOK_SECONDS = 0.02
ASK_SECONDS = 10
LEAST_LOOKS = 10
"""Times that the output has to have grown before a run is over, however slow."""
TOLD_LINES = 12
TICKS = os.sysconf("SC_CLK_TCK")


class FailedError(Exception):
    """A contestant ended, or does nothing; the text has the last lines it wrote."""


class Bounds(NamedTuple):
    """When a run is over: with ``events`` records out, or about ``seconds`` after the first was."""

    events: int
    seconds: float


class Point(NamedTuple):
    """How far a run is; processor time in seconds since its process began."""

    moment: float
    done: int
    own: float
    broker: float


class Run(NamedTuple):
    """What was measured: rates in events a second, processor time in microseconds an event.

    Attributes:
        start_seconds: From the start of the process to its first output.
        rate: From the first output seen to the last.
        cold: Of the first tenth: memos empty, code not compiled.
        warm: Of the rest.
        own_micros: Of the contestant, whatever its threads and children.
        broker_micros: Of the broker meanwhile.
    """

    events: int
    seconds: float
    start_seconds: float
    rate: float
    cold: float
    warm: float
    own_micros: float
    broker_micros: float


class Site(NamedTuple):
    """Where contestants run.

    Attributes:
        brokers: Address of the broker.
        broker_process: Its process id.
        outputs: The partitions that count.
    """

    brokers: str
    broker_process: int
    outputs: Sequence[TopicPartition]


def measure(
    command: Sequence[str], variables: Mapping[str, str], site: Site, bounds: Bounds
) -> Run:
    """Run a contestant until it has done enough, and end it.

    Raises:
        FailedError: It ended before, or nothing came out of it for too long.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as log, _written(site) as written:
        began = time.monotonic()
        with _running(command, variables, log) as process:
            seen = _watch(process, written, site, bounds, log)
    return summary(seen, began)


def summary(seen: Sequence[Point], began: float) -> Run:
    """Return the rates between the first output seen and the last."""
    first, last = seen[0], seen[-1]
    done = last.done - first.done
    bend = next(point for point in seen if point.done - first.done >= done / 10)
    return Run(
        last.done,
        last.moment - first.moment,
        first.moment - began,
        _rate(first, last),
        _rate(first, bend),
        _rate(bend, last),
        1e6 * (last.own - first.own) / max(done, 1),
        1e6 * (last.broker - first.broker) / max(done, 1),
    )


def processor_seconds(process: int) -> float:
    """Return the processor time that a process, its ended children and its living ones have had."""
    total = 0.0
    try:
        for task in Path(f"/proc/{process}/task").iterdir():
            children = (task / "children").read_text(encoding="ascii").split()
            total += sum(processor_seconds(int(child)) for child in children)
        stat = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return total
    fields = stat.rpartition(")")[2].split()
    return total + sum(map(int, fields[11:15])) / TICKS


def _watch(
    process: subprocess.Popen[str],
    written: Callable[[], int],
    site: Site,
    bounds: Bounds,
    log: IO[str],
) -> list[Point]:
    seen: list[Point] = []
    deadline = time.monotonic() + START_SECONDS
    while True:
        done = written()
        now = time.monotonic()
        if process.poll() is not None:
            raise FailedError(f"it ended with {process.returncode}: {_last_lines(log)}")
        if done > (seen[-1].done if seen else 0):
            own = processor_seconds(process.pid)
            seen.append(Point(now, done, own, processor_seconds(site.broker_process)))
            deadline = now + STALL_SECONDS
        if done >= bounds.events or (
            len(seen) > LEAST_LOOKS and now > seen[0].moment + bounds.seconds
        ):
            return seen
        if now > deadline:
            raise FailedError(f"nothing came out for long, {done:,} in all: {_last_lines(log)}")
        time.sleep(LOOK_SECONDS)


def _rate(one: Point, other: Point) -> float:
    return (other.done - one.done) / max(other.moment - one.moment, 1e-9)


def _last_lines(log: IO[str]) -> str:
    log.seek(0)
    return "\n".join(log.read().splitlines()[-TOLD_LINES:])


@contextmanager
def _running(
    command: Sequence[str], variables: Mapping[str, str], log: IO[str]
) -> Iterator[subprocess.Popen[str]]:
    """A process that outlives neither the block nor this process."""
    setpriv = shutil.which("setpriv")
    before = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [*before, *command],
            env={**os.environ, **variables},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _written(site: Site) -> Iterator[Callable[[], int]]:
    """What tells how many records the output topics hold."""
    with closing(Consumer({"bootstrap.servers": site.brokers, "group.id": "bench"})) as consumer:

        def written() -> int:
            asked = (consumer.get_watermark_offsets(each, ASK_SECONDS) for each in site.outputs)
            return sum(high for _, high in asked)

        yield written
