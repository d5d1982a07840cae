"""A Faust app on our transport that copies records, and can be told to fail: a process for tests.

    python tests/copying.py --brokers … --topic IN --out OUT --group G [--slow S] [--trouble KIND]

``--trouble`` happens once, when half of the first batch was sent: ``raise`` (the agent's body
raises) or ``cancel`` (the agent's task is cancelled).
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import faust

from streamproc.kafka.leases import Batch
from streamproc.kafka.producer import Outgoing
from streamproc.kafka.transport import BatchSchema, batch_producer


class Trouble:
    """What goes wrong, once."""

    def __init__(self, kind: str | None) -> None:
        self.kind = kind

    async def strike(self) -> None:
        kind, self.kind = self.kind, None
        if kind == "raise":
            raise RuntimeError("told to fail")
        if kind == "cancel":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(60)


def build(options: argparse.Namespace) -> faust.App:
    trouble = Trouble(options.trouble)
    app = faust.App(
        options.group,
        broker=f"streamproc://{options.brokers}",
        broker_session_timeout=6,
        broker_max_poll_records=options.batch,
        broker_commit_interval=options.commit_interval,
        consumer_group_instance_id=options.instance,
        producer_request_timeout=options.delivery_timeout,
        stream_processing_timeout=20,
        stream_recovery_delay=0,
        topic_disable_leader=True,
        datadir=Path(tempfile.gettempdir(), "streamproc-copying"),  # not the working folder
        web_enabled=False,
    )

    async def copy(batch: Batch) -> None:
        half = len(batch.records) // 2
        for part in (batch.records[:half], batch.records[half:]):
            messages = [Outgoing(options.out, record.key, record.value) for record in part]
            await batch_producer(app).send(messages, app.loop).wait()
            await asyncio.sleep(options.slow / 2)
            await trouble.strike()

    @app.agent(app.topic(options.topic, schema=BatchSchema()))
    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            batch = event.value
            if not batch.take():
                continue
            say(f"took {batch.lease.partition} {len(batch.records)}")
            try:
                await copy(batch)
            except BaseException:
                batch.give_back()
                raise
            batch.done()
            say(f"done {batch.lease.partition} {len(batch.records)}")

    @app.on_partitions_assigned.connect  # type: ignore[arg-type] # its type knows no keyword
    async def tell(_app: Any, *sent: Any, **_: Any) -> None:
        say(f"assigned {len(sent[0])}")

    return app


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--brokers", "--topic", "--out", "--group"):
        parser.add_argument(name, required=True)
    parser.add_argument("--instance")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--slow", type=float, default=0.0)
    parser.add_argument("--commit-interval", type=float, default=0.3)
    parser.add_argument("--delivery-timeout", type=float, default=30.0)
    parser.add_argument("--trouble", choices=["raise", "cancel"])
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    faust.Worker(
        build(parser.parse_args()), quiet=True, override_logging=False, redirect_stdouts=False
    ).execute_from_commandline()


if __name__ == "__main__":
    main()
