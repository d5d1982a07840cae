"""What a session shows of itself: a batch that is loaded, and how far it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import pyarrow as pa

from streamproc.events import Micros, Origin
from streamproc.sight.loader import LoadedBatch, LoaderStanding
from streamproc.warehouse.loading.intake import Intake
from streamproc.warehouse.loading.pending import Chunk, Sealed
from streamproc.warehouse.loading.source import Source
from streamproc.warehouse.shape.assembly import MESSAGES
from streamproc.warehouse.sink import LoadResult

__all__ = ["batch_shown", "standing_shown"]

MICROSECONDS: Final = pa.timestamp("us", "UTC")


def batch_shown(
    sealed: Sealed, result: LoadResult, seconds: tuple[float, float], now: Micros
) -> LoadedBatch:
    """Return what there is to say of a batch that was loaded ``now``.

    ``seconds`` are how long it was gathered and how long the warehouse took.
    """
    chunks = sealed.chunks
    return LoadedBatch(
        results={
            "loaded": result.rows,
            "duplicate": result.duplicates,
            "replaced": result.replaced,
            "deleted": result.deleted,
            "discarded": result.discards,
            "dead": sum(chunk.dead for chunk in chunks),
        },
        records=sum(chunk.records for chunk in chunks),
        fill_seconds=seconds[0],
        load_seconds=seconds[1],
        ages={"received": _ages(chunks, now)},
        begins=_begin(sealed),
        ended=now * 1_000,
    )


def standing_shown(sources: Sequence[Source], intake: Intake, now: Micros) -> LoaderStanding:
    """Return how far a session is ``now``."""
    pending = intake.pending
    written = pending.oldest_written()
    return LoaderStanding(
        lags={
            (place.topic, place.partition): source.behind({place: offset})
            for source in sources
            for place, offset in pending.expected().items()
            if place.topic == source.topic
        },
        waiting_seconds=0.0 if written is None else max(0.0, now / 1e6 - written / 1e3),
        spooled_bytes=intake.spooled_size,
    )


def _begin(sealed: Sealed) -> Origin:
    place, advance = min(sealed.advances.items())
    return Origin(*place, advance.expected.offset)


def _ages(chunks: Iterable[Chunk], now: Micros) -> list[float]:
    """Return how many seconds ago each row was received; 0 for one that comes from the future."""
    found: list[float] = []
    for chunk in chunks:
        if (messages := chunk.tables.read(MESSAGES)) is not None:
            received = messages["received_at"].cast(MICROSECONDS).cast(pa.int64())
            found += [max(0.0, (now - each) / 1e6) for each in received.to_pylist()]
    return found
