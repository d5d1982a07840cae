"""The worker: raw topic to loader topic. The Faust app, its one agent, and the way of a batch.

A batch is done, and its offsets may be committed, only when the broker has acknowledged everything
made of it: rows, dead letters, identity links. Where that fails for longer than the settings allow,
or something unforeseen happens, the process stops with the offsets uncommitted; whoever runs it
starts it again, and the batch is read again.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import faust
import structlog

from streamproc.deadletters import dead_letter
from streamproc.errors import EventError, RetryableError, StreamprocError, place_of
from streamproc.events import DeadLetter, Dropped, Record, Row
from streamproc.kafka.codecs import (
    ROW,
    Codec,
    encode_dead_letter,
    encode_link,
    encode_row,
    link_key,
)
from streamproc.kafka.leases import Batch
from streamproc.kafka.links import LinkReader
from streamproc.kafka.producer import BatchProducer, Outgoing
from streamproc.kafka.transport import BatchSchema, batch_producer
from streamproc.pipeline import Pipeline
from streamproc.settings import Settings, TopicSettings
from streamproc.telemetry import Totals

__all__ = ["Flow", "build_app", "run_app"]

log = structlog.get_logger()

GC_THRESHOLD = 50_000
"""New objects between two runs of the garbage collector; Python's own 700 are a few events."""
LINKS_SECONDS = 60.0
"""How long a newly assigned partition may wait for the identity links of its previous owner."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a batch became: messages to send, and what to count when they are acknowledged."""

    messages: Sequence[Outgoing]
    sources: Sequence[Record | None]
    """For each message the record it was made of; None for an identity link."""
    totals: Totals


class Flow:
    """The way of a batch through the worker, from records to acknowledged messages."""

    def __init__(
        self, pipeline: Pipeline, links: LinkReader, settings: Settings, rows: Codec = ROW
    ) -> None:
        """Keep the parts; nothing is started. ``rows`` is how rows are written."""
        self._rows = rows
        self.totals = Totals()
        self._told = 0
        self._apart = asyncio.Lock()
        self._pipeline = pipeline
        self._links = links
        self._topics: TopicSettings = settings.topics
        self._retries = settings.worker.retries
        # One thread: the pipeline is written for one caller at a time, and the event loop stays
        # free to serve Kafka while a batch is computed.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pipeline")

    async def process(self, batch: Batch, producer: BatchProducer) -> None:
        """Take ``batch`` all the way; return when everything made of it is acknowledged.

        Raises:
            RetryableError: Kafka did not take it, after all retries.
        """
        loop = asyncio.get_running_loop()
        if batch.first:
            await self._catch_up()
        prepared = await loop.run_in_executor(self._thread, self._prepare, batch.records)
        refused = await self._send_apart(prepared.messages, producer)
        if refused:
            letters = [self._refused_letter(prepared, index) for index in refused]
            if await self._send(letters, producer):
                raise RetryableError("the topic of dead letters refuses them")
        self._count(prepared.totals, refused=len(refused))

    async def tell_progress(self) -> None:
        """Log the totals, if there is something new to tell."""
        if self.totals.events != self._told:
            self._told = self.totals.events
            log.info("worker progress", **self.totals.keys())

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()

    async def _catch_up(self) -> None:
        # The previous owner's links were acknowledged before its offsets were committed, so they
        # are in the topic by now: read to its end before the first event that may need them.
        try:
            await asyncio.wait_for(asyncio.wrap_future(self._links.caught_up()), LINKS_SECONDS)
        except TimeoutError:
            raise RetryableError("the identity links could not be read to their end") from None

    def _prepare(self, records: Sequence[Record]) -> Prepared:
        result = self._pipeline.run(records)
        topics, totals = self._topics, Totals(events=len(records))
        messages = [
            Outgoing(topics.links, link_key(link), encode_link(link))
            for link in result.links
            if link not in self._links.durable
        ]
        sources: list[Record | None] = [None] * len(messages)
        for record, outcome in zip(records, result.outcomes, strict=True):
            if isinstance(outcome, Row):
                totals.rows += 1
                messages.append(
                    Outgoing(topics.load, outcome.ordering_key, encode_row(outcome, self._rows))
                )
                sources.append(record)
            elif isinstance(outcome, DeadLetter):
                totals.dead[f"{outcome.stage}.{outcome.code}"] += 1
                messages.append(self._letter_message(outcome))
                sources.append(record)
            else:
                assert isinstance(outcome, Dropped)
                totals.dropped[outcome.rule] += 1
        return Prepared(messages, sources, totals)

    def _letter_message(self, letter: DeadLetter) -> Outgoing:
        key = "{}-{}-{}".format(*letter.origin)
        return Outgoing(self._topics.dead, key.encode(), encode_dead_letter(letter))

    def _refused_letter(self, prepared: Prepared, index: int) -> Outgoing:
        record = prepared.sources[index]
        assert record is not None, "a link of two tokens is never too large"
        # Its sealed original may be what was too large: the raw topic still has it.
        error = EventError("publish", "refused_by_broker")
        return self._letter_message(
            dead_letter(record, error, ruleset=self._pipeline.ruleset, seal=None)
        )

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

    def _count(self, made: Totals, *, refused: int) -> None:
        self.totals.events += made.events
        self.totals.rows += made.rows - refused
        self.totals.dead += made.dead
        if refused:
            self.totals.dead["publish.refused_by_broker"] += refused
        self.totals.dropped += made.dropped


class _App(faust.App):
    def _create_directories(self) -> None:
        """Make none in the working folder: Faust keeps tables in them, and there are none here."""


def build_app(settings: Settings, flow: Flow) -> faust.App:
    """Return the Faust app with its agent; running it is :func:`run_app`."""
    brokers = settings.kafka.brokers.replace(",", ";")
    app = _App(
        settings.worker.group,
        broker=f"streamproc://{brokers}",
        broker_session_timeout=settings.kafka.session_timeout_seconds,
        broker_max_poll_records=settings.worker.batch_records,
        broker_commit_interval=settings.worker.commit_interval_seconds,
        consumer_group_instance_id=settings.worker.instance_id,
        producer_request_timeout=settings.kafka.delivery_timeout_seconds,
        stream_processing_timeout=settings.worker.shutdown_seconds,
        stream_recovery_delay=0.0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
    )
    batches: set[asyncio.Task[None]] = set()

    @app.agent(app.topic(settings.topics.raw, schema=BatchSchema()), name="redact")
    async def redact(stream: Any) -> None:
        # A partition has one batch out at a time, so these tasks are at most as many as partitions.
        async for event in stream.noack().events():
            if event.value.take():
                task = asyncio.create_task(_guarded(app, flow, event.value))
                batches.add(task)
                task.add_done_callback(batches.discard)

    @app.on_partitions_assigned.connect  # type: ignore[arg-type] # its type knows no keyword
    async def tell(_app: Any, *sent: Any, **_: Any) -> None:
        log.info("worker ready", partitions=sorted(tp.partition for tp in sent[0]))

    app.timer(settings.log.progress_seconds)(flow.tell_progress)
    return app


async def _guarded(app: faust.App, flow: Flow, batch: Batch) -> None:
    try:
        await flow.process(batch, batch_producer(app))
    except asyncio.CancelledError:
        batch.give_back()
        raise
    except Exception as error:  # noqa: BLE001 - the process ends; nothing is passed over
        batch.give_back()
        log.error("worker cannot go on, nothing of this batch is committed", **_where(batch, error))  # noqa: TRY400 - a traceback may quote values
        await app.crash(StreamprocError("the worker stopped, see the line before"))
    else:
        batch.done()


def _where(batch: Batch, error: Exception) -> dict[str, Any]:
    ours = isinstance(error, StreamprocError)  # only our own texts are known to hold no value
    return {
        "topic": batch.lease.topic,
        "partition": batch.lease.partition,
        "offset": batch.records[0].origin.offset,
        "cause": str(error) if ours else type(error).__name__,
        "place": place_of(error),
    }


def run_app(app: faust.App, flow: Flow) -> int:
    """Run until SIGTERM, SIGINT or a failure; return the exit code."""
    worker = faust.Worker(app, quiet=True, override_logging=False, redirect_stdouts=False)
    # Models and memo are a million objects that never die; going over them again and again costs
    # half of the worker's time (242 us an event with memo warm, against 161 like this).
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    worker.spinner = None  # it writes to standard output whether that is a terminal or not
    code = 0
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        code = int(end.code or 0)
    flow.close()
    log.info("worker stopped", **flow.totals.keys())
    return code or (1 if app.crashed else 0)
