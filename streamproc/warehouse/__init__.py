"""Rows and their way into a warehouse.

    enriched event ──to_row──▶ Row ──loader topic──▶ LoadedRow
        ──frames──▶ typed tables ──spool──▶ batch ──▶ Sink: DuckDB, Snowflake, PostgreSQL, Parquet

The port is ``sink``. What the tables are is decided by ``standard`` (columns that are always
there), ``kinds``, ``schema`` and ``dialects``. ``shape`` makes rows into Arrow tables; ``sql`` has
the one transaction that loads a batch, the same for every warehouse that speaks SQL; ``sinks``
carry it out; ``loading`` is the process. ``redactions``, ``provenance`` and ``lookml`` read the
tables back for who looks at them.

Rows, names, kinds and ``sql`` are core: they import ``events`` and ``errors`` only. ``sinks`` and
``loading`` are edges, which may import their client libraries, ``settings`` and the codecs of
``kafka``; they are imported by name, so that the core never pays for them.
"""

from streamproc.warehouse.rows import LoadedRow, to_row
from streamproc.warehouse.sink import Advance, Batch, LoadResult, OffsetsMovedError, Sink

__all__ = [
    "Advance",
    "Batch",
    "LoadResult",
    "LoadedRow",
    "OffsetsMovedError",
    "Sink",
    "to_row",
]
