"""The way of a batch with Kafka at its end: from records to acknowledged messages.

What the worker does with the batches of its partitions, and ``streamproc reprocess`` with those of
a time that is past: rows, dead letters and identity links are sent, and everything counts only when
the broker has acknowledged all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial

import structlog

from streamproc.deadletters import dead_letter
from streamproc.errors import EventError, RetryableError
from streamproc.events import DeadLetter, Dropped, Link, Record, Row
from streamproc.kafka.codecs import (
    ROW,
    Codec,
    encode_dead_letter,
    encode_link,
    encode_row,
    link_key,
)
from streamproc.kafka.identity.reader import IdentityReader
from streamproc.kafka.producer import BatchProducer, Outgoing
from streamproc.kafka.raw_schemas import RawSchemas
from streamproc.rollout import Part, RulesInForce
from streamproc.settings import Settings, TopicSettings
from streamproc.sight.batch import UNWATCHED, Watch
from streamproc.telemetry import Totals

__all__ = ["Flow", "Output"]

log = structlog.get_logger()

LINKS_SECONDS = 60.0
"""How long a newly assigned partition may wait for the identity links of its previous owner."""


@dataclass(frozen=True, slots=True)
class Output:
    """How rows are written.

    Attributes:
        rows: Their codec.
        corrections: Whether they replace the rows of the same message ids in the warehouse.
    """

    rows: Codec = ROW
    corrections: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a batch became: messages to send, and what to count when they are acknowledged."""

    messages: list[Outgoing]
    sources: list[tuple[Record, str] | None]
    """For each message the record it was made of, and by which ruleset; None for an identity
    link."""
    totals: Totals


class Flow:
    """The way of batches, from records to acknowledged messages."""

    def __init__(
        self,
        rules: RulesInForce,
        identity: IdentityReader,
        settings: Settings,
        schemas: RawSchemas,
        output: Output = Output(),
    ) -> None:
        """Keep the parts; nothing is started.

        The pipelines ask ``identity.state``, and the formats that ``schemas`` tells what it learns.
        """
        self._output = output
        self._schemas = schemas
        self.totals = Totals()
        self._told = 0
        self._apart = asyncio.Lock()
        self.rules = rules
        self._identity = identity
        self._topics: TopicSettings = settings.topics
        self._retries = settings.worker.retries
        # One thread: the pipeline is written for one caller at a time, and the event loop stays
        # free to serve Kafka while a batch is computed.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pipeline")

    async def catch_up(self) -> None:
        """Return when all that is in the topics of identity state now is known.

        To be called before the first records of a partition. Its previous owner's links were
        acknowledged before its offsets were committed, so they are in the topic by then.

        Raises:
            RetryableError: They could not be read to their end in time.
        """
        try:
            async with asyncio.timeout(LINKS_SECONDS):
                await self._catch_up()
        except TimeoutError:
            raise RetryableError("the identity links could not be read to their end") from None

    async def _catch_up(self) -> None:
        while True:
            try:
                await asyncio.wrap_future(self._identity.caught_up())
            except RetryableError as error:
                self._identity.check()
                log.warning("identity topics cannot be read, trying again", cause=str(error))
                await asyncio.sleep(1)
            else:
                return

    async def process(
        self, records: Sequence[Record], producer: BatchProducer, watch: Watch = UNWATCHED
    ) -> None:
        """Take ``records`` all the way; return when everything made of them is acknowledged.

        ``watch`` is told of every stage, and at the end what became of them.

        Raises:
            RetryableError: Kafka did not take it, after all retries; or links of other workers are
                not to be had any more.
            ConfigError: The rules in force cannot be used.
        """
        self._identity.check_current()
        loop = asyncio.get_running_loop()
        parts = await self.rules.split(records)
        async with self._schemas.at_hand(records):
            watch.lap("rules")
            # With the context: what its log lines are to say of the batch.
            prepare = partial(copy_context().run, self._prepare, parts, watch)
            prepared = await loop.run_in_executor(self._thread, prepare)
        refused = await self._send_apart(prepared.messages, producer)
        if refused:
            letters = [self._refused_letter(prepared, index) for index in refused]
            if await self._send(letters, producer):
                raise RetryableError("the topic of dead letters refuses them")
        watch.lap("publish")
        watch.done(self._count(prepared.totals, refused=len(refused)))
        self._thread.submit(self.rules.look, records)

    async def tell_progress(self) -> None:
        """Log the totals, if there is something new to tell."""
        if self.totals.events != self._told:
            self._told = self.totals.events
            log.info(
                "worker progress",
                **self.totals.keys(),
                **self.rules.progress(),
                **self._identity.progress(),
            )

    def close(self) -> None:
        """End the threads."""
        self._thread.shutdown()
        self._schemas.close()
        self.rules.close()

    def _prepare(self, parts: Sequence[Part], watch: Watch) -> Prepared:
        watch.lap("queue")
        prepared = Prepared([], [], Totals())
        self._add_links(self._identity.state.left_over(), prepared)
        for part in parts:
            self._run(part, prepared, watch)
        watch.sent(prepared.messages)
        watch.lap("encode")
        return prepared

    def _add_links(self, links: Sequence[Link], prepared: Prepared) -> None:
        for link in links:
            message = Outgoing(self._topics.links, link_key(link), encode_link(link))
            prepared.messages.append(message)
            prepared.sources.append(None)

    def _run(self, part: Part, prepared: Prepared, watch: Watch) -> None:
        result = part.pipeline.run(part.records, watch.lap)
        watch.made(part.pipeline, part.records, result.outcomes)
        totals = prepared.totals
        totals.events += len(part.records)
        totals.unusable.update(result.unusable)
        self._add_links(self._identity.state.owed(result.links), prepared)
        for record, outcome in zip(part.records, result.outcomes, strict=True):
            if isinstance(outcome, Row):
                totals.rows += 1
                message = self._row_message(outcome)
            elif isinstance(outcome, DeadLetter):
                totals.dead[f"{outcome.stage}.{outcome.code}"] += 1
                message = self._letter_message(outcome)
            else:
                assert isinstance(outcome, Dropped)
                totals.dropped[outcome.rule] += 1
                continue
            prepared.messages.append(message)
            prepared.sources.append((record, part.pipeline.ruleset))

    def _row_message(self, row: Row) -> Outgoing:
        if self._output.corrections:
            row = row._replace(correction=True)
        return Outgoing(self._topics.load, row.ordering_key, encode_row(row, self._output.rows))

    def _letter_message(self, letter: DeadLetter) -> Outgoing:
        key = "{}-{}-{}".format(*letter.origin)
        return Outgoing(self._topics.dead, key.encode(), encode_dead_letter(letter))

    def _refused_letter(self, prepared: Prepared, index: int) -> Outgoing:
        source = prepared.sources[index]
        assert source is not None, "a link of two tokens is never too large"
        record, ruleset = source
        # Its sealed original may be what was too large: the raw topic still has it.
        error = EventError("publish", "refused_by_broker")
        return self._letter_message(dead_letter(record, error, ruleset=ruleset, seal=None))

    async def _send_apart(
        self, messages: Sequence[Outgoing], producer: BatchProducer
    ) -> Sequence[int]:
        """Send ``messages``; return the indexes of those that are refused on their own account."""
        refused = await self._send(messages, producer)
        # A broker that finds a batch of ours too large for its topic refuses all that is in it, and
        # librdkafka makes one batch of what several tasks send at once: hence one by one, and one
        # task at a time. Topics that `topics apply` made have room for any batch.
        async with self._apart:
            return [index for index in refused if await self._send([messages[index]], producer)]

    async def _send(self, messages: Sequence[Outgoing], producer: BatchProducer) -> Sequence[int]:
        loop = asyncio.get_running_loop()
        for attempt in range(self._retries):
            delivery = await loop.run_in_executor(self._thread, producer.send, messages, loop)
            try:
                return await delivery.wait()
            except RetryableError as error:
                if attempt + 1 == self._retries:
                    raise
                log.warning("batch was not delivered, sending it again", cause=str(error))
                await asyncio.sleep(2**attempt)
        raise AssertionError("settings ask for at least one try")

    def _count(self, made: Totals, *, refused: int) -> Totals:
        made.rows -= refused
        if refused:
            made.dead["publish.refused_by_broker"] += refused
        self.totals.add(made)
        return made
