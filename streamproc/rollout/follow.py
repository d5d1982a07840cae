"""A worker's rules from the topic of rules.

Why all workers switch at the same record is told in the package's docstring; this is the worker's
half of it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

import structlog

from streamproc.errors import ConfigError, Problem, RetryableError
from streamproc.events import Record
from streamproc.kafka.control import LogReader, LogRecord
from streamproc.kafka.topic_ids import TopicIds
from streamproc.pipeline import Pipeline
from streamproc.rollout.in_force import Part, records_of
from streamproc.rollout.ledger import Ledger, Piece, Try
from streamproc.rollout.pipelines import Pipelines
from streamproc.rollout.records import Activate, Published, Shadow, ShadowEnd
from streamproc.rollout.reporter import Reporter
from streamproc.rollout.shadow import Candidate, Shadowing
from streamproc.rollout.signatures import Trust
from streamproc.rollout.signers import said
from streamproc.rollout.status import PartitionStatus, WorkerStatus
from streamproc.settings import KafkaSettings

__all__ = ["Channel", "TopicRules"]

log = structlog.get_logger()

ASK_SECONDS: Final = 5.0
FIRST_SECONDS: Final = 1.0
"""How often a worker that waits for the first ruleset of all looks again."""
AGAIN_SECONDS: Final = 0.5
NOT_READ: Final = "the topic of rules could not be read to its end"


@dataclass(frozen=True, slots=True)
class Channel:
    """Who follows what.

    Attributes:
        worker: The worker's name, one of a kind.
        version: Of streamproc.
        kafka: The brokers, and how to connect.
        raw: The topic whose records are decided about.
        rules: The topic of rules.
        status: The topic of status.
        patience_seconds: How long a broker that is away is waited for.
        trust: Whose statements count; None for everybody's.
    """

    worker: str
    version: str
    kafka: KafkaSettings
    raw: str
    rules: str
    status: str
    patience_seconds: float
    trust: Trust | None = None


class TopicRules:
    """Rules in force by the topic of rules; see :class:`.in_force.RulesInForce`."""

    def __init__(self, channel: Channel, pipelines: Pipelines, shadowing: Shadowing) -> None:
        """Prepare the threads."""
        self._channel = channel
        self._shadowing = shadowing
        self._pipelines = pipelines
        self._lock = threading.Lock()
        self._ledger = Ledger(channel.raw)
        self._waiting: list[tuple[set[Try], Future[None]]] = []
        self._partitions: dict[int, PartitionStatus] = {}
        self._live = False
        self._read = 0
        self._ignored = 0
        self._refused = 0
        self._longest_wait = 0.0
        self._ids = TopicIds(channel.kafka)
        self._reader = LogReader(channel.kafka, channel.rules, self._take)
        topics = (channel.rules, channel.status)
        self._reporter = Reporter(channel.worker, channel.kafka, topics, self)

    def start(self) -> None:
        """Return when the ruleset that took over last is ready; waits for the first of all.

        Raises:
            RetryableError: The brokers do not answer.
            ConfigError: That ruleset cannot be used here.
        """
        self._reader.start()
        if (latest := self._latest()) is None:
            told = "no ruleset has been published, waiting for `streamproc rules publish`"
            log.warning(told, topic=self._channel.rules)
        while latest is None:
            time.sleep(FIRST_SECONDS)
            latest = self._latest()
        self._pipelines.of(latest).result()
        self._live = True
        for published in self._not_yet_in_force(latest):
            self._prepare(published)
        self._try_beside()
        self._reporter.start()

    async def split(self, records: Sequence[Record]) -> Sequence[Part]:
        """Return ``records`` by the rulesets in force for them.

        Raises:
            RetryableError: The topic of rules cannot be read to its end.
            ConfigError: A ruleset in force cannot be used here.
        """
        began = time.monotonic()
        partition, first = records[0].origin.partition, records[0].origin.offset
        await self._identified(partition, first)
        await self._settled()
        following = records[-1].origin.offset + 1
        with self._lock:
            pieces = self._ledger.pieces(partition, first, following)
            made = [self._pipelines.of(self._published(piece)) for piece in pieces]
            self._partitions[partition] = PartitionStatus(
                offset=following, ruleset=pieces[-1].ruleset
            )
        parts = [
            Part(await asyncio.shield(asyncio.wrap_future(pipeline)), records_of(piece, records))
            for piece, pipeline in zip(pieces, made, strict=True)
        ]
        self._longest_wait = max(time.monotonic() - began, self._longest_wait)
        return [part for part in parts if part.records]

    def in_force(self) -> Pipeline | None:
        """Return the pipeline of the ruleset that took over last; None where it is not ready."""
        with self._lock:
            latest = self._ledger.latest
            published = None if latest is None else self._ledger.rulesets.get(latest)
        return None if published is None else self._pipelines.ready(published)

    def assigned(self, partitions: Iterable[int]) -> None:
        """Take note of what is said of partitions in the status."""
        with self._lock:
            known = self._partitions
            self._partitions = {each: known.get(each, PartitionStatus()) for each in partitions}

    def look(self, records: Sequence[Record]) -> None:
        """Try the ruleset of `rules shadow` on some of ``records``."""
        self._shadowing.look(records)

    def progress(self) -> Mapping[str, object]:
        """Return the ruleset that took over last, and what was refused."""
        with self._lock:
            return {
                "ruleset": self._ledger.latest,
                "rules_refused": self._refused,
                "rules_ignored": self._ignored,
            }

    def close(self) -> None:
        """Say goodbye, end the threads."""
        self._reporter.stop()
        self._reader.stop(self._channel.patience_seconds)
        self._pipelines.close()
        self._shadowing.close()

    # -- what the reporter asks -------------------------------------------------------------------

    def undecided(self) -> Sequence[Try]:
        """Return the tries without an outcome."""
        with self._lock:
            return self._ledger.undecided

    def status(self) -> WorkerStatus:
        """Return what is to be said of this worker now; the longest wait begins anew."""
        states = self._pipelines.states()
        with self._lock:
            wait, self._longest_wait = self._longest_wait, 0.0
            return WorkerStatus(
                worker=self._channel.worker,
                version=self._channel.version,
                topic=self._channel.raw,
                partitions={str(number): each for number, each in self._partitions.items()},
                rulesets={str(number): state for number, state in states.items()},
                read=self._read,
                ignored=self._ignored,
                refused=self._refused,
                wait_ms=round(wait * 1_000),
            )

    def shadow(self) -> tuple[bytes, bytes] | None:
        """Return what there is to say of the ruleset that is tried beside the one in force."""
        return self._shadowing.said()

    # -- the log ----------------------------------------------------------------------------------

    def _take(self, record: LogRecord) -> None:
        statement = said(record, self._channel.trust)
        with self._lock:
            self._read = record.offset + 1
            if statement is None:
                self._ignored += 1
            elif self._ledger.apply(statement) and isinstance(statement, Published) and self._live:
                self._prepare(statement)
            settled = self._settle()
        for future in settled:
            future.set_result(None)
        if self._live and isinstance(statement, Activate | Shadow | ShadowEnd):
            self._try_beside()
        if statement is None and self._ignored == 1:
            log.error(
                "record of the topic of rules is no statement that counts, ignored; told once",
                offset=record.offset,
            )
        self._reporter.wake()

    def _prepare(self, published: Published) -> None:
        """Have ``published`` made ready, and say how that went."""

        def told(made: Future[Pipeline]) -> None:
            error = None if made.cancelled() else made.exception()
            if isinstance(error, ConfigError):
                self._refused += 1
                problems = [str(problem) for problem in error.problems]
                log.error(
                    "ruleset cannot be used here, the one in force stays",
                    ruleset=published.id,
                    problems=problems,
                )
            self._reporter.wake()

        self._pipelines.of(published).add_done_callback(told)

    def _try_beside(self) -> None:
        """Try what the log says is to be tried beside the ruleset that took over last."""
        with self._lock:
            shadow, known = self._ledger.shadow, self._ledger.rulesets
            candidate = None if shadow is None else known.get(shadow.id)
            active = known.get(self._ledger.latest or 0)
            ended = self._ledger.shadow_ended
        if shadow is None or candidate is None or active is None or ended:
            self._shadowing.follow(None)
        else:
            self._shadowing.follow(Candidate(shadow, candidate, active))

    def _settle(self) -> list[Future[None]]:
        undecided = set(self._ledger.undecided)
        settled = [future for tries, future in self._waiting if not tries & undecided]
        self._waiting = [each for each in self._waiting if each[0] & undecided]
        return settled

    async def _identified(self, partition: int, first: int) -> None:
        """Have the ledger know which raw topic this is: asked when offsets begin, or fall."""
        with self._lock:
            known = self._partitions.get(partition, PartitionStatus()).offset
        if known is not None and known <= first:
            return
        deadline = time.monotonic() + self._channel.patience_seconds
        while True:
            try:
                found = await asyncio.to_thread(self._ids.ask, self._channel.raw, ASK_SECONDS)
            except RetryableError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                break
        with self._lock:
            self._ledger.topic_id = found

    async def _settled(self) -> None:
        """Return when all tries that were begun before this call have an outcome."""
        patience = self._channel.patience_seconds
        try:
            async with asyncio.timeout(2 * patience):
                await asyncio.wrap_future(self._reader.caught_up(patience))
                if (outcomes := self._outcomes()) is not None:
                    await asyncio.wrap_future(outcomes)
        except TimeoutError:
            raise RetryableError(NOT_READ) from None

    def _outcomes(self) -> Future[None] | None:
        with self._lock:
            if not (tries := set(self._ledger.undecided)):
                return None
            future: Future[None] = Future()
            future.set_running_or_notify_cancel()
            self._waiting.append((tries, future))
            return future

    def _latest(self) -> Published | None:
        patience = self._channel.patience_seconds
        try:
            self._reader.caught_up(patience).result(2 * patience)
        except TimeoutError:
            raise RetryableError(NOT_READ) from None
        with self._lock:
            latest = self._ledger.latest
            return None if latest is None else self._published_as(latest)

    def _not_yet_in_force(self, latest: Published) -> Sequence[Published]:
        with self._lock:
            given_up = {each.id for each in self._ledger.aborts if each.attempt == 0}
            newer = (number for number in self._ledger.rulesets if number > latest.id)
            return [self._ledger.rulesets[number] for number in newer if number not in given_up]

    def _published(self, piece: Piece) -> Published:
        if piece.ruleset is None:
            told = f"does not say which ruleset is in force at offset {piece.first}: records of it"
            raise ConfigError(Problem(self._channel.rules, "", f"{told} were deleted"))
        return self._published_as(piece.ruleset)

    def _published_as(self, number: int) -> Published:
        if (published := self._ledger.rulesets.get(number)) is not None:
            return published
        told = f"ruleset {number} is in force, and cannot be read here; another version wrote it"
        raise ConfigError(Problem(self._channel.rules, "", told))
