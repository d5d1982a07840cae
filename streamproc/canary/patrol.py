"""The rounds of the canary: send one when it is time, look everywhere for what is theirs, tell.

All in one thread, in turns of a fraction of a second. What cannot be reached is told of and tried
again; nothing that is found is told with its value.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Final

import structlog

from streamproc.canaries import (
    MARK,
    WHERE,
    Canary,
    Finder,
    Found,
    Ledger,
    Recipe,
    Sent,
    Spot,
    hatch,
    known_again,
)
from streamproc.canaries.marks import NONCE_BYTES
from streamproc.canary.elsewhere import Elsewhere
from streamproc.canary.removal import Removals
from streamproc.canary.sending import Sender
from streamproc.canary.watching import Watch
from streamproc.errors import ConfigError, EventError, Problem
from streamproc.events import Record
from streamproc.kafka.codecs import decode_dead_letter
from streamproc.kafka.registry import RowDecoder
from streamproc.settings import Settings
from streamproc.sight import Meter
from streamproc.sight.metrics import CANARIES, CANARY_DETECTION, LEAKS
from streamproc.warehouse.loading.deletions import publish_deletions
from streamproc.warehouse.rows import LoadedRow

__all__ = ["Patrol", "Summary", "Terms", "patrolling", "recipe_of"]

log = structlog.get_logger()

READ_SECONDS: Final = 0.2
ELSEWHERE_SECONDS: Final = 5.0
"""From one look at logs and pages to the next."""
MOST_FOUND: Final = 1_000
OUTCOMES: Final = ("published", "clean", "leaked", "late")
MISSING: Final = (
    "is missing: a text of 32 characters or more that nobody else has; `openssl rand -hex 32`"
    " makes one"
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a patrol is given of the world.

    Attributes:
        clock: Seconds, never going back.
        sleep: Waits for so many seconds.
        chance: Returns so many random bytes that nobody can guess.
        stop: Asked several times a second; once true, that is it.
    """

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    chance: Callable[[int], bytes]
    stop: Callable[[], bool]


@dataclass(slots=True)
class Summary:
    """What a patrol has seen so far.

    Attributes:
        outcomes: How many canaries were ``published``, and found ``clean``, ``leaked``, ``late``.
        found: What was found of them last, as it was told.
        dead: How many of them became dead letters, by ``stage.code``.
        late: By partition how many of them are late.
        unsearched: What could not be searched the last time, and why.
        unloaded: How many of them the warehouse did not have in time, where that is looked at.
        removed: Ids of canaries that the loaders were told to delete, each time anew.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    found: deque[Found] = field(default_factory=lambda: deque(maxlen=MOST_FOUND))
    dead: Counter[str] = field(default_factory=Counter)
    late: Counter[int] = field(default_factory=Counter)
    unsearched: Mapping[str, str] = field(default_factory=dict)
    unloaded: int = 0
    removed: int = 0


def recipe_of(settings: Settings) -> Recipe:
    """Return what the canaries of ``settings`` are made by.

    Raises:
        ConfigError: There is no secret.
    """
    canary = settings.canary
    if canary.secret is None:
        raise ConfigError(Problem("settings", "canary.secret", MISSING))
    secret = canary.secret.get_secret_value().encode()
    return Recipe(secret, canary.people, frozenset(canary.places), frozenset(canary.kinds))


class Patrol:
    """One process's canaries, from being sent to being removed."""

    def __init__(
        self, settings: Settings, sender: Sender, watch: Watch, meter: Meter, terms: Terms
    ) -> None:
        """Keep the parts; nothing is sent yet.

        Raises:
            ConfigError: The settings cannot be used.
        """
        self.summary = Summary()
        self._settings = settings
        self._recipe = recipe_of(settings)
        self._sender, self._watch, self._meter, self._terms = sender, watch, meter, terms
        self._ledger = Ledger(settings.canary.expected_seconds)
        self._elsewhere = Elsewhere(settings)
        self._removals = Removals()
        self._decode = RowDecoder(settings.registry)
        self._turn = int.from_bytes(terms.chance(NONCE_BYTES // 2))
        self._elsewhere_at = terms.clock()
        for outcome in OUTCOMES:
            meter.count(CANARIES, 0, (outcome,))
        for where in WHERE:
            meter.count(LEAKS, 0, (where,))

    @property
    def waiting(self) -> bool:
        """Whether something of a canary that was sent is still to be looked at."""
        return self._ledger.waiting or self._elsewhere.waiting

    def partitions(self) -> list[int]:
        """Return the partitions of the raw topic.

        Raises:
            RetryableError: Brokers do not say.
        """
        return self._sender.partitions()

    def send(self, partition: int) -> None:
        """Send the next canary to a partition of the raw topic.

        Raises:
            RetryableError: The brokers did not take it.
        """
        self._turn = (self._turn + 1) % 256 ** (NONCE_BYTES // 2)
        # Chance first: what takes turns is told by the last bytes.
        nonce = self._terms.chance(NONCE_BYTES // 2) + self._turn.to_bytes(NONCE_BYTES // 2)
        sent = self._sender.send(hatch(self._recipe, nonce), partition)
        self._ledger.send(sent)
        self._told("published")
        log.debug("canary sent", partition=partition, offset=sent.offset)

    def look(self) -> None:
        """Look at what has come meanwhile, and for what has not.

        Raises:
            RetryableError: Topics cannot be read.
        """
        self._take(self._watch.read(READ_SECONDS))
        now = self._terms.clock()
        if now - self._elsewhere_at >= ELSEWHERE_SECONDS:
            self.look_elsewhere()
        for sent in self._ledger.overdue(now):
            self._told("late")
            self.summary.late[sent.partition] += 1
            log.warning(
                "a canary is late",
                topic=self._settings.topics.raw,
                partition=sent.partition,
                offset=sent.offset,
                expected_seconds=self._settings.canary.expected_seconds,
            )

    def look_elsewhere(self) -> None:
        """Look at logs and pages, and at what is in the warehouse by now."""
        self._elsewhere_at = self._terms.clock()
        for spot, content in self._elsewhere.texts():
            for planted in self._ledger.search(content):
                self._report(self._ledger.found(planted, spot, self._terms.clock()))
        for arrived, rows in self._elsewhere.stored(self._elsewhere_at):
            self.summary.unloaded += not rows
            for spot, content in rows:
                self._search(arrived.canary, content, spot)
            self._remove_later(arrived.canary, arrived.row)
        self.summary.unsearched = dict(self._elsewhere.away)

    def remove(self) -> None:
        """Have the loaders delete the rows that came, whatever the warehouse was to say of them.

        Raises:
            RetryableError: The brokers did not take all of it; it is tried again the next time.
        """
        self.summary.removed += self._removals.publish(
            lambda deletions: publish_deletions(self._settings, deletions)
        )

    # -- what comes -------------------------------------------------------------------------------

    def _take(self, records: list[Record]) -> None:
        # Nearly all of it is nobody's of ours: looked at together, which is one pass over it all.
        together = b"\n".join(part for each in records for part in _parts(each))
        if not records or not (MARK.encode() in together or self._ledger.search(together)):
            # A canary's dead letter shows nothing of it but where it lay.
            records = [each for each in records if self._is_dead(each)]
        for record in records:
            if self._is_dead(record):
                self._take_dead(record)
            else:
                self._take_row(record)

    def _is_dead(self, record: Record) -> bool:
        return record.origin.topic == self._settings.topics.dead

    def _take_row(self, record: Record) -> None:
        content = b"\n".join(_parts(record))
        marked = MARK.encode() in content
        if not marked and not self._ledger.search(content):
            return
        row = self._row(record)
        spot = Spot("row", _place(record), "" if row is None else row.ruleset)
        canary = known_again(self._recipe, row.message_id) if row and marked else None
        if canary is None or row is None:
            for planted in self._ledger.search(content):
                self._report(self._ledger.found(planted, spot, self._terms.clock()))
            return
        leaked = self._search(canary, content, spot)
        sent = self._ledger.get(canary.message_id)
        source = (row.source_topic, row.source_partition, row.source_offset)
        if sent is not None and source == (self._settings.topics.raw, sent.partition, sent.offset):
            self._come(sent, leaked=leaked)
            if not self._elsewhere.expect(canary, row, self._terms.clock()):
                self._remove_later(canary, row)

    def _take_dead(self, record: Record) -> None:
        content = b"\n".join(_parts(record))
        spot = Spot("dead_letter", _place(record))
        try:
            letter = decode_dead_letter(record.value)
        except EventError:  # the mark of a replay, or no letter of this version
            letter = None
        sent = None
        if letter is not None:
            spot = spot._replace(ruleset=letter.ruleset)
            if letter.origin.topic == self._settings.topics.raw:
                sent = self._ledger.at(letter.origin.partition, letter.origin.offset)
        if sent is None or letter is None:
            for planted in self._ledger.search(content):
                self._report(self._ledger.found(planted, spot, self._terms.clock()))
            return
        leaked = self._search(sent.canary, content, spot)
        self.summary.dead[f"{letter.stage}.{letter.code}"] += 1
        log.warning("a canary became a dead letter", stage=letter.stage, code=letter.code)
        self._come(sent, leaked=leaked)

    def _row(self, record: Record) -> LoadedRow | None:
        try:
            return self._decode(record.value)
        except EventError:  # the loader's affair
            return None

    # -- what is told -----------------------------------------------------------------------------

    def _search(self, canary: Canary, content: bytes, spot: Spot) -> bool:
        """Report what of ``canary`` is in its own row; every value of it counts there."""
        found = Finder(canary.planted).find(content)
        for planted in found:
            self._report(self._ledger.found(planted, spot, self._terms.clock()))
        return bool(found)

    def _come(self, sent: Sent, *, leaked: bool) -> None:
        verdict = self._ledger.come(sent, self._terms.clock(), leaked=leaked)
        if verdict is None:  # it was late
            log.info("a late canary has come", partition=sent.partition, offset=sent.offset)
            return
        self._told(verdict.outcome)
        self._meter.observe(CANARY_DETECTION, (verdict.seconds,))
        log.debug("canary came", outcome=verdict.outcome, seconds=round(verdict.seconds, 3))

    def _report(self, found: Found | None) -> None:
        if found is None:
            return
        self.summary.found.append(found)
        self._meter.count(LEAKS, 1, (found.where,))
        seconds = None if found.seconds is None else round(found.seconds, 3)
        log.error("a canary leaked", **found._replace(seconds=seconds)._asdict())

    def _told(self, outcome: str) -> None:
        self.summary.outcomes[outcome] += 1
        self._meter.count(CANARIES, 1, (outcome,))

    def _remove_later(self, canary: Canary, row: LoadedRow) -> None:
        if not self._removals.add(canary, row):
            log.warning("a canary's row has no id to be deleted by", message_id=canary.message_id)


@contextmanager
def patrolling(settings: Settings, meter: Meter, terms: Terms) -> Iterator[Patrol]:
    """Yield a patrol that sees whatever comes from now on.

    Raises:
        ConfigError: The settings cannot be used.
        RetryableError: The brokers cannot be reached, or do not have the topics.
    """
    recipe_of(settings)
    with ExitStack() as stack:
        topics = (settings.topics.load, settings.topics.dead)
        watch = stack.enter_context(closing(Watch(settings.kafka, topics)))
        yield Patrol(settings, Sender(settings, terms.clock), watch, meter, terms)


def _parts(record: Record) -> Iterator[bytes]:
    if record.value is not None:
        yield record.value
    if record.key is not None:
        yield record.key


def _place(record: Record) -> str:
    topic, partition, offset = record.origin
    return f"{topic}[{partition}]@{offset}"
