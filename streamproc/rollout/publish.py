"""The publisher's half of a roll-out: see the package's docstring."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from streamproc.errors import RetryableError
from streamproc.rollout.ledger import Try
from streamproc.rollout.log import RulesLog
from streamproc.rollout.records import Abort, Activate, Prepare, Published, Shadow
from streamproc.rollout.reporter import HOLD_SECONDS
from streamproc.rollout.workers import LISTEN_SECONDS, Heard, Workers

__all__ = ["Outcome", "Publication", "begin_shadow", "publish", "state_of"]

TRIES: Final = 5
"""A try fails where reading the fences takes longer than workers wait."""
LOOK_SECONDS: Final = 0.1
PUBLISHER: Final = "publisher"


@dataclass(frozen=True, slots=True)
class Publication:
    """What is to be published: a :class:`.records.Published` without its number.

    Attributes:
        against: The ruleset that has to be in force until this one takes over; None for any.
    """

    files: Mapping[str, str] = field(repr=False)
    fingerprint: str
    rows: str
    author: str
    message: str
    at: str
    nonce: str
    restores: int | None = None
    detectors: str | None = None
    against: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it.

    Attributes:
        id: The ruleset's number.
        fences: By partition, the first offset that it decides; None where it did not take over.
        reason: Why not; empty where it did.
        workers: Who was heard.
    """

    id: int
    fences: Mapping[str, int] | None
    reason: str
    workers: Sequence[Heard]


def publish(
    log: RulesLog,
    workers: Workers,
    publication: Publication,
    show: Callable[[int, Sequence[Heard]], None],
    wait_seconds: float,
) -> Outcome:
    """Have a ruleset take over in all workers, once they all are ready for it.

    Args:
        log: The topic of rules.
        workers: Who has to be ready.
        publication: The ruleset.
        show: Is told the ruleset's number, and how the workers stand to it, again and again.
        wait_seconds: How long workers may take to get ready.

    Raises:
        RetryableError: The brokers do not answer, or somebody else is publishing.
    """
    log.fences()  # connects, so that it is quick when workers wait for it
    number = _append(log, publication)
    heard, reason = _wait(workers, lambda heard: show(number, heard), number, wait_seconds)
    if reason:
        log.say(Abort(id=number, attempt=0, by=PUBLISHER, reason=reason))
        return Outcome(number, None, reason, heard)
    for attempt in range(1, TRIES + 1):
        tried = Try(number, attempt)
        _prepare(log, tried)
        # From here on, until there is an outcome, no other ruleset takes over.
        if publication.against not in {None, log.ledger.latest}:
            log.say(Abort(id=number, attempt=attempt, by=PUBLISHER, reason="overtaken"))
            return Outcome(number, None, "overtaken", heard)
        if (fences := _switch(log, tried)) is not None:
            return Outcome(number, fences, "", heard)
    raise RetryableError(f"ruleset {number} is not in force: the workers did not wait long enough")


def begin_shadow(log: RulesLog, publication: Publication, sample: float, until: datetime) -> int:
    """Have the workers try a ruleset beside the one in force; return its number.

    Args:
        log: The topic of rules.
        publication: The ruleset; it will not take over, only a copy of it might.
        sample: The share of records that it is tried on.
        until: When that ends.

    Raises:
        RetryableError: The brokers do not answer.
    """
    number = _append(log, publication)
    log.say(Abort(id=number, attempt=0, by=PUBLISHER, reason="tried in shadow"))
    log.say(Shadow(id=number, sample=sample, until=until))
    return number


def state_of(status: Heard, number: int) -> str:
    """Return how a worker stands to a ruleset: ``preparing``, ``ready`` or ``refused``."""
    known = status.status.rulesets.get(str(number))
    return "preparing" if known is None else known.state


def _append(log: RulesLog, publication: Publication) -> int:
    """Publish under the next number that is free; return it."""
    log.catch_up()
    while True:
        number = max(log.ledger.rulesets, default=0) + 1
        log.say(
            Published(
                id=number,
                nonce=publication.nonce,
                files=publication.files,
                fingerprint=publication.fingerprint,
                rows=publication.rows,
                author=publication.author,
                message=publication.message,
                at=publication.at,
                restores=publication.restores,
                detectors=publication.detectors,
            )
        )
        if log.ledger.rulesets[number].nonce == publication.nonce:  # nobody else was quicker
            return number


def _wait(
    workers: Workers,
    show: Callable[[Sequence[Heard]], None],
    number: int,
    wait_seconds: float,
) -> tuple[Sequence[Heard], str]:
    """Return who was heard, and why there is no point in going on; empty where there is."""
    deadline = time.monotonic() + wait_seconds
    while True:
        heard = workers.listen(LOOK_SECONDS)
        show(heard)
        states = {state_of(each, number) for each in heard if each.live}
        if "refused" in states:
            return heard, "refused"
        if states <= {"ready"} and workers.listened_seconds > LISTEN_SECONDS:
            return heard, ""
        if time.monotonic() > deadline:
            return heard, "not_ready"


def _prepare(log: RulesLog, tried: Try) -> None:
    """Have the workers hold what they fetch from now on."""
    _clear(log)
    log.say(Prepare(id=tried.id, attempt=tried.attempt))
    if any(earlier != tried for earlier in log.ledger.undecided):
        log.say(Abort(id=tried.id, attempt=tried.attempt, by=PUBLISHER, reason="another"))
        raise RetryableError("another ruleset is being published")


def _switch(log: RulesLog, tried: Try) -> Mapping[str, int] | None:
    """Return the fences of ``tried``; None if the workers gave up before."""
    # The first of all is in force from the beginning: nobody has processed anything.
    fences = log.fences() if log.ledger.activations else {}
    topic, topic_id = log.ledger.topic, log.ledger.topic_id
    statement = Activate(
        id=tried.id, attempt=tried.attempt, topic=topic, fences=fences, topic_id=topic_id
    )
    try:
        log.say(statement)
    except RetryableError as error:
        told = f"whether ruleset {tried.id} is in force is not known ({error})"
        raise RetryableError(f"{told}; see `streamproc rules status`") from None
    return fences if log.ledger.activated(tried) else None


def _clear(log: RulesLog) -> None:
    """Abort what a publisher left that died, where no worker is running that would."""
    log.catch_up()
    if left := log.ledger.undecided:
        time.sleep(2 * HOLD_SECONDS)
        for each in left:
            log.say(Abort(id=each.id, attempt=each.attempt, by=PUBLISHER, reason="too_slow"))
