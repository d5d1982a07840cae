"""A DuckDB file with what the demo's events become, by pipeline and sink, without a broker."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from redaction import RING
from warehouse_batches import Rows, batch, prepare

from streamproc.assemble import make_pipeline
from streamproc.demo import generate
from streamproc.events import Link, Micros, Origin, Record, Redacted, Row
from streamproc.identity import View
from streamproc.identity.mappings import Mapping, MappingView
from streamproc.identity.store import MemoryStore
from streamproc.kafka.codecs import decode_row, encode_row
from streamproc.settings import LoaderSettings, Settings
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.shape.frames import Framer, Shaping
from streamproc.warehouse.sink import Batch, Frame, Sink
from streamproc.warehouse.sinks.duckdb import open_duckdb
from streamproc.warehouse.standard import SYSTEM

__all__ = ["Made", "fill", "load", "make", "mappings"]


@dataclass(frozen=True)
class Made:
    """What the events became."""

    rows: list[Row] = field(repr=False)
    redacted: list[Redacted] = field(repr=False)
    links: list[Link] = field(repr=False)


def make(count: int, extra: Iterable[bytes] = (), seed: int = 1) -> Made:
    """Return what ``count`` events of the demo and the ``extra`` ones become."""
    values = [*(record.value for record in generate(count, seed)), *extra]
    records = [
        Record(Origin("events.raw", 0, offset), b"k", value, Micros(0))
        for offset, value in enumerate(values)
    ]
    made = make_pipeline(Settings(), RING, View()).run(records)
    rows = [outcome for outcome in made.outcomes if isinstance(outcome, Row)]
    return Made(rows, [each for each in made.redacted if each is not None], list(made.links))


def fill(file: Path, rows: Sequence[Row]) -> None:
    """Load ``rows`` into a new database."""
    sink = open_duckdb(LoaderSettings(duckdb_file=file))
    try:
        load(sink, rows)
    finally:
        sink.close()


def load(sink: Sink, rows: Sequence[Row]) -> None:
    """Load ``rows`` in one batch, now; none is no batch."""
    if rows:
        sink.load(prepare(sink, _batch(sink.dialect, rows)))


def mappings(links: Iterable[Link]) -> list[Mapping]:
    """Return what the loader keeps of ``links``: whose each token is that is another's by now."""
    store = MemoryStore()
    kept = MappingView(store, View(store))
    for link in links:
        kept.add(link)
    kept.begin_anew()
    found, more = [], True
    while more:
        some, more = kept.due(1_000)
        found += some
    return found


def _batch(dialect: Dialect, rows: Sequence[Row]) -> Batch:
    shaping = Shaping(dialect, depth=4, columns=1_000, widen=True)
    loaded = (decode_row(encode_row(row)) for row in rows)
    framed = Framer(shaping).frames(enumerate(loaded, 1), {})
    frames: dict[str, Frame] = {}
    for name, table in framed.tables.items():
        system = SYSTEM.get(name, {})
        kinds = framed.kinds.get(name) or {each: system[each] for each in table.column_names[1:]}
        frames[name] = Rows(kinds, table)
    now = Micros(time.time_ns() // 1_000)
    return batch(moved={0: (0, len(rows))}, frames=frames, loaded_at=now)
