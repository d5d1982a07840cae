"""A warehouse opened to be asked in SQL, whichever it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from streamproc.settings import Settings
from streamproc.warehouse.redactions import Reader
from streamproc.warehouse.sink import Sink
from streamproc.warehouse.sinks import open_sink
from streamproc.warehouse.sinks.lake_reader import LakeReader

__all__ = ["asked"]


@contextmanager
def asked(settings: Settings) -> Iterator[Reader]:
    """Open the warehouse of the settings to ask it; nothing of it is changed.

    Raises:
        ConfigError: Its settings cannot be used.
        RetryableError: It is not there.
    """
    sink: Sink | LakeReader
    lake = settings.loader.sink == "parquet"
    sink = LakeReader(settings.loader) if lake else open_sink(settings, "look")
    try:
        assert isinstance(sink, Reader)
        yield sink
    finally:
        sink.close()
