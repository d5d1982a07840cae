"""The worker: raw topic to loader topic. The Faust app and its one agent.

A batch is done, and its offsets may be committed, only when the broker has acknowledged everything
made of it: rows, dead letters, identity links. Where that fails for longer than the settings allow,
or something unforeseen happens, the process stops with the offsets uncommitted; whoever runs it
starts it again, and the batch is read again.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any, NamedTuple

import faust
import structlog

from streamproc.errors import StreamprocError, place_of
from streamproc.flow import Flow
from streamproc.kafka.consumer import Connection, Consumer
from streamproc.kafka.leases import Batch
from streamproc.kafka.transport import BatchSchema, batch_producer
from streamproc.key_watch import KeyWatch
from streamproc.settings import Settings
from streamproc.sight import WorkerSight

__all__ = ["Eyes", "build_app", "run_app", "settle_interpreter"]

log = structlog.get_logger()

GC_THRESHOLD = 50_000
"""New objects between two runs of the garbage collector; Python's own 700 are a few events."""


BEAT_SECONDS = 1.0
"""How often the event loop shows that it goes round."""


class _App(faust.App):
    def _create_directories(self) -> None:
        """Make none in the working folder: Faust keeps tables in them, and there are none here."""


SWITCH_SECONDS = 0.001
"""How long a thread keeps the interpreter while another waits for it; Python's own 5 ms are waited
for each time the pipeline comes back from a scan or a model. Beside a thread that makes a ruleset
ready, batches of 5 events take 21 ms like this, 56 by default, and at most 150 ms against 240."""


class Eyes(NamedTuple):
    """Who is told what a worker does.

    Attributes:
        sight: Of everything, for metrics, health and traces.
        keys: Of the records that are done.
    """

    sight: WorkerSight
    keys: KeyWatch


def build_app(settings: Settings, flow: Flow, eyes: Eyes) -> faust.App:
    """Return the Faust app with its agent; running it is :func:`run_app`."""
    brokers = settings.kafka.brokers.replace(",", ";")
    app = _App(
        settings.worker.group,
        broker=f"streamproc://{brokers}",
        broker_credentials=Connection(settings.kafka),
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
                task = asyncio.create_task(_guarded(app, flow, eyes, event.value))
                batches.add(task)
                task.add_done_callback(batches.discard)

    @app.on_partitions_assigned.connect  # type: ignore[arg-type] # its type knows no keyword
    async def tell(_app: Any, *sent: Any, **_: Any) -> None:
        partitions = sorted(tp.partition for tp in sent[0])
        flow.rules.assigned(partitions)
        eyes.keys.assigned({(tp.topic, tp.partition) for tp in sent[0]})
        eyes.sight.joined(_consumer(app).standing)
        log.info("worker ready", partitions=partitions)

    async def beat() -> None:
        eyes.sight.loop.beat()

    app.timer(BEAT_SECONDS)(beat)
    app.timer(settings.log.progress_seconds)(flow.tell_progress)
    return app


async def _guarded(app: faust.App, flow: Flow, eyes: Eyes, batch: Batch) -> None:
    try:
        with eyes.sight.batch(batch.records) as watch:
            if batch.first:
                await flow.catch_up()
                watch.lap("catch_up")
            await flow.process(batch.records, batch_producer(app), watch)
    except asyncio.CancelledError:
        batch.give_back()
        raise
    except Exception as error:  # noqa: BLE001 - the process ends; nothing is passed over
        batch.give_back()
        log.error("worker cannot go on, nothing of this batch is committed", **_where(batch, error))  # noqa: TRY400 - a traceback may quote values
        await app.crash(StreamprocError("the worker stopped, see the line before"))
    else:
        batch.done()
        eyes.keys.look(batch.records)


def _where(batch: Batch, error: Exception) -> dict[str, Any]:
    ours = isinstance(error, StreamprocError)  # only our own texts are known to hold no value
    return {
        "topic": batch.lease.topic,
        "partition": batch.lease.partition,
        "offset": batch.records[0].origin.offset,
        "cause": str(error) if ours else type(error).__name__,
        "place": place_of(error),
    }


def _consumer(app: faust.App) -> Consumer:
    consumer = app.consumer
    assert isinstance(consumer, Consumer), "the app is not on this transport"
    return consumer


def settle_interpreter() -> None:
    """Have the interpreter stop for nobody long; to be called when the first models are there."""
    # Models and memo are a million objects that never die; going over them again and again costs
    # half of the worker's time (242 us an event with memo warm, against 161 like this). All at once
    # they take half a second, for which everything stands still: when a ruleset is made ready, too.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    sys.setswitchinterval(SWITCH_SECONDS)


def run_app(app: faust.App, flow: Flow) -> int:
    """Run until SIGTERM, SIGINT or a failure; return the exit code."""
    worker = faust.Worker(app, quiet=True, override_logging=False, redirect_stdouts=False)
    settle_interpreter()
    worker.spinner = None  # it writes to standard output whether that is a terminal or not
    code = 0
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        code = int(end.code or 0)
    flow.close()
    log.info("worker stopped", **flow.totals.keys())
    return code or (1 if app.crashed else 0)
