"""Writes ``identity_mappings`` by batches; :mod:`.mapping_batches` has what makes that safe."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import structlog

from streamproc.errors import RetryableError
from streamproc.identity.mappings import Due
from streamproc.kafka.identity.mapped import FollowedLinks
from streamproc.kafka.identity.state import Place as Read
from streamproc.warehouse.loading.desk import Desk
from streamproc.warehouse.loading.mapping_batches import (
    ANEW,
    MappingBatch,
    Standing,
    anew,
    is_useful,
    noted,
    reached,
    to_note,
)
from streamproc.warehouse.loading.session import Clock
from streamproc.warehouse.mappings import COLUMNS, MAPPINGS
from streamproc.warehouse.schema import Schema, changes
from streamproc.warehouse.sink import Mapped, Place, Position, Sink

__all__ = ["MappingWriter", "StoppedError", "WriterTerms"]

log = structlog.get_logger()

T = TypeVar("T")

WRITTEN: Final = "written"
"""What a state notes of where the table was when it wrote to it last."""
OWN_NAME: Final = "name"
"""What a state notes of its name: what was begun under it was by a process that is gone."""

ABANDONED_SECONDS: Final = 60.0
"""How long somebody else who makes the table anew may write nothing before that is taken over."""
LOOK_SECONDS: Final = 0.2


class StoppedError(Exception):
    """Whoever waits was told to stop; never leaves the thread it is raised in."""


@dataclass(frozen=True, slots=True)
class WriterTerms:
    """How a writer works.

    Attributes:
        loader: Name of the process.
        most: Tokens of a batch, about.
        clock: The time.
        stopped: Asked while it waits; once true, it raises :class:`StoppedError`.
    """

    loader: str
    most: int
    clock: Clock
    stopped: Callable[[], bool]


class Found(NamedTuple):
    """The warehouse as a look finds it."""

    standing: Standing
    schema: Schema


class MappingWriter:
    """Brings what a state has not written yet into the table; for one thread.

    After a RetryableError the next :meth:`step` looks where the table is, and goes on from there.

    Attributes:
        told: Of how many tokens the table was told.
        waits: Whether somebody else is making the table anew, so that there is nothing to do.
    """

    def __init__(self, links: FollowedLinks, desk: Desk, terms: WriterTerms) -> None:
        """Write what ``links`` say by way of ``desk``."""
        self._links = links
        self._desk = desk
        self._terms = terms
        self._at: Standing | None = None
        self._batch: MappingBatch | None = None
        self._making: _Making | None = None
        self._other: tuple[Standing, float] | None = None
        self.told = 0
        self.waits = False

    def catch_up(self) -> None:
        """Wait until all is read that is in the topic now.

        Raises:
            RetryableError: It cannot be read.
            StoppedError: It is not waited for any more.
        """
        self._result(self._links.reader.caught_up())

    def step(self) -> bool:
        """Write what is next, and return whether there may be more.

        Raises:
            RetryableError: The warehouse, the brokers or the disk fail.
            StoppedError: It is not waited for any more.
        """
        if self._at is None and not self._look():
            return False
        if self._batch is None:
            due, batch = self._next()
            if batch is None:
                return due.more
            self._batch = batch
        batch = self._batch
        self._ask(
            lambda sink: sink.load(batch.to_batch(self._terms.loader, self._terms.clock.now()))
        )
        return self._written(batch)

    def preview(self) -> None:
        """Do to the warehouse what the next batch would; take note of nothing."""
        found = self._found()
        state, mapped = self._links.state, self._links.mapped
        if not self._is_useful(found):
            state.look(lambda _: mapped.begin_anew())
        due = state.look(lambda _: mapped.due(self._terms.most))
        moment = Mapped(self._terms.clock.now(), whole=False)
        batch = MappingBatch(due, found.standing, found.standing, moment)
        self._ask(lambda sink: sink.change(changes(found.schema, {MAPPINGS: COLUMNS})))
        self._ask(lambda sink: sink.load(batch.to_batch(self._terms.loader, moment.at)))

    # -- where the table is -----------------------------------------------------------------------

    def _look(self) -> bool:
        """Find out where the table is; return whether it is for this writer to go on with it."""
        found = self._found()
        self._settle_doubt(found)
        if self._at is not None:
            return True
        if self._is_useful(found):
            self._at, self.waits = found.standing, False
            return True
        if self._is_in_other_hands(found.standing):
            self.waits = True
            return False
        self._begin_anew(found)
        return True

    def _found(self) -> Found:
        topic = self._links.places[0].topic
        found = self._ask(lambda sink: (sink.offsets(), sink.schema()))
        # Whatever it was told of was read before: so all of that is known once this returns.
        self.catch_up()
        standing = {place: at for place, at in found[0].items() if place.topic == topic}
        return Found(standing, found[1])

    def _settle_doubt(self, found: Found) -> None:
        """Go on from a batch of which it is not known whether it is in, where that can be told."""
        batch = self._batch
        if MAPPINGS in found.schema and batch is not None:
            if found.standing == batch.after:
                self._written(batch)
            elif found.standing == batch.before:
                self._at = batch.before
            if self._at is not None:
                return
        self._batch = self._making = None
        self._links.state.look(lambda _: self._links.mapped.tell_again())

    def _is_useful(self, found: Found) -> bool:
        def question(at: Mapping[Read, int]) -> bool:
            written = noted(self._links.mapped.noted(WRITTEN))
            return is_useful(found.standing, written, _places(at), self._links.topic_id)

        return MAPPINGS in found.schema and self._links.state.look(question)

    def _is_in_other_hands(self, standing: Standing) -> bool:
        names = {at.topic_id or "" for at in standing.values()}
        own = f"{ANEW}{self._links.state.look(lambda _: self._links.mapped.noted(OWN_NAME))}-"
        is_others = any(name.startswith(ANEW) and not name.startswith(own) for name in names)
        now = self._terms.clock.monotonic()
        if not is_others:
            self._other = None
        elif self._other is None or self._other[0] != standing:
            self._other = standing, now
        return is_others and self._other is not None and now - self._other[1] < ABANDONED_SECONDS

    # -- what is written --------------------------------------------------------------------------

    def _begin_anew(self, found: Found) -> None:
        links = self._links
        name = f"{self._own_name()}-{secrets.token_hex(4)}"  # of this time alone
        log.info("identity mappings are written anew", table=MAPPINGS)
        at = anew([*found.standing, *(Place(*place) for place in links.places)], name, 0)
        # First nobody takes the table for whole; then it is there.
        moment = Mapped(self._terms.clock.now(), whole=False)
        first = MappingBatch(Due([], more=True), found.standing, at, moment)
        self._ask(lambda sink: sink.load(first.to_batch(self._terms.loader, moment.at)))
        self._ask(lambda sink: sink.change(changes(found.schema, {MAPPINGS: COLUMNS})))
        links.state.look(lambda _: links.mapped.begin_anew())
        self._at, self.waits, self._making = at, False, _Making(name, moment)

    def _own_name(self) -> str:
        links = self._links
        if (name := links.state.look(lambda _: links.mapped.noted(OWN_NAME))) is None:
            name = secrets.token_hex(4)
            links.state.look(lambda _: links.mapped.note(OWN_NAME, name))
            links.state.commit()
        return name

    def _next(self) -> tuple[Due, MappingBatch | None]:
        links, before, making = self._links, self._at, self._making
        assert before is not None
        due, at = links.state.look(lambda at: (links.mapped.due(self._terms.most), _places(at)))
        after: Standing
        if making is None:
            after = {**before, **reached(at, links.topic_id)}
            mapped = Mapped(self._terms.clock.now(), whole=False)
        elif due.more:
            making.batches += 1
            after = anew(list(before), making.name, making.batches)
            mapped = making.mapped
        else:
            nothing = {place: Position(0, links.topic_id) for place in before}
            after = {**nothing, **reached(at, links.topic_id)}
            mapped = making.mapped._replace(whole=True)
        if not due.mappings and (due.more or (after == before and not mapped.whole)):
            return due, None
        return due, MappingBatch(due, before, after, mapped)

    def _written(self, batch: MappingBatch) -> bool:
        mapped = self._links.mapped
        self._at, self._batch = batch.after, None
        if batch.mapped.whole:
            self._making = None
            log.info("identity mappings are whole", table=MAPPINGS)
        is_whole = self._making is None

        def settle(_at: object) -> None:
            mapped.settle()
            if is_whole:
                mapped.note(WRITTEN, to_note(batch.after))

        self._links.state.look(settle)
        self._links.state.commit()
        self.told += len(batch.due.mappings)
        log.debug("identity mappings written", mappings=len(batch.due.mappings))
        return batch.due.more

    # -- who is asked -----------------------------------------------------------------------------

    def _ask(self, question: Callable[[Sink], T]) -> T:
        try:
            return self._desk.ask(question).result()
        except RetryableError:
            self._at = None
            raise

    def _result(self, future: Future[T]) -> T:
        while True:
            try:
                return future.result(LOOK_SECONDS)
            except TimeoutError:
                if future.done():
                    raise
                if self._terms.stopped():
                    future.cancel()
                    raise StoppedError from None


@dataclass(slots=True)
class _Making:
    """A table that is made anew: under which name, as of when, and how many batches there were."""

    name: str
    mapped: Mapped
    batches: int = 0


def _places(at: Mapping[Read, int]) -> dict[Place, int]:
    return {Place(*place): offset for place, offset in at.items()}
