"""Rows and their way into a warehouse.

``rows`` and ``sink`` (the port) are core: they import ``events`` and ``errors`` only. ``duckdb`` (a
sink) and ``loader`` (the process) are edges: they may import their client libraries, ``settings``
and the codecs of ``kafka``; they are imported by name, so that the core never pays for them.
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
