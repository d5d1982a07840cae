"""How the processes speak: structured logs on standard error, and the counters behind them.

Log lines are a constant sentence plus keys; no key holds a value of an event. Faust's and
librdkafka's own lines go through the same formatter, from WARNING up.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import structlog

from streamproc.settings import LogSettings

__all__ = ["Totals", "configure"]

OURS = "streamproc"
QUIET = (
    "faust",
    "mode",
    "aiokafka",
    "asyncio",
    "streamproc.kafka.consumer",  # Faust's own lines about our services, and our warnings
    "streamproc.kafka.transport",
)
SILENT = ("librdkafka", "presidio-analyzer")
"""librdkafka writes a line for each of twenty attempts a second to reach a lost broker; what it
reports comes through ``kafka.clients``. Presidio warns of every recognizer of another language."""


@dataclass(slots=True)
class Totals:
    """What became of the records of this process so far: in = rows + dead + dropped."""

    events: int = 0
    rows: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    """By ``stage.code``."""
    dropped: Counter[str] = field(default_factory=Counter)
    """By the rule's name."""

    def keys(self) -> dict[str, Any]:
        """Return the totals as keys of a log line."""
        return {
            "events": self.events,
            "rows": self.rows,
            "dead": self.dead.total(),
            "dead_by_code": dict(self.dead),
            "dropped": dict(self.dropped),
        }


def configure(settings: LogSettings) -> None:
    """Send every log line of this process to standard error, in the settings' form."""
    json_lines = settings.format == "json" or (
        settings.format == "auto" and not sys.stderr.isatty()
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(settings.level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _without_exception_text],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _without_exception_text(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    # A third party's exception text may quote what it was given, an event's value among it: of an
    # exception only the type is logged.
    record = event.get("_record")
    if record is not None and record.exc_info and record.exc_info[0] is not None:
        event["exception"] = record.exc_info[0].__name__
        record.exc_info = record.exc_text = None
    return event
