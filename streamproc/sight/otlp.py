"""Sends traces by OTLP over HTTP, with the OpenTelemetry SDK: imported only where it is asked for.

Spans wait in a bounded queue and are sent by a thread of the SDK's own. Where nobody takes them
they are lost, which is told now and then; no batch waits for it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Final

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, set_span_in_context

from streamproc.errors import ConfigError, Problem
from streamproc.events import Origin
from streamproc.settings import TracesSettings
from streamproc.sight.traces import Parent, Sampler, Trace

__all__ = ["exporting"]

log = structlog.get_logger()

QUEUE_SPANS: Final = 2_048
EXPORT_SECONDS: Final = 5.0
"""How often spans are sent, and how long sending them may take, tried again and again."""
LEAVE_SECONDS: Final = 3.0
"""How long the last ones may take at the end."""
TELL_SECONDS: Final = 60.0


@contextmanager
def exporting(settings: TracesSettings, role: str) -> Iterator[Exported]:
    """Have traces sent within the block to the settings' endpoint, which has to be set.

    Raises:
        ConfigError: The headers are none.
    """
    assert settings.endpoint is not None
    exporter = OTLPSpanExporter(
        settings.endpoint, headers=_headers(settings), timeout=EXPORT_SECONDS
    )
    ids = _Ids()
    provider = TracerProvider(
        sampler=ALWAYS_ON,  # what comes here was chosen
        resource=Resource(
            {SERVICE_NAME: f"streamproc-{role}", SERVICE_VERSION: version("streamproc")}
        ),
        shutdown_on_exit=False,
        id_generator=ids,
    )
    processor = BatchSpanProcessor(
        _Telling(exporter),
        max_queue_size=QUEUE_SPANS,
        schedule_delay_millis=EXPORT_SECONDS * 1_000,
    )
    provider.add_span_processor(processor)
    log.info("traces are sent", endpoint=settings.endpoint, ratio=settings.ratio)
    try:
        yield Exported(provider, ids, Sampler(settings.ratio))
    finally:
        # By itself the processor waits half a minute for somebody who is not there.
        patience = threading.Timer(LEAVE_SECONDS, exporter.shutdown)
        patience.start()
        provider.shutdown()
        patience.cancel()


class Exported:
    """Traces that are sent; a :class:`~streamproc.sight.traces.Tracing`, for one thread."""

    def __init__(self, provider: TracerProvider, ids: _Ids, sampler: Sampler) -> None:
        """Send by way of ``provider``, whose ids come from ``ids``."""
        self._tracer = provider.get_tracer("streamproc")
        self._ids = ids
        self._sampler = sampler

    def id_of(self, origin: Origin) -> int | None:
        """Return the id of the trace of the batch that begins at ``origin``; None for no trace."""
        return self._sampler.id_of(origin)

    def take(self, trace: Trace) -> None:
        """Put a trace into the queue."""
        self._ids.next_trace = trace.id
        whole = self._tracer.start_span(
            trace.whole.name,
            Context(),
            SpanKind.CONSUMER,
            trace.whole.attributes,
            [_link(parent) for parent in trace.links],
            trace.whole.began,
        )
        within = set_span_in_context(whole, Context())
        for stage in trace.stages:
            span = self._tracer.start_span(
                stage.name, within, attributes=stage.attributes, start_time=stage.began
            )
            span.end(stage.ended)
        whole.end(trace.whole.ended)


class _Ids(IdGenerator):
    """Ids of spans by chance, that of a trace as it was told."""

    def __init__(self) -> None:
        self.next_trace = 0

    def generate_trace_id(self) -> int:
        return self.next_trace

    def generate_span_id(self) -> int:
        return random.getrandbits(64) or 1


class _Telling(SpanExporter):
    """Says now and then that spans are lost, of which the SDK writes a line for each try."""

    def __init__(self, exporter: SpanExporter, clock: Callable[[], float] = time.monotonic) -> None:
        self._exporter = exporter
        self._clock = clock
        self._told_at: float | None = None
        self._lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._exporter.export(spans)
        except Exception:  # noqa: BLE001 - whatever it is, it is no reason to end the SDK's thread
            result = SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            self._lost += len(spans)
            self._tell()
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def _tell(self) -> None:
        now = self._clock()
        if self._told_at is None or now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            log.warning("traces are not taken, they are lost", spans=self._lost)


def _link(parent: Parent) -> Link:
    flags = TraceFlags(TraceFlags.SAMPLED)
    return Link(SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags))


def _headers(settings: TracesSettings) -> Mapping[str, str]:
    if settings.headers is None:
        return {}
    pairs = [each.partition("=") for each in settings.headers.get_secret_value().split(",")]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        told = "expected name=value with commas between"
        raise ConfigError(Problem("settings", "traces.headers", told))
    return {name.strip(): value.strip() for name, _, value in pairs}
