"""What ``debt`` and ``reprocess`` have in common: asking the warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from streamproc.debt.known import Known
from streamproc.debt.owed import Debt, owed_by, states_of, unsettled
from streamproc.settings import Settings
from streamproc.warehouse.provenance import read_handled, read_made
from streamproc.warehouse.redactions import Reader
from streamproc.warehouse.sink import Sink
from streamproc.warehouse.sinks import open_sink
from streamproc.warehouse.sinks.lake_reader import LakeReader

__all__ = ["asked", "debt_of"]


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


def debt_of(settings: Settings, known: Known) -> Debt:
    """Return what the rows of the warehouse owe.

    Raises:
        ConfigError: As :func:`asked`.
        RetryableError: The same.
    """
    with asked(settings) as reader:
        made = read_made(reader)
        states = states_of(
            (each.ruleset for each in made), known.rulesets, known.today, known.otherwise
        )
        handled = read_handled(reader, unsettled(states))
    return owed_by(made, handled, known.rulesets, known.today, known.otherwise)
