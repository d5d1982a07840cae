"""The schemas of a batch's records, had from the registry before the batch is worked on.

A registry's id that is new is asked for in a thread, once for however many batches wait for it:

- a registry that is away, or in trouble, is waited for. The batch is held, and with it its
  partition; nothing is lost, and nothing is dead-lettered for want of a schema that is there;
- an id that the registry does not know is asked for again for ``registry.retry_seconds``: a replica
  may learn of a schema a little after its producer did. Then its events become dead letters, and it
  is not asked for again for a minute;
- when many ids are unknown, as when something that is no event is published, nobody waits for them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final

import structlog

from streamproc.errors import RetryableError
from streamproc.events import Record
from streamproc.formats import Formats, SchemaId, schema_ids
from streamproc.kafka.registry import Registry
from streamproc.settings import RegistrySettings

__all__ = ["RawSchemas"]

log = structlog.get_logger()

REQUESTS: Final = 4
"""Requests that are under way at once."""
UNKNOWN_PAUSE_SECONDS = 0.25
AWAY_PAUSES_SECONDS: tuple[float, ...] = (0.5, 1, 2, 4, 8)
"""Pauses while the registry is away; the last one is kept to."""
TELL_SECONDS: Final = 10.0
"""How often it is said that the registry is waited for."""
MOST_WAITED_FOR: Final = 20
"""With so many ids that were unknown lately, new ones are asked for once."""
MOST_SHOWN: Final = 10_000_000
"""Ids beyond this are of no schema, but of something else that begins with a zero byte, such as
UTF-16 text: what it says is not for a log."""


class RawSchemas:
    """Tells :class:`~streamproc.formats.Formats` the schemas of a registry. For one event loop."""

    def __init__(self, settings: RegistrySettings, formats: Formats) -> None:
        """Ask nobody yet.

        Raises:
            ConfigError: Address, credentials or certificates cannot be used.
        """
        self._formats = formats
        self._registry = None if settings.url is None else Registry(settings, retries=0)
        self._retry_seconds = settings.retry_seconds
        self._threads = ThreadPoolExecutor(REQUESTS, thread_name_prefix="schemas")
        self._asked: dict[SchemaId, asyncio.Task[None]] = {}
        self._told_at = -TELL_SECONDS

    @asynccontextmanager
    async def at_hand(self, records: Sequence[Record]) -> AsyncIterator[None]:
        """Have at hand, meanwhile, all schemas of ``records`` that there are.

        Raises:
            ConfigError: The registry refuses us.
        """
        ids = schema_ids(records)
        if not ids or self._registry is None:
            yield
            return
        with self._formats.using(ids):
            await self._ask(self._registry, self._formats.missing(ids, time.monotonic()))
            yield

    def close(self) -> None:
        """End the threads and the connection."""
        self._threads.shutdown(cancel_futures=True)
        if self._registry is not None:
            self._registry.close()

    async def _ask(self, registry: Registry, ids: set[SchemaId]) -> None:
        if not ids:
            return
        for schema in ids - self._asked.keys():
            task = asyncio.create_task(self._look_up(registry, schema))
            self._asked[schema] = task
            task.add_done_callback(lambda _task, schema=schema: self._asked.pop(schema))  # type: ignore[misc]
        # Not gather: when one who waits is cancelled, the others go on waiting.
        tasks = [self._asked[schema] for schema in ids]
        await asyncio.wait(tasks)
        for task in tasks:
            task.result()

    async def _look_up(self, registry: Registry, schema: SchemaId) -> None:
        loop = asyncio.get_running_loop()
        until = time.monotonic() + self._retry_seconds
        pauses = list(AWAY_PAUSES_SECONDS)
        while True:
            try:
                known = await loop.run_in_executor(self._threads, self._learn, registry, schema)
            except RetryableError as error:
                self._tell_away(error)
                await asyncio.sleep(pauses.pop(0) if len(pauses) > 1 else pauses[0])
                continue
            if known:
                return
            if time.monotonic() >= until or self._formats.unknown > MOST_WAITED_FOR:
                break
            await asyncio.sleep(UNKNOWN_PAUSE_SECONDS)
        self._give_up(schema)

    def _learn(self, registry: Registry, schema: SchemaId) -> bool:
        """Ask for a schema and get it ready; return whether there is one. In a thread."""
        declared = registry.declared(schema)
        if declared is not None:
            self._formats.learn(schema, declared, time.monotonic())
        return declared is not None

    def _give_up(self, schema: SchemaId) -> None:
        self._formats.learn(schema, None, time.monotonic())
        number = int.from_bytes(schema, "big")  # a GUID's is beyond any
        log.warning(
            "the registry does not know a schema, its events become dead letters",
            schema=number if number < MOST_SHOWN else None,
        )

    def _tell_away(self, error: RetryableError) -> None:
        if time.monotonic() - self._told_at >= TELL_SECONDS:
            self._told_at = time.monotonic()
            log.warning("schema registry cannot be reached, events wait for it", cause=str(error))
