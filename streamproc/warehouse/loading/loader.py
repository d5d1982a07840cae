"""The loader: reads the loader's topics, brings what is in them into the warehouse, batch by batch.

The warehouse alone says where to go on; the group's commits are a hint for lag monitors. All that a
loader has spooled may be lost at any moment: whoever comes next reads it again. What it does not do
is lose it lightly: while the warehouse is away it keeps its partitions, spools within bounds, and
goes on with what it has once the warehouse is back.

The way of a record: ``source`` (Kafka) → ``intake`` (decode, frames, spool) → ``pending`` (what the
next batch holds) → ``batches`` (tables changed, one kind a column) → the sink. ``session`` drives
it, and talks to the warehouse through ``desk``. Beside it, at the same desk, ``mappings`` keeps the
table of whose an identity is by now.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Final, NamedTuple

import structlog
from confluent_kafka import KafkaException

from streamproc.deadletters import sealer
from streamproc.errors import RetryableError
from streamproc.events import Micros
from streamproc.kafka.registry import RowDecoder
from streamproc.settings import Settings, deletions_group
from streamproc.sight.loader import UNSEEN, LoaderWatch
from streamproc.warehouse.loading.beside import Beside
from streamproc.warehouse.loading.dead import DeadLetterProducer
from streamproc.warehouse.loading.desk import Desk
from streamproc.warehouse.loading.intake import DeadLetters, Intake, Machinery
from streamproc.warehouse.loading.mappings import keeping_mappings, plan_mappings
from streamproc.warehouse.loading.packing import pack_rows
from streamproc.warehouse.loading.pending import Limits, Pending
from streamproc.warehouse.loading.plan import LoadPlan, NoDeadLetters, PlanningSink
from streamproc.warehouse.loading.session import (
    Clock,
    Parts,
    Progress,
    Session,
    Terms,
    Totals,
    Until,
)
from streamproc.warehouse.loading.source import KafkaSource, Source
from streamproc.warehouse.loading.spool import Spool
from streamproc.warehouse.shape.frames import Framer, Shaping
from streamproc.warehouse.sink import Sink
from streamproc.warehouse.sinks import batch_rows, batch_seconds, dialect_of, open_sink

__all__ = [
    "CLOCK",
    "LoaderOptions",
    "Totals",
    "loader_name",
    "make_intake",
    "make_limits",
    "make_terms",
    "plan_load",
    "run_loader",
]

log = structlog.get_logger()

CHUNK_ROWS: Final = 10_000
"""2,500 at a time take 34 µs each to be turned into tables, 10,000 take 27; still more would fill
batches worse."""
GATHERED_ROWS: Final = 50_000
GATHERED_BYTES: Final = 67_108_864
"""What waits as it came, of all partitions together."""
LOOK_SECONDS: Final = 0.1
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 30.0

CLOCK: Final = Clock(lambda: Micros(time.time_ns() // 1_000), time.monotonic, time.sleep)


def _quiet(_progress: Progress) -> None:
    return


@dataclass(frozen=True, slots=True)
class LoaderOptions:
    """How a loader runs.

    Attributes:
        stop: Asked several times a second; once true, the loader loads what it has read and ends.
        until: When it ends by itself: never; once every assigned partition has been at its end; or
            after one batch of what is there.
        clock: The time.
        tell: Told every ``log.progress_seconds`` how far it is.
        watch: Told of everything that is to be seen from outside.
    """

    stop: Callable[[], bool]
    until: Until = "stopped"
    clock: Clock = CLOCK
    tell: Callable[[Progress], None] = _quiet
    watch: LoaderWatch = UNSEEN


def run_loader(settings: Settings, options: LoaderOptions) -> Totals:
    """Load until told to stop, and return the totals.

    Raises:
        ConfigError: The warehouse, the spool's folder, the registry or the dead letters' public key
            cannot be used as they are set.
    """
    totals = Totals()
    log.info("loader starts", topic=settings.topics.load, sink=settings.loader.sink)
    waits = _Waits(options)
    terms = make_terms(settings, options)
    with (
        _desk(lambda: open_sink(settings), options.watch) as desk,
        _spool(settings) as spool,
        keeping_mappings(settings, desk, terms, totals) as beside,
    ):
        if _is_open(desk, waits):
            while not options.stop():
                before = totals.batches
                try:
                    _run_session(settings, terms, Stores(desk, spool, beside), totals)
                    break
                except RetryableError as error:
                    if totals.batches > before:
                        waits.forget()
                    waits.wait("loader starts over", error)
    log.info("loader stopped", **asdict(totals))
    return totals


def plan_load(settings: Settings, options: LoaderOptions) -> LoadPlan:
    """Return what the next batch would do, and leave all as it is.

    Raises:
        ConfigError: As :func:`run_loader`.
        RetryableError: The warehouse or the brokers are not there.
    """
    plan, totals = LoadPlan(), Totals()
    options = replace(options, until="one batch")
    with (
        _desk(lambda: PlanningSink(open_sink(settings, "look"), plan)) as desk,
        _spool(settings) as spool,
    ):
        desk.ask(lambda _sink: None).result()
        with _sources(settings, group=None) as sources:
            dead = NoDeadLetters()
            parts = Parts(sources, make_intake(settings, spool, dead), desk, dead)
            terms = make_terms(settings, options)
            Session(parts, terms, totals).run()
        plan_mappings(settings, desk, terms)
    plan.dead = totals.dead
    return plan


def loader_name(settings: Settings) -> str:
    """Return what this process calls itself in the warehouse."""
    return settings.loader.instance_id or f"{socket.gethostname()}-{os.getpid()}"


def make_limits(settings: Settings) -> Limits:
    """Return when rows become a chunk, and chunks a batch."""
    rows, size = batch_rows(settings.loader), settings.loader.batch_bytes
    return Limits(
        batch_rows=rows,
        batch_bytes=size,
        chunk_rows=min(CHUNK_ROWS, rows),
        gathered_rows=min(GATHERED_ROWS, rows),
        gathered_bytes=min(GATHERED_BYTES, size),
    )


def make_intake(settings: Settings, spool: Spool, dead: DeadLetters) -> Intake:
    """Return what takes records in, as the settings have it.

    Raises:
        ConfigError: The registry or the dead letters' public key cannot be used as they are set.
    """
    loader, public_key = settings.loader, settings.dead_letters.public_key
    seal = sealer(public_key) if public_key else None
    dialect = dialect_of(loader)
    shaping = Shaping(
        dialect=dialect,
        depth=loader.flatten_depth,
        columns=min(loader.columns, dialect.columns),
        widen=loader.widen,
        seal=seal,
    )
    decoder = RowDecoder(settings.registry)
    machinery = Machinery(
        decode=decoder,
        framer=Framer(shaping),
        spool=spool,
        dead=dead,
        seal=seal,
        deletions_topic=settings.topics.deletions,
        pack=lambda values: pack_rows(values, decoder.header(values)),
    )
    return Intake(machinery, Pending(make_limits(settings)))


def make_terms(settings: Settings, options: LoaderOptions) -> Terms:
    """Return how a session works, as settings and options have it."""
    return Terms(
        loader=loader_name(settings),
        mode=settings.loader.mode,
        batch_seconds=batch_seconds(settings.loader),
        progress_seconds=settings.log.progress_seconds,
        until=options.until,
        clock=options.clock,
        stop=options.stop,
        tell=options.tell,
        watch=options.watch,
    )


class Stores(NamedTuple):
    """What outlives a session, and who does."""

    desk: Desk
    spool: Spool
    beside: Beside


class _Waits:
    """Waits ever longer for what is not there, and says so."""

    def __init__(self, options: LoaderOptions) -> None:
        self._options = options
        self._next = FIRST_WAIT_SECONDS

    def stopped(self) -> bool:
        """Return whether the loader has to stop."""
        return self._options.stop()

    def forget(self) -> None:
        """Begin with short waits again."""
        self._next = FIRST_WAIT_SECONDS

    def wait(self, sentence: str, error: RetryableError) -> None:
        """Wait; not to the end once the loader has to stop."""
        clock, seconds = self._options.clock, self._next
        log.warning(sentence, reason=str(error), wait_seconds=seconds)
        end = clock.monotonic() + seconds
        while not self._options.stop() and clock.monotonic() < end:
            clock.sleep(min(LOOK_SECONDS, seconds))
        self._next = min(2 * seconds, LONGEST_WAIT_SECONDS)


def _is_open(desk: Desk, waits: _Waits) -> bool:
    # Before the group is joined: a loader whose warehouse another one holds (a DuckDB file has one
    # writer) would take partitions from it and starve them.
    while not waits.stopped():
        try:
            desk.ask(lambda _sink: None).result()
        except RetryableError as error:
            waits.wait("warehouse is waited for", error)
        else:
            waits.forget()
            return True
    return False


def _run_session(settings: Settings, terms: Terms, stores: Stores, totals: Totals) -> None:
    dead = DeadLetterProducer(settings)
    intake = make_intake(settings, stores.spool, dead)
    with _sources(settings, group=settings.loader.group) as sources:
        parts = Parts(sources, intake, stores.desk, dead, stores.beside)
        try:
            Session(parts, terms, totals).run()
        except KafkaException as error:
            raise RetryableError(f"Kafka: {error.args[0].name()}") from None


@contextmanager
def _desk(opener: Callable[[], Sink], watch: LoaderWatch = UNSEEN) -> Iterator[Desk]:
    with ThreadPoolExecutor(1, "warehouse") as executor:
        desk = Desk(opener, executor, watch)
        try:
            yield desk
        finally:
            desk.close()


@contextmanager
def _spool(settings: Settings) -> Iterator[Spool]:
    loader = settings.loader
    spool = Spool(loader.spool_directory, loader.memory_bytes, loader.spool_bytes)
    try:
        yield spool
    finally:
        spool.close()


@contextmanager
def _sources(settings: Settings, *, group: str | None) -> Iterator[Sequence[Source]]:
    topics = settings.topics
    groups = {topics.load: group, topics.deletions: group and deletions_group(settings)}
    with ExitStack() as stack:
        sources: list[Source] = []
        for topic, its_group in groups.items():
            source = KafkaSource(settings, topic, its_group)
            stack.callback(source.close)
            sources.append(source)
        yield sources
