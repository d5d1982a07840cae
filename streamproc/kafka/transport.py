"""The Faust transport ``streamproc://``: confluent-kafka on both sides, batches as messages.

Registered under ``faust.transports``, so that ``faust.App(broker="streamproc://host:port")`` finds
it. Agents on it are written like this, and lose nothing however they end::

    @app.agent(app.topic("events.raw", schema=BatchSchema()))
    async def agent(stream):
        async for event in stream.noack().events():
            batch = event.value
            if batch.take():
                try:
                    await process(batch.records)
                except BaseException:
                    batch.give_back()  # read again, after a while
                    raise
                batch.done()  # from here on its offsets may be committed
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import confluent_kafka
import faust
from faust.exceptions import ImproperlyConfigured, ProducerSendError
from faust.transport import base
from faust.types import TP, RecordMetadata

from streamproc.errors import RetryableError
from streamproc.kafka.consumer import DEFAULT_PORT, Consumer, connection_of
from streamproc.kafka.leases import Batch
from streamproc.kafka.producer import BatchProducer, Outgoing

__all__ = ["BatchSchema", "Producer", "Transport", "batch_producer"]


class BatchSchema(faust.Schema[None, Batch]):
    """What a topic of this transport needs: its messages are batches, not bytes."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:
        """Return None: a batch has no key, its records do."""

    def loads_value(self, app: Any, message: Any, **_: Any) -> Batch:
        """Return the batch itself."""
        batch: Batch = message.value
        return batch


class Producer(base.Producer):
    """Faust's producer over a :class:`~streamproc.kafka.producer.BatchProducer`.

    Agents send whole batches with :attr:`batches`; Faust's own ``send`` works too, message by
    message.
    """

    batches: BatchProducer

    async def on_start(self) -> None:
        """Make the producer."""
        await super().on_start()
        self.batches = BatchProducer(
            connection_of(self.app, self.transport.url),
            self.app.conf.id,
            self.request_timeout,
        )

    async def on_stop(self) -> None:
        """Wait for what is under way."""
        await super().on_stop()
        await asyncio.to_thread(self.batches.close, self.app.conf.stream_processing_timeout)

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
        *,
        transactional_id: str | None = None,
    ) -> Awaitable[RecordMetadata]:
        """Hand over one message; the result is done when it is acknowledged.

        Raises:
            ImproperlyConfigured: For a partition, timestamp, headers or a transaction: messages
                here have a key and a value.
        """
        if partition is not None or timestamp is not None or headers or transactional_id:
            raise ImproperlyConfigured("this transport sends keys and values, nothing else")
        delivery = self.batches.send([Outgoing(topic, key, value)], self.loop)
        return asyncio.ensure_future(_metadata(delivery.wait(), topic))

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> RecordMetadata:
        """Send one message and wait until it is acknowledged.

        Raises:
            ProducerSendError: It was not, within the delivery timeout.
        """
        return await (await self.send(*args, **kwargs))

    async def flush(self) -> None:
        """Send what Faust has buffered; deliveries are awaited by those who asked for them."""
        await self.buffer.flush()

    async def create_topic(self, topic: str, partitions: int, replication: int, **_: Any) -> None:
        """Refuse: topics are made by ``streamproc topics apply``."""
        raise ImproperlyConfigured("topics are made by `streamproc topics apply`")

    def supports_headers(self) -> bool:
        """Return False: see :meth:`send`."""
        return False


async def _metadata(delivered: Awaitable[Sequence[int]], topic: str) -> RecordMetadata:
    try:
        refused = await delivered
    except RetryableError as error:
        raise ProducerSendError(str(error)) from None
    if refused:
        raise ProducerSendError("the topic refuses the message")
    return RecordMetadata(topic, -1, TP(topic, -1), -1)


def batch_producer(app: faust.App) -> BatchProducer:
    """Return the producer that an app on this transport sends batches with."""
    producer = app.producer
    assert isinstance(producer, Producer), "the app is not on this transport"
    return producer.batches


class Transport(base.Transport):
    """See the module's docstring."""

    Consumer = Consumer
    Producer = Producer

    default_port = DEFAULT_PORT
    driver_version = f"confluent_kafka={confluent_kafka.__version__}"
