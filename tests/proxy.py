"""A TCP proxy before a broker that delays, stalls and cuts what passes, as networks do.

It runs on an event loop in its own thread. What it does is changed while it runs, and holds for
connections that are there as for new ones.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["Proxy", "Weather"]

CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to what passes.

    Attributes:
        delay: Seconds that every piece of data is late, each way.
        jitter: Seconds more, at random up to this.
        lossy: Probability that a piece takes its connection with it instead.
        stalled: Whether nothing passes, while connections stay open (half-open, to either end).
        refused: Whether connections are closed, and new ones at once.
    """

    delay: float = 0.0
    jitter: float = 0.0
    lossy: float = 0.0
    stalled: bool = False
    refused: bool = False


FAIR = Weather()


class Proxy:
    """Listens on a port of loopback and passes everything on to another; a context manager."""

    def __init__(self, port: int, target: int, seed: int) -> None:
        """Pass what comes to ``port`` on to ``target``."""
        self._port, self._target = port, target
        self._rng = random.Random(seed)
        self._weather = FAIR
        self._fair = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")

    @property
    def address(self) -> str:
        """``host:port`` to connect to."""
        return f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def have(self, weather: Weather = FAIR) -> None:
        """Do to everything from now on as ``weather`` says."""
        self._call(self._change(weather))

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self) -> None:
        self._fair.set()
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self._port)

    async def _change(self, weather: Weather) -> None:
        self._weather = weather
        if weather.stalled:
            self._fair.clear()
        else:
            self._fair.set()
        if weather.refused:
            self._cut()

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._cut()

    def _cut(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._weather.refused:
            writer.transport.abort()
            return
        self._open.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            self._open.discard(writer)
            writer.transport.abort()
            return
        self._open.add(back)
        for source, target in ((reader, back), (there, writer)):
            task = self._loop.create_task(self._pass_on(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(CHUNK_BYTES):
                await self._fair.wait()
                weather = self._weather
                if late := weather.delay + self._rng.random() * weather.jitter:
                    await asyncio.sleep(late)
                if self._rng.random() < weather.lossy:
                    break
                target.write(data)
                await target.drain()
        except OSError:
            pass  # either end is gone: so is the other, then
        finally:
            self._open.discard(target)
            target.transport.abort()
