"""Runs events through the pipeline as a worker does, without Kafka, and takes the time.

Each event is run once. Values come back in real events, and what was searched is remembered: events
that are run twice would say that all values do.
"""

from __future__ import annotations

import gc
import platform
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Final

from streamproc.capacity.profile import Machine
from streamproc.events import DeadLetter, Outcome, Record, Row
from streamproc.kafka.codecs import ROW, Codec, encode_row
from streamproc.pipeline import Pipeline

__all__ = ["Measured", "Measuring", "measure", "memory_bytes", "this_machine"]

WARM_PART: Final = 0.1
"""Part of the time in which nothing is counted: memories fill, and the processor warms up."""


@dataclass(slots=True)
class Measured:
    """What came of it, so far.

    Attributes:
        events: Events that were counted.
        rates: Events a second, of each batch.
        seconds: By stage.
        event_bytes: Of their values.
        rows: Rows made of them.
        row_bytes: Of the rows, encoded.
        dead: Dead letters by stage and code.
        asked: Fields that were met …
        missed: … and those whose value had not been searched before, as far as is remembered.
        at_end: Whether the events ended before the time did.
    """

    events: int = 0
    rates: list[float] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    event_bytes: int = 0
    rows: int = 0
    row_bytes: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    missed: int = 0
    at_end: bool = False

    @property
    def per_second(self) -> float:
        """The median of batches: what else a shared machine does counts little."""
        return statistics.median(self.rates)

    @property
    def micros(self) -> dict[str, float]:
        """Microseconds an event, by stage, in the order of an event's way."""
        return {stage: 1e6 * took / self.events for stage, took in self.seconds.items()}


@dataclass(frozen=True, slots=True)
class Measuring:
    """How it is measured.

    Attributes:
        seconds: For how long.
        batch: Events of one batch.
        codec: How rows are encoded.
        told: Is told after each batch how many events there were, and the seconds it took.
    """

    seconds: float
    batch: int
    codec: Codec = ROW
    told: Callable[[int, float], object] = lambda _events, _seconds: None


def measure(pipeline: Pipeline, records: Iterable[Record], how: Measuring) -> Measured:
    """Run ``records`` through ``pipeline`` until they end or the time is up.

    Where they end within the part of the time that is for warming up, all of them count.
    """
    gc.collect()
    gc.freeze()
    warming = measured = Measured()
    remaining = _batches(records, how.batch)
    began = time.perf_counter()
    for batch in remaining:
        start = time.perf_counter()
        _run(pipeline, batch, how.codec, measured)
        now = time.perf_counter()
        measured.rates.append(len(batch) / (now - start))
        how.told(len(batch), now - start)
        if now - began >= how.seconds:
            break
        if measured is warming and now - began >= WARM_PART * how.seconds:
            measured = Measured()
    else:
        measured.at_end = True
    return measured if measured.events else warming


def this_machine(cores: int) -> Machine:
    """Return what is to be said of the machine this runs on."""
    return Machine(
        processor=_processor(),
        cores=cores,
        python=platform.python_version(),
        streamproc=version("streamproc"),
    )


def _run(pipeline: Pipeline, batch: Sequence[Record], codec: Codec, measured: Measured) -> None:
    memo = pipeline.memo
    asked, missed = memo.asked, memo.missed
    last = time.perf_counter()

    def lap(stage: str) -> None:
        nonlocal last
        now = time.perf_counter()
        measured.seconds[stage] = measured.seconds.get(stage, 0.0) + now - last
        last = now

    result = pipeline.run(batch, lap)
    encoded = [encode_row(made, codec) for made in result.outcomes if isinstance(made, Row)]
    lap("encode")
    measured.events += len(batch)
    measured.event_bytes += sum(len(record.value or b"") for record in batch)
    measured.rows += len(encoded)
    measured.row_bytes += sum(map(len, encoded))
    measured.dead.update(_codes(result.outcomes))
    measured.asked += memo.asked - asked
    measured.missed += memo.missed - missed


def _codes(outcomes: Iterable[Outcome]) -> Iterator[str]:
    return (f"{each.stage}.{each.code}" for each in outcomes if isinstance(each, DeadLetter))


def _batches(records: Iterable[Record], size: int) -> Iterator[Sequence[Record]]:
    remaining = iter(records)
    while batch := list(islice(remaining, size)):
        yield batch


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def memory_bytes() -> int:
    """Return how much memory this process has in use now (``VmRSS``, ``proc(5)``)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1_024
