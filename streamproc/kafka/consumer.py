"""Faust's side of the transport: leases become messages, and nothing but ``done`` moves offsets.

One Faust message is one batch of one partition: Faust's cost per message is paid once for hundreds
of records. Faust keeps what it is good at (agents, streams, lifecycle); what it gets wrong about
offsets is not reachable from here:

- Faust's ``ack`` is not progress. A stream acknowledges what it skips, an agent that raises
  acknowledges its event; here both only let Faust forget the message. An agent says
  :meth:`~streamproc.kafka.leases.Batch.done`.
- Faust empties its queues on every rebalance and on every resume. What was in them is handed out
  again, in order (:meth:`Consumer.resume_flow`).
- Partitions are drained by the reader when they are taken away; Faust is only told what is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import structlog
from confluent_kafka import TopicPartition
from faust.auth import Credentials
from faust.exceptions import ImproperlyConfigured
from faust.transport import consumer as faust_consumer
from faust.types import TP, AppT, ConsumerMessage, Message

from streamproc.errors import StreamprocError
from streamproc.kafka.leases import Lease
from streamproc.kafka.reader import Reader, ReaderOptions
from streamproc.kafka.standing import Standing
from streamproc.settings import KafkaSettings

__all__ = ["Connection", "Consumer"]

log = structlog.get_logger()

BATCH_RECORDS = 500
"""Most records of one message, where ``broker_max_poll_records`` does not say."""
DEFAULT_PORT = 9092
IDLE_SECONDS = 1.0
"""Longest sleep of the delivering task; it is woken when there is something to do."""
RETRY_SECONDS = 0.2
"""Wait before a batch that was given back is handed out again; doubled each time …"""
RETRY_MOST_SECONDS = 10.0
"""… up to this."""


class Consumer(faust_consumer.Consumer):
    """A Faust consumer over a :class:`~streamproc.kafka.reader.Reader`.

    Configured by Faust's own settings: ``broker``, ``id`` (the group),
    ``consumer_group_instance_id``, ``broker_session_timeout``, ``broker_max_poll_records``
    (records of one batch), ``broker_commit_interval`` and ``stream_processing_timeout`` (how long a
    batch may take when its partition is taken away or the worker stops).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the reader; it starts with the service."""
        super().__init__(*args, **kwargs)
        conf = self.app.conf
        self._batch_records = conf.broker_max_poll_records or BATCH_RECORDS
        self._drain_seconds = conf.stream_processing_timeout
        self._announced: set[TP] = set()
        self._work = asyncio.Event()
        self._assignment_lock = asyncio.Lock()
        self._retry_at: dict[Lease, float] = {}
        self._assignment_tasks: set[asyncio.Task[None]] = set()
        self._reader = Reader(
            ReaderOptions(
                kafka=connection_of(self.app, self.transport.url),
                group=conf.id,
                instance_id=conf.consumer_group_instance_id,
                session_timeout_seconds=conf.broker_session_timeout,
                batch_records=self._batch_records,
                drain_seconds=self._drain_seconds,
            ),
            self,
        )

    # -- lifecycle ------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Start the reader's thread."""
        self._reader.start()

    async def on_stop(self) -> None:
        """Let what is being worked on finish, commit it, leave the group."""
        await self.wait_empty()
        stopped = await asyncio.to_thread(self._reader.stop, self._drain_seconds)
        if not stopped:
            log.warning("the broker did not answer when leaving the group")

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group for ``topics``."""
        await asyncio.wrap_future(self._reader.subscribe(topics))

    # -- the reader's listener (called in its thread) ---------------------------------------------

    def records_arrived(self) -> None:
        """Wake the delivering task."""
        self.loop.call_soon_threadsafe(self._work.set)

    def assignment_changed(self) -> None:
        """Have Faust told, in the event loop, which partitions are ours."""
        self.loop.call_soon_threadsafe(self._announce_soon)

    def reader_failed(self, cause: str) -> None:
        """Crash the app: nothing will be read any more."""
        log.error("Kafka consumer has ended", cause=cause)
        error = StreamprocError(f"the Kafka consumer has ended: {cause}")
        asyncio.run_coroutine_threadsafe(self.app.crash(error), self.loop)

    def lease_changed(self, lease: Lease) -> None:
        """Wake the delivering task: a batch of ``lease`` is done, or is to be tried again."""
        self.loop.call_soon_threadsafe(self._schedule, lease)

    def _schedule(self, lease: Lease) -> None:
        if lease.attempt:
            wait = min(RETRY_SECONDS * 2 ** (lease.attempt - 1), RETRY_MOST_SECONDS)
            self._retry_at[lease] = self.loop.time() + wait
            self.loop.call_later(wait, self._work.set)
        else:
            self._retry_at.pop(lease, None)
            self._work.set()

    def _announce_soon(self) -> None:
        task = self.loop.create_task(self._announce())
        self._assignment_tasks.add(task)
        task.add_done_callback(self._assignment_tasks.discard)

    async def _announce(self) -> None:
        async with self._assignment_lock:
            if self.should_stop or self.app.should_stop:
                return
            assigned = self.assignment()
            self.app.on_rebalance_start()
            await self.on_partitions_assigned(assigned, self.app.consumer_generation_id)
            self._announced = assigned
            self._retry_at = {
                lease: at for lease, at in self._retry_at.items() if lease in self._reader.leases()
            }
            self._work.set()

    # -- delivery -------------------------------------------------------------------------------

    async def _drain_messages(self, fetcher: Any) -> None:
        """Hand batches to Faust until stopped; this is the body of Faust's fetcher service."""
        while not (self.should_stop or fetcher.should_stop):
            self._work.clear()
            for lease in self._reader.leases():
                await self._deliver(lease)
            if not self._work.is_set():
                await _wait_for(self._work, IDLE_SECONDS)

    async def _deliver(self, lease: Lease) -> None:
        tp = TP(lease.topic, lease.partition)
        ready = self.flow_active and tp in self._announced
        if not ready or self._retry_at.get(lease, 0.0) > self.loop.time():
            return
        batch = lease.next_batch(self._batch_records)
        if batch is None:
            return
        try:
            await self.callback(self._to_message(tp, batch))
        except asyncio.CancelledError:
            lease.recall()
            raise

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        first = record.records[0]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            first.origin.offset,
            first.timestamp / 1_000_000,
            1,
            [],
            None,
            record,
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    def resume_flow(self) -> None:
        """Go on after a rebalance; what Faust had in its queues was emptied with them."""
        super().resume_flow()
        for lease in self._reader.leases():
            lease.recall()
        self._work.set()

    def ack(self, message: Message) -> bool:
        """Let Faust forget ``message``; offsets do not move (see the module's docstring)."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    # -- offsets --------------------------------------------------------------------------------

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Have the finished batches' offsets committed; called on Faust's timer."""
        self._reader.commit()
        return True

    async def on_task_error(self, exc: BaseException) -> None:
        """Do nothing: an agent's error acknowledges nothing here."""

    async def wait_empty(self) -> None:
        """Wait, within ``stream_processing_timeout``, until no agent is working on a batch."""
        deadline = self.loop.time() + self._drain_seconds
        while any(lease.busy for lease in self._reader.leases()):
            if self.loop.time() > deadline:
                log.warning("batches were still being processed; they will be read again")
                break
            self._work.clear()
            await _wait_for(self._work, 0.1)
        self._reader.commit()

    async def perform_seek(self) -> None:
        """Do nothing: a lease starts at the committed offset and never goes back."""

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        # Faust's own bookkeeping, which would call this, is not used.
        raise AssertionError(f"offsets of {len(offsets)} partitions came past the leases")

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Return the committed offsets; the position is there already."""
        assigned = [TopicPartition(*tp) for tp in self.assignment()]
        timeout = self.app.conf.broker_request_timeout
        committed = await asyncio.wrap_future(
            self._reader.call(lambda consumer: consumer.committed(assigned, timeout=timeout))
        )
        return {TP(tp.topic, tp.partition): tp.offset for tp in committed}

    def standing(self) -> Standing:
        """Return how far this member is; may be called in any thread, waits for nobody."""
        return self._reader.standing()

    # -- what Faust asks of any consumer ----------------------------------------------------------

    def assignment(self) -> set[TP]:
        """Return the partitions held now."""
        return {TP(*partition) for partition in self._reader.partitions()}

    def highwater(self, tp: TP) -> int:
        """Return the end of the partition as last heard from the broker, -1 before the first."""
        return self._reader.call(
            lambda consumer: consumer.get_watermark_offsets(TopicPartition(*tp), cached=True)[1]
        ).result(IDLE_SECONDS)

    async def position(self, tp: TP) -> int | None:
        """Return the offset that is fetched next."""
        positions = await asyncio.wrap_future(
            self._reader.call(lambda consumer: consumer.position([TopicPartition(*tp)]))
        )
        return positions[0].offset if positions[0].offset >= 0 else None

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the ends of ``partitions``, asked of the broker."""
        return {tp: (await self._watermarks(tp))[1] for tp in partitions}

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the beginnings of ``partitions``, asked of the broker."""
        return {tp: (await self._watermarks(tp))[0] for tp in partitions}

    async def _watermarks(self, tp: TP) -> tuple[int, int]:
        timeout = self.app.conf.broker_request_timeout
        return await asyncio.wrap_future(
            self._reader.call(
                lambda consumer: consumer.get_watermark_offsets(TopicPartition(*tp), timeout)
            )
        )

    def topic_partitions(self, topic: str) -> int | None:
        """Return how many partitions ``topic`` has; None when the broker does not know it."""
        metadata = self._reader.call(
            lambda consumer: consumer.list_topics(topic, timeout=IDLE_SECONDS)
        ).result(2 * IDLE_SECONDS)
        found = metadata.topics.get(topic)
        return len(found.partitions) if found is not None and found.error is None else None

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> None:
        """Return None: the producer chooses partitions, and there are no transactions here."""

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def _getmany(self, active_partitions: AbstractSet[TP] | None, timeout: float) -> Any:
        raise _unsupported("fetching by partition")

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Refuse: what is read next is the lease's to say."""
        raise _unsupported("seeking")

    async def _seek(self, partition: TP, offset: int) -> None:
        raise _unsupported("seeking")

    async def create_topic(self, topic: str, partitions: int, replication: int, **_: Any) -> None:
        """Refuse: topics are made by ``streamproc topics apply``."""
        raise _unsupported("creating topics (use `streamproc topics apply`)")


class Connection(Credentials):
    """How the app's clients connect, for Faust's ``broker_credentials``."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Connect as ``kafka`` says; which brokers is for the app's URL to say."""
        self.kafka = kafka

    def __repr__(self) -> str:
        """Say nothing of what it holds: Faust writes its configuration to the log."""
        return type(self).__name__


def connection_of(app: AppT, urls: Iterable[Any]) -> KafkaSettings:
    """Return Faust's broker URLs and credentials as what all other clients are told."""
    brokers = ",".join(f"{url.host or '127.0.0.1'}:{url.port or DEFAULT_PORT}" for url in urls)
    credentials = app.conf.broker_credentials
    if credentials is None:
        return KafkaSettings(brokers=brokers)
    if not isinstance(credentials, Connection):
        raise _unsupported("credentials other than its own Connection")
    return credentials.kafka.model_copy(update={"brokers": brokers})


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


def _unsupported(what: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"the streamproc transport does not support {what}")
