"""Which batches are traced, and what is said of them: as data, without the OpenTelemetry SDK.

A batch is one trace: a span for all of it and one for each stage, with counts and where it lies;
never a value. Whether it is traced is decided by where it lies (a digest of topic, partition and
first offset is the trace's id, and its low 64 bits are held against the ratio, as OpenTelemetry's
own ``TraceIdRatioBased`` does): no state, no randomness, and who knows an offset knows the id.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

from streamproc.events import Headers, Origin
from streamproc.sight.batch import Watched
from streamproc.sight.loader import LoadedBatch

__all__ = [
    "UNTRACED",
    "Attributes",
    "Parent",
    "Sampler",
    "Span",
    "Trace",
    "Tracing",
    "hex_id",
    "parents_of",
    "trace_of_batch",
    "trace_of_load",
]

Attributes: TypeAlias = Mapping[str, str | int]

HEADER: Final = "traceparent"
PARENT: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
"""https://www.w3.org/TR/trace-context/#traceparent-header; later versions may say more."""
PARENT_BYTES: Final = 55
"""Of version 00."""
MOST_LINKS: Final = 32
"""Links of one trace: a batch may have as many callers as records."""


class Parent(NamedTuple):
    """A span of somebody else's that a record was sent in."""

    trace_id: int
    span_id: int


class Span(NamedTuple):
    """A stretch of time; its ends in nanoseconds since the Unix epoch."""

    name: str
    began: int
    ended: int
    attributes: Attributes


class Trace(NamedTuple):
    """One batch: all of it, its stages, and whose records are in it."""

    id: int
    whole: Span
    stages: Sequence[Span]
    links: Sequence[Parent] = ()


class Tracing(Protocol):
    """Where traces go."""

    def id_of(self, origin: Origin) -> int | None:
        """Return the id of the trace of the batch that begins at ``origin``; None for no trace."""

    def take(self, trace: Trace) -> None:
        """Take a trace; never waits for whom it is sent to."""


class _Untraced:
    """No batch is traced."""

    def id_of(self, origin: Origin) -> None:
        """Return None."""

    def take(self, trace: Trace) -> None:
        """Ignore it."""


UNTRACED: Final = _Untraced()


class Sampler:
    """Decides by where a batch begins."""

    def __init__(self, ratio: float) -> None:
        """Choose ``ratio`` of all batches, 0 to 1."""
        self._bound = round(ratio * 2**64)

    def id_of(self, origin: Origin) -> int | None:
        """Return the id of its trace; None if it is not chosen."""
        place = f"{origin.topic}\0{origin.partition}\0{origin.offset}"
        trace_id = int.from_bytes(hashlib.sha256(place.encode()).digest()[:16])
        return trace_id if trace_id % 2**64 < self._bound else None


def hex_id(trace_id: int) -> str:
    """Return a trace's id as it is written everywhere."""
    return f"{trace_id:032x}"


def parents_of(headers: Iterable[Headers]) -> list[Parent]:
    """Return the distinct spans that records with ``headers`` were sent in, 32 at most.

    What is no valid ``traceparent`` is passed over.
    """
    found: dict[Parent, None] = {}
    for each in headers:
        for name, content in each:
            parent = _parent(content) if name == HEADER and content is not None else None
            if parent is not None:
                found[parent] = None
        if len(found) >= MOST_LINKS:
            break
    return list(found)[:MOST_LINKS]


def trace_of_batch(trace_id: int, watched: Watched) -> Trace:
    """Return the trace of a worker's batch that is acknowledged."""
    first, last = watched.records[0].origin, watched.records[-1].origin
    totals = watched.totals
    ended = watched.laps[-1].ended if watched.laps else watched.began
    attributes: dict[str, str | int] = {
        # https://opentelemetry.io/docs/specs/semconv/messaging/kafka/
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.destination.name": first.topic,
        "messaging.destination.partition.id": str(first.partition),
        "messaging.kafka.offset": first.offset,
        "messaging.batch.message_count": len(watched.records),
        "streamproc.offset.last": last.offset,
        "streamproc.rows": totals.rows,
        "streamproc.dead_letters": totals.dead.total(),
        "streamproc.dropped": totals.dropped.total(),
        "streamproc.findings": watched.findings.total(),
        "streamproc.ruleset": ",".join(dict.fromkeys(each.ruleset for each in watched.pipelines)),
    }
    return Trace(
        trace_id,
        Span(f"process {first.topic}", watched.began, ended, attributes),
        [Span(lap.stage, lap.began, lap.ended, {}) for lap in watched.laps],
        parents_of(record.headers for record in watched.records),
    )


def trace_of_load(trace_id: int, batch: LoadedBatch) -> Trace:
    """Return the trace of a loader's batch that the warehouse has."""
    ended = batch.ended
    loading = ended - round(batch.load_seconds * 1e9)
    began = loading - round(batch.fill_seconds * 1e9)
    attributes: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.destination.name": batch.begins.topic,
        "messaging.destination.partition.id": str(batch.begins.partition),
        "messaging.kafka.offset": batch.begins.offset,
        "messaging.batch.message_count": batch.records,
        **{f"streamproc.{result}": number for result, number in batch.results.items()},
    }
    whole = Span(f"load {batch.begins.topic}", began, ended, attributes)
    stages = [Span("fill", began, loading, {}), Span("load", loading, ended, {})]
    return Trace(trace_id, whole, stages)


def _parent(content: bytes) -> Parent | None:
    match = PARENT.fullmatch(content)
    if match is None or match[1] == b"ff":
        return None
    if match[1] == b"00" and len(content) != PARENT_BYTES:
        return None
    parent = Parent(int(match[2], 16), int(match[3], 16))
    return parent if all(parent) else None
