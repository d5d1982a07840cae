"""Events of a time that is past, once more: their rows replace those in the warehouse.

For rules that have changed. What the worker does with new events is done with old ones, by the
rules, keys and tracking plan in force now; the rows go to the loader topic as corrections, in the
order of their keys. It can be stopped and begun again at any time: the same events make the same
rows. An event that is dropped or a dead letter now keeps the row it has.

An edge: imports the core, ``kafka`` and ``settings``, as the worker does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from streamproc.flow import Flow
from streamproc.kafka.producer import BatchProducer
from streamproc.kafka.ranges import RangeReader
from streamproc.settings import Settings

__all__ = ["reprocess"]

log = structlog.get_logger()

READ_SECONDS = 0.2


def reprocess(
    reader: RangeReader, flow: Flow, settings: Settings, stop: Callable[[], bool]
) -> bool:
    """Take all that ``reader`` reads through ``flow``; return whether it came to its end.

    Args:
        reader: Where the events come from.
        flow: What is done with them; makes corrections.
        settings: How large a batch is, and how often it is said how far this is.
        stop: Asked between batches; once true, what is under way is finished and no more is read.

    Raises:
        RetryableError: Kafka cannot be read, or does not take what was made.
    """
    kafka = settings.kafka
    producer = BatchProducer(kafka, "reprocess", kafka.delivery_timeout_seconds)
    for each in reader.stretches:
        if each.cut:
            log.warning(
                "the raw topic begins later than what is to be read again",
                topic=settings.topics.raw,
                partition=each.partition,
            )
    try:
        return asyncio.run(_run(reader, flow, producer, settings, stop))
    finally:
        producer.close(kafka.delivery_timeout_seconds)


async def _run(
    reader: RangeReader,
    flow: Flow,
    producer: BatchProducer,
    settings: Settings,
    stop: Callable[[], bool],
) -> bool:
    total = sum(each.following - each.first for each in reader.stretches)
    log.info("reprocess starts", offsets=total)
    await flow.catch_up()
    told_at = time.monotonic()
    while not reader.done and not stop():
        records = await asyncio.to_thread(reader.read, settings.worker.batch_records, READ_SECONDS)
        if records:
            await flow.process(records, producer)
        if time.monotonic() - told_at >= settings.log.progress_seconds:
            told_at = time.monotonic()
            log.info("reprocess goes on", offsets=total, **flow.totals.keys())
    return reader.done
