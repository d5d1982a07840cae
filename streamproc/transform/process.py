"""The process that transformations run in, from the worker's side."""

from __future__ import annotations

import mmap
import os
import select
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from streamproc.errors import ConfigError, Problem, RetryableError
from streamproc.transform import child
from streamproc.transform.code import LIBRARIES, Code, Phase

__all__ = ["Gone", "Limits", "Process"]

START_SECONDS: Final = 30.0
"""How long the transformations and their libraries may take to be imported."""

CHUNK: Final = 1 << 20


class Limits(NamedTuple):
    """What a process may use.

    Attributes:
        seconds: Wall time of one batch.
        memory_bytes: Address space, Python's own 50 MB included.
    """

    seconds: float
    memory_bytes: int


class Gone(NamedTuple):
    """A process that ended, or had to be ended, without an answer.

    Attributes:
        timed_out: Whether the time was up; else it ended by itself, or for lack of memory.
        which: The index of the transformation that it was in; None if it was in none.
        event: The index of the event that it was at; None if at all of them.
        seconds: How long it was at it.
    """

    timed_out: bool
    which: int | None
    event: int | None
    seconds: float


class Process:
    """One process with the transformations of one phase; for one thread at a time."""

    def __init__(self, code: Code, phase: Phase, limits: Limits, *, show_log: bool = False) -> None:
        """Start it, and wait until the transformations are imported.

        Args:
            code: The transformations.
            phase: Which of them.
            limits: What the process may use.
            show_log: Whether what they print and log goes where the worker's own output goes: for
                tests alone, it may be values.

        Raises:
            ConfigError: A transformation cannot be imported.
            RetryableError: It does not start.
        """
        self._limits = limits
        request_source, self._requests = os.pipe()
        self._answers, answer_target = os.pipe()
        shared = os.memfd_create("transformations")
        os.ftruncate(shared, child.PLACE.size)
        self._place = mmap.mmap(shared, child.PLACE.size)
        given = (request_source, answer_target, shared)
        files = [str(each.file.absolute()) for each in code.of(phase)]
        self._process = subprocess.Popen(  # noqa: S603 - our own file, by our own Python
            [
                *(sys.executable, "-I", "-B", "-u", str(Path(child.__file__))),
                *(
                    *map(str, given),
                    str(limits.memory_bytes),
                    str(code.folder.absolute() / LIBRARIES),
                ),
                *files,
            ],
            pass_fds=given,
            env={},  # keys and passwords may be in the worker's
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=None if show_log else subprocess.DEVNULL,
            stderr=None if show_log else subprocess.DEVNULL,
            start_new_session=True,
        )
        for descriptor in given:
            os.close(descriptor)
        os.set_blocking(self._requests, False)
        self._end = weakref.finalize(self, _end, self._process, self._requests, self._answers)
        ready = self._receive(time.monotonic() + START_SECONDS)
        if ready != b"[]":
            self.close()
            if ready is None:
                raise RetryableError("the process of transformations does not start")
            _, which, kind, line = orjson.loads(ready)
            told = f"cannot be imported: {kind}"
            raise ConfigError(Problem(str(code.of(phase)[which].file), "", told, line or None))

    def run(
        self, events: Sequence[Any], metadata: Sequence[Any], seconds: float
    ) -> list[Any] | Gone:
        """Return the answers to ``events`` as :mod:`~streamproc.transform.child` gives them.

        After :class:`Gone` the process is ended, and a new one has to be made.
        """
        request = orjson.dumps({"events": events, "metadata": metadata})
        until = time.monotonic() + seconds
        if self._send(child.LENGTH.pack(len(request)) + request, until):
            answer = self._receive(until)
            if answer is not None:
                made: list[Any] = orjson.loads(answer)
                return made
        now = time.monotonic()
        which, event, since = child.PLACE.unpack_from(self._place, 0)
        self.close()
        if which == child.IDLE:
            return Gone(now >= until, None, None, 0.0)
        return Gone(now >= until, which, None if event < 0 else event, now - since)

    def close(self) -> None:
        """End the process. Called for one when nothing refers to it any longer."""
        self._end()

    def _send(self, whole: bytes, until: float) -> bool:
        left = memoryview(whole)
        while left:
            if not _ready(self._requests, select.POLLOUT, until):
                return False
            try:
                left = left[os.write(self._requests, left[:CHUNK]) :]
            except BrokenPipeError:
                return False
        return True

    def _receive(self, until: float) -> bytes | None:
        header = self._exactly(child.LENGTH.size, until)
        if header is None:
            return None
        (size,) = child.LENGTH.unpack(header)
        return self._exactly(size, until)

    def _exactly(self, size: int, until: float) -> bytes | None:
        parts = []
        while size:
            if not _ready(self._answers, select.POLLIN, until):
                return None
            part = os.read(self._answers, min(size, CHUNK))
            if not part:
                return None
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _end(process: subprocess.Popen[bytes], *pipes: int) -> None:
    process.kill()
    process.wait()
    for descriptor in pipes:
        os.close(descriptor)


def _ready(descriptor: int, event: int, until: float) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, event)
    return bool(waiting.poll(max(0.0, until - time.monotonic()) * 1_000))
