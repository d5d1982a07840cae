"""What is to be seen of a process, by its settings: the meter, the server, and where traces go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from streamproc.settings import Settings, TracesSettings
from streamproc.sight import loader, worker
from streamproc.sight.health import Health
from streamproc.sight.loader import LoadedBatch, LoaderSight
from streamproc.sight.meter import Meter, registry_of
from streamproc.sight.server import Views, serving
from streamproc.sight.traces import UNTRACED, Tracing, trace_of_load
from streamproc.sight.worker import WorkerSight

__all__ = ["seeing_loader", "seeing_worker"]


@contextmanager
def seeing_worker(settings: Settings) -> Iterator[WorkerSight]:
    """Show what is to be seen of a worker within the block; it is ready part by part.

    Raises:
        ConfigError: The address of ``metrics`` cannot be listened on, or ``traces`` are wrong.
    """
    meter, health = Meter(), Health(worker.PARTS)
    with (
        _tracing(settings.traces, "worker") as tracing,
        serving(settings.metrics, Views.of(registry_of(meter), health)),
    ):
        yield WorkerSight(settings.topics, meter, health, tracing)


@contextmanager
def seeing_loader(settings: Settings) -> Iterator[LoaderSight]:
    """Show what is to be seen of a loader within the block.

    Raises:
        ConfigError: As :func:`seeing_worker`.
    """
    meter, health = Meter(), Health(loader.PARTS)
    with (
        _tracing(settings.traces, "loader") as tracing,
        serving(settings.metrics, Views.of(registry_of(meter), health)),
    ):

        def traced(batch: LoadedBatch) -> None:
            if (trace_id := tracing.id_of(batch.begins)) is not None:
                tracing.take(trace_of_load(trace_id, batch))

        yield LoaderSight(meter, health, traced)


def _tracing(settings: TracesSettings, role: str) -> AbstractContextManager[Tracing]:
    if settings.endpoint is None:
        return nullcontext(UNTRACED)
    # Imported here, so that who sends none does not wait half a second for the SDK.
    from streamproc.sight.otlp import exporting  # noqa: PLC0415

    return exporting(settings, role)
