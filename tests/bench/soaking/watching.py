"""Looks at a running streamproc every few seconds: lag, memory, state on disk, rows a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import click
from confluent_kafka import Consumer, KafkaException, TopicPartition

__all__ = ["Offsets", "Sample", "Watch", "Watched"]

ASK_SECONDS = 10
MEGABYTE = 1_048_576


class Sample(NamedTuple):
    """One look.

    Attributes:
        seconds: Since the watch began.
        rate: Rows a second on the loader topic since the look before.
        raw_lag: Raw records whose offsets are not committed.
        load_lag: Rows that are not committed as loaded.
        megabytes: Memory in use, by process.
        state: Megabytes of the folder of identities.
    """

    seconds: float
    rate: float
    raw_lag: int
    load_lag: int
    megabytes: Mapping[str, float]
    state: float


class Offsets:
    """Asks the broker how far topics and groups are; for one thread."""

    def __init__(self, brokers: str, groups: Mapping[str, str]) -> None:
        """Ask ``brokers`` about the topics of ``groups``, each by the group that reads it."""
        self._consumers = {
            topic: Consumer({"bootstrap.servers": brokers, "group.id": group})
            for topic, group in groups.items()
        }
        self._places = {
            topic: [TopicPartition(topic, number) for number in _partitions(consumer, topic)]
            for topic, consumer in self._consumers.items()
        }

    def end(self, topic: str) -> int:
        """Return how many records the topic has had."""
        asked = (
            self._consumers[topic].get_watermark_offsets(place, ASK_SECONDS)
            for place in self._places[topic]
        )
        return sum(high for _, high in asked)

    def committed(self, topic: str) -> int:
        """Return how many of them the group has committed."""
        asked = self._consumers[topic].committed(self._places[topic], ASK_SECONDS)
        return sum(max(0, place.offset) for place in asked)

    def close(self) -> None:
        """Let go of the broker."""
        for consumer in self._consumers.values():
            consumer.close()


@dataclass(frozen=True)
class Watched:
    """What is looked at.

    Attributes:
        groups: The groups that read the raw topic and the loader topic, by topic, in this order.
        processes: Ids by name.
        state: The folder of identities.
    """

    brokers: str
    groups: Mapping[str, str]
    processes: Mapping[str, int]
    state: Path


class Watch(threading.Thread):
    """Looks every ``every`` seconds until it is stopped, and says what it sees now and then."""

    def __init__(self, watched: Watched, every: float) -> None:
        """Prepare to look."""
        super().__init__(name="watch", daemon=True)
        self._watched = watched
        self._every = every
        self._ended = threading.Event()
        self.samples: list[Sample] = []

    def run(self) -> None:
        """Look until stopped; a look that the broker does not answer is left out."""
        began = time.monotonic()
        last: tuple[float, int] | None = None
        with closing(Offsets(self._watched.brokers, self._watched.groups)) as offsets:
            while not self._ended.wait(self._every):
                try:
                    last = self._look(offsets, began, last)
                except KafkaException as error:
                    click.echo(f"  no look: {error.args[0].name()}", err=True)

    def stop(self) -> list[Sample]:
        """End the thread and return what it saw."""
        self._ended.set()
        self.join()
        return self.samples

    def _look(
        self, offsets: Offsets, began: float, last: tuple[float, int] | None
    ) -> tuple[float, int]:
        raw, load = self._watched.groups
        now, rows = time.monotonic() - began, offsets.end(load)
        if last is not None:
            sample = Sample(
                now,
                (rows - last[1]) / (now - last[0]),
                offsets.end(raw) - offsets.committed(raw),
                rows - offsets.committed(load),
                {name: resident(each) for name, each in self._watched.processes.items()},
                folder_megabytes(self._watched.state),
            )
            self.samples.append(sample)
            click.echo(told(sample), err=True)
        return now, rows


def told(sample: Sample) -> str:
    """Return a sample as a line."""
    memory = " ".join(f"{name} {each:,.0f}" for name, each in sample.megabytes.items())
    return (
        f"  {sample.seconds:6,.0f} s  {sample.rate:7,.0f} rows/s  lag raw {sample.raw_lag:,}"
        f" load {sample.load_lag:,}  MB: {memory}, state {sample.state:,.1f}"
    )


def resident(process: int) -> float:
    """Return the megabytes of memory that a process and its children have in use."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = " ".join((task / "children").read_text(encoding="ascii") for task in tasks)
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return 0.0
    own = int((status.partition("VmRSS:")[2].split() or ["0"])[0]) / 1_024
    return own + sum(resident(int(child)) for child in children.split())


def folder_megabytes(folder: Path) -> float:
    """Return the size of a folder's files, those left out that vanish meanwhile."""
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size
        except FileNotFoundError:
            continue
    return total / MEGABYTE


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    return sorted(consumer.list_topics(topic, ASK_SECONDS).topics[topic].partitions)
