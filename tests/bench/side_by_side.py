"""Pipelines timed on the same batches, one after the other, so that they have one machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import TypeVar

from streamproc.events import Record
from streamproc.pipeline import Pipeline

__all__ = ["medians"]

NameT = TypeVar("NameT")

ROUNDS = 8


def medians(
    pipelines: Mapping[NameT, Pipeline], batches: Sequence[Sequence[Record]]
) -> dict[NameT, float]:
    """Return microseconds an event by pipeline: the median of batches, warm."""
    for pipeline in pipelines.values():
        for batch in batches:
            pipeline.run(batch)
    taken: dict[NameT, list[float]] = {name: [] for name in pipelines}
    for _ in range(ROUNDS):
        for batch in batches:
            for name, pipeline in pipelines.items():
                start = time.perf_counter()
                pipeline.run(batch)
                taken[name].append((time.perf_counter() - start) / len(batch))
    return {name: statistics.median(times) * 1e6 for name, times in taken.items()}
