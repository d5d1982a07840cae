"""One membership of the loader in its groups: reads, spools, has batches loaded.

All but the warehouse's work is done in one thread, in turns: poll what came, then look what is next
to be asked of the warehouse. One question at a time:

- *look*: where the warehouse is, and which tables it has. Asked when partitions came, and after
  everything that went wrong: the offsets say whether a batch is in, and which partitions another
  loader has moved on. Those are read anew; all else that was spooled stays.
- *load*: the next batch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar

import structlog

from streamproc.errors import RetryableError
from streamproc.events import Micros
from streamproc.sight.loader import UNSEEN, LoaderWatch
from streamproc.warehouse.loading.batches import Loaded, LoadedBy, load
from streamproc.warehouse.loading.beside import NOTHING_BESIDE, Beside
from streamproc.warehouse.loading.desk import Desk
from streamproc.warehouse.loading.intake import DeadLetters, Intake
from streamproc.warehouse.loading.pending import Sealed
from streamproc.warehouse.loading.shown import batch_shown, standing_shown
from streamproc.warehouse.loading.source import AtEnd, Fetched, Source
from streamproc.warehouse.loading.totals import Progress, Totals
from streamproc.warehouse.schema import Schema
from streamproc.warehouse.sink import (
    START,
    Mode,
    OffsetsMovedError,
    Place,
    Position,
    SchemaMovedError,
    Sink,
)

__all__ = ["Clock", "Parts", "Progress", "Session", "Terms", "Totals", "Until"]

log = structlog.get_logger()

T = TypeVar("T")

POLL_SECONDS: Final = 0.05
SHOW_SECONDS: Final = 1.0
"""How often it is shown how far the loader is."""
READ_RECORDS: Final = 500
"""Records between two looks at what is next: some 10 ms."""
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 30.0
REVOKE_SECONDS: Final = 30.0
"""How long a partition that goes waits for its batch: within a rebalance's timeout (5 minutes)."""
STOP_SECONDS: Final = 30.0
"""How long a loader that was told to end goes on loading what it has read."""

Until: TypeAlias = Literal["stopped", "caught up", "one batch"]


class Clock(NamedTuple):
    """The time: ``now`` by the wall, ``monotonic`` in seconds from whenever."""

    now: Callable[[], Micros]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a session reads from and writes to; the first source is that of the rows."""

    sources: Sequence[Source]
    intake: Intake
    desk: Desk
    dead: DeadLetters
    beside: Beside = NOTHING_BESIDE


@dataclass(frozen=True, slots=True)
class Terms:
    """How a session works.

    Attributes:
        loader: Name of the process.
        stop: Asked several times a second; once true, what has been read is loaded and that is it.
        tell: Told now and then how far it is.
        watch: Told of everything that is to be seen from outside.
    """

    loader: str
    mode: Mode
    batch_seconds: float
    progress_seconds: float
    until: Until
    clock: Clock
    stop: Callable[[], bool]
    tell: Callable[[Progress], None]
    watch: LoaderWatch = UNSEEN


class View(NamedTuple):
    """The warehouse as a look finds it."""

    offsets: Mapping[Place, Position]
    schema: Schema


class Question(NamedTuple):
    """What the warehouse is asked, and what is done with its answer."""

    future: Future[Any]
    answered: Callable[[Any], None]


class Session:
    """One membership; a :class:`~streamproc.warehouse.loading.source.Listener`."""

    def __init__(self, parts: Parts, terms: Terms, totals: Totals) -> None:
        """Start with nothing read; ``totals`` are counted up."""
        self._sources = parts.sources
        self._intake, self._desk = parts.intake, parts.desk
        self._dead, self._beside = parts.dead, parts.beside
        self._terms = terms
        self._clock = terms.clock
        self._totals = totals
        self._schema: Schema = {}
        self._joined: set[str] = set()
        self._places: set[Place] = set()
        self._unknown: set[Place] = set()
        self._expired: set[Place] = set()
        self._unsure = False
        self._question: Question | None = None
        self._loading: Sealed | None = None
        self._doubtful: Sealed | None = None
        self._not_before = -1.0
        self._wait = FIRST_WAIT_SECONDS
        self._failed = False
        self._stopped_at: float | None = None
        self._batches = 0
        self._watch = terms.watch
        self._told_at = self._shown_at = self._loading_at = self._clock.monotonic()
        self._told = 0

    def run(self) -> None:
        """Read and load until it is over.

        Raises:
            RetryableError: Kafka's doing: start over with a new session.
        """
        try:
            for source in self._sources:
                source.join(self)
            while not self._is_over():
                self._read()
                self._work()
                self._tell()
                self._show()
        finally:
            self._settle()

    # -- partitions (within a source's poll) ----------------------------------------------------

    def assigned(self, topic: str, places: Iterable[Place]) -> None:
        """Have partitions read as soon as the warehouse has said from where."""
        found = list(places)
        self._joined.add(topic)
        self._places.update(found)
        self._beside.has(self._places)
        self._unknown.update(found)
        self._unsure |= bool(found)
        self._watch.joined()
        log.info("partitions assigned", topic=topic, partitions=_numbers(found))

    def revoked(self, places: Iterable[Place], *, lost: bool) -> None:
        """Drop partitions and what was read of them; one that is being loaded is waited for."""
        found = set(places)
        loading = self._loading.advances.keys() if self._loading is not None else set()
        if self._question is not None and not lost and found & loading:
            wait_for([self._question.future], REVOKE_SECONDS)
            self._hear()
        self._forget(found)
        self._unknown -= found
        self._places -= found
        self._beside.has(self._places)
        topics = sorted({place.topic for place in found})
        log.info("partitions revoked", topics=topics, partitions=_numbers(found))

    # -- reading --------------------------------------------------------------------------------

    def _read(self) -> None:
        patience = POLL_SECONDS
        for source in self._sources:
            if self._stopped_at is None and self._intake.has_room:
                source.resume()
            else:
                source.pause()
            self._drain(source, patience)
            patience = 0.0

    def _drain(self, source: Source, patience: float) -> None:
        for _ in range(READ_RECORDS):
            happened = source.poll(patience)
            if happened is None:
                return
            patience = 0.0
            if isinstance(happened, Fetched):
                self._intake.take(happened, self._clock.monotonic())
                if not self._intake.has_room or self._can_load:
                    return
            elif isinstance(happened, AtEnd):
                self._intake.pending.reached_end(happened.place)
            else:
                self._expired.add(happened.place)

    @property
    def _can_load(self) -> bool:
        return self._question is None and self._intake.pending.is_full

    # -- asking the warehouse -------------------------------------------------------------------

    def _work(self) -> None:
        if self._question is not None:
            self._hear()
        if self._question is not None or self._clock.monotonic() < self._not_before:
            return
        self._renew()
        if self._unsure:
            self._unsure = False
            self._ask(_look, self._looked)
        elif self._is_due():
            self._load()

    def _renew(self) -> None:
        """Begin partitions anew that have expired, once what was read of them is loaded."""
        done = {place for place in self._expired if not self._intake.pending.holds(place)}
        if done:
            self._forget(done)
            self._unknown |= done
            self._unsure = True

    def _forget(self, places: Collection[Place]) -> None:
        self._intake.drop(places)
        self._expired.difference_update(places)

    def _ask(self, question: Callable[[Sink], T], answered: Callable[[T], None]) -> None:
        self._question = Question(self._desk.ask(question), answered)

    def _hear(self) -> None:
        assert self._question is not None
        future, answered = self._question
        if not future.done():
            return
        self._question = None
        try:
            answer = future.result()
        except RetryableError as error:
            if self._loading is not None:
                # Whether it is in after all, the next look tells.
                self._intake.give_back(self._loading, loaded=False)
                self._doubtful, self._loading = self._loading, None
            self._later("warehouse is waited for", error)
        else:
            answered(answer)

    def _later(self, sentence: str, error: RetryableError) -> None:
        again, self._unsure, self._failed = self._failed, True, True
        if isinstance(error, OffsetsMovedError | SchemaMovedError) and not again:
            log.warning("warehouse has moved, looking again", reason=str(error))
            return
        self._not_before = self._clock.monotonic() + self._wait
        log.warning(sentence, reason=str(error), wait_seconds=self._wait)
        self._wait = min(2 * self._wait, LONGEST_WAIT_SECONDS)

    def _looked(self, view: View) -> None:
        pending, offsets = self._intake.pending, view.offsets
        self._schema = view.schema
        self._intake.see(view.schema)
        doubtful, self._doubtful = self._doubtful, None
        if doubtful is not None and pending.is_in(doubtful, offsets):
            log.warning("a batch is loaded that the warehouse did not acknowledge")
            self._done(doubtful)
        if moved := pending.moved(offsets):
            told = [f"{topic}[{partition}]" for topic, partition in moved]
            log.warning("partitions were moved on by another loader", partitions=told)
            self._forget(moved)
            self._unknown.update(moved)
        for source in self._sources:
            self._begin(source, offsets)

    def _begin(self, source: Source, offsets: Mapping[Place, Position]) -> None:
        wanted = {
            place: offsets.get(place) for place in self._unknown if place.topic == source.topic
        }
        if not wanted:
            return
        try:
            first = source.begin(wanted)
        except RetryableError as error:
            self._later("partitions wait for the brokers", error)
            return
        for place, position in first.items():
            self._intake.pending.start(place, offsets.get(place, START), position)
        self._unknown -= first.keys()

    def _load(self) -> None:
        sealed = self._loading = self._intake.seal()
        by = LoadedBy(self._terms.loader, self._terms.mode, self._clock.now())
        known = self._schema
        self._loading_at = self._clock.monotonic()

        def question(sink: Sink) -> Loaded:
            self._dead.flush()
            return load(sink, sealed, known, by)

        self._ask(question, self._loaded)

    def _loaded(self, loaded: Loaded) -> None:
        sealed, self._loading = self._loading, None
        assert sealed is not None
        self._schema, result = loaded.schema, loaded.result
        self._intake.see(loaded.schema)
        totals = self._totals
        totals.rows += result.rows
        totals.duplicates += result.duplicates
        totals.replaced += result.replaced
        totals.deleted += result.deleted
        totals.discards += result.discards
        filled = self._loading_at - min(chunk.since for chunk in sealed.chunks)
        seconds = (filled, self._clock.monotonic() - self._loading_at)
        self._watch.loaded(batch_shown(sealed, result, seconds, self._clock.now()))
        self._done(sealed)
        self._wait, self._failed = FIRST_WAIT_SECONDS, False
        log.debug("batch loaded", rows=result.rows, duplicates=result.duplicates)

    def _done(self, sealed: Sealed) -> None:
        self._intake.give_back(sealed, loaded=True)
        self._totals.dead += sum(chunk.dead for chunk in sealed.chunks)
        self._totals.batches += 1
        self._batches += 1
        for source in self._sources:
            source.commit(
                {
                    place: advance.following.offset
                    for place, advance in sealed.advances.items()
                    if place.topic == source.topic
                }
            )
        self._beside.loaded()

    def _settle(self) -> None:
        # The warehouse reads what is spooled until it has answered.
        if self._question is not None:
            wait_for([self._question.future])
        if self._loading is not None:
            self._intake.give_back(self._loading, loaded=False)
        self._intake.drop(list(self._intake.pending.positions()))

    # -- what is next ---------------------------------------------------------------------------

    def _is_due(self) -> bool:
        pending, until = self._intake.pending, self._terms.until
        if not pending.records or (until == "one batch" and self._batches):
            return False
        if pending.is_full or self._stopped_at is not None or not self._intake.has_room:
            return True
        if self._expired or (until != "stopped" and self._has_caught_up):
            return True
        oldest = pending.oldest()
        assert oldest is not None
        waited = self._clock.monotonic() - oldest
        return until != "one batch" and waited >= self._terms.batch_seconds

    @property
    def _has_caught_up(self) -> bool:
        joined = len(self._joined) == len(self._sources)
        unread = self._unknown | self._expired
        return joined and not unread and self._intake.pending.caught_up

    def _is_over(self) -> bool:
        now = self._clock.monotonic()
        if self._stopped_at is None and self._terms.stop():
            self._stopped_at, self._failed = now, False
        if self._question is not None:
            return False
        if self._stopped_at is not None:
            late = self._failed or now - self._stopped_at > STOP_SECONDS
            return late or not self._intake.pending.records
        if self._terms.until == "stopped":
            return False
        done = self._terms.until == "one batch" and self._batches
        done = done or (self._has_caught_up and not self._intake.pending.records)
        return bool(done) and self._beside.has_caught_up()

    def _tell(self) -> None:
        now = self._clock.monotonic()
        if (passed := now - self._told_at) < self._terms.progress_seconds:
            return
        done = self._totals.rows + self._totals.duplicates + self._totals.dead
        rate, self._told_at, self._told = (done - self._told) / passed, now, done
        pending = self._intake.pending
        positions = pending.positions()
        behind = sum(
            source.behind({at: p for at, p in positions.items() if at.topic == source.topic})
            for source in self._sources
        )
        progress = Progress(done, rate, pending.records, behind)
        self._terms.tell(progress)
        if rate or pending.records:
            keys = {**asdict(self._totals), **_keys(progress)}
            if put_aside := self._intake.put_aside:
                keys["columns_put_aside"] = dict(put_aside)
            log.info("loader progress", **keys)

    def _show(self) -> None:
        if self._watch is UNSEEN:
            return
        self._watch.beat()
        now = self._clock.monotonic()
        if now - self._shown_at < SHOW_SECONDS:
            return
        self._shown_at = now
        self._watch.stands(standing_shown(self._sources, self._intake, self._clock.now()))


def _look(sink: Sink) -> View:
    return View(sink.offsets(), sink.schema())


def _numbers(places: Iterable[Place]) -> list[int]:
    return sorted(place.partition for place in places)


def _keys(progress: Progress) -> dict[str, float]:
    return {
        "rows_per_second": round(progress.rate),
        "waiting_rows": progress.waiting,
        "lag_rows": progress.behind,
    }
