"""How the processes speak: structured logs on standard error, and the counters behind them.

Log lines are a constant sentence plus keys; no key holds a value of an event. Faust's and
librdkafka's own lines go through the same formatter, from WARNING up.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from streamproc.errors import place_of
from streamproc.settings import LogSettings

__all__ = ["Totals", "configure", "name_process"]

log = structlog.get_logger()

QUIET = (
    "faust",
    "mode",
    "aiokafka",
    "asyncio",
    "httpx",  # a line for each request to the schema registry, its address in it
    "httpx2",  # the same, where confluent-kafka finds it
    "streamproc.kafka.consumer",  # Faust's own lines about our services, and our warnings
    "streamproc.kafka.transport",
)
SILENT = ("librdkafka", "opentelemetry", "presidio-analyzer")
"""librdkafka writes a line for each of twenty attempts a second to reach a lost broker; what it
reports comes through ``kafka.clients``, and what OpenTelemetry's exporter meets, the answers of
others quoted, through ``sight.otlp``. Presidio warns of every recognizer of another language."""


@dataclass(slots=True)
class Totals:
    """What became of the records of this process so far: in = rows + dead + dropped."""

    events: int = 0
    rows: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    """By ``stage.code``."""
    dropped: Counter[str] = field(default_factory=Counter)
    """By the rule's name."""
    unusable: Counter[str] = field(default_factory=Counter)
    """Ids, traits and accounts that named nobody, by reason."""

    def add(self, other: Totals) -> None:
        """Count what ``other`` counts too."""
        self.events += other.events
        self.rows += other.rows
        self.dead += other.dead
        self.dropped += other.dropped
        self.unusable += other.unusable

    def keys(self) -> dict[str, Any]:
        """Return the totals as keys of a log line."""
        return {
            "events": self.events,
            "rows": self.rows,
            "dead": self.dead.total(),
            "dead_by_code": dict(self.dead),
            "dropped": dict(self.dropped),
            "unusable_ids": dict(self.unusable),
        }


def configure(settings: LogSettings) -> None:
    """Send every log line of this process to standard error, in the settings' form."""
    json_lines = settings.format == "json" or (
        settings.format == "auto" and not sys.stderr.isatty()
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _without_exception,
        _with_process,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json_lines
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
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
            foreign_pre_chain=[_with_own_text, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            use_get_message=False,
            pass_foreign_args=True,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    sys.excepthook = lambda _type, error, _trace: _tell_uncaught(error)
    threading.excepthook = lambda uncaught: _tell_uncaught(uncaught.exc_value)


_process: dict[str, str] = {}
"""What every line says of the process, where there are several of a kind."""


def name_process(name: str) -> None:
    """Have every line of this process say from now on which one it is, whichever thread writes."""
    _process["process"] = name


def _with_process(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return {**_process, **event} if _process else event


def _tell_uncaught(error: BaseException | None) -> None:
    if error is not None and not isinstance(error, KeyboardInterrupt):
        log.critical("uncaught fault", fault=type(error).__name__, place=place_of(error))


# The text of a third party's exception may quote what it was given, an event's value among it, and
# so may the variables of a traceback: of an exception only its type is written, wherever it stands.


def _without_exception(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    error: BaseException | None = None
    match event.pop("exc_info", None):
        case BaseException() as given:
            error = given
        case (_, BaseException() as given, _):
            error = given
        case True:
            error = sys.exception()
    if error is not None:
        event["exception"] = type(error).__name__
    return event


def _with_own_text(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Make the text of a third party's line, which is still apart from its arguments."""
    args = event.pop("positional_args")
    if isinstance(args, Mapping):
        args = {name: _named(arg) for name, arg in args.items()}
    elif args:
        args = tuple(_named(arg) for arg in args)
    record: logging.LogRecord = event["_record"]
    text = str(_named(record.msg))
    event["event"] = text % args if args else text
    if event.get("exc_info"):
        # asyncio describes the task that failed, its exception too, in the lines after the first.
        event["event"] = event["event"].partition("\n")[0]
    return event


def _named(arg: object) -> object:
    return type(arg).__name__ if isinstance(arg, BaseException | asyncio.Future) else arg
