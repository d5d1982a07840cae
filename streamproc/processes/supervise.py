"""The parent of several processes: starts them by forking, starts those that die again, ends them.

It forks because that shares memory: what was loaded before, models and compiled patterns, is there
once, and a process that died is there again at once. Only a process with a single thread may fork
and go on (POSIX: of the others' threads only their locks are left), so the parent has one: it takes
signals where it waits (``sigtimedwait``), starts no Kafka client and serves nothing by itself.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from streamproc.errors import StreamprocError
from streamproc.processes.restarts import Deaths, Restarts

__all__ = ["Supervision", "supervised"]

log = structlog.get_logger()

PR_SET_PDEATHSIG: Final = 1
"""``prctl(2)``: which signal a process gets when its parent ends, however it ends."""
STOPPING: Final = frozenset({signal.SIGTERM, signal.SIGINT})
WAITED_FOR: Final = STOPPING | {signal.SIGCHLD}
NO_RESTART: Final = 2
"""The exit code of a process whose settings are wrong: they would be wrong again."""


@dataclass(frozen=True, slots=True)
class Supervision:
    """How processes are watched.

    Attributes:
        stop_seconds: How long they may take to end when they are asked to; then they are killed.
        restarts: When those that died are started again.
    """

    stop_seconds: float
    restarts: Restarts = field(default_factory=Restarts)


def supervised(names: Sequence[str], how: Supervision) -> str:
    """Fork a process for each of ``names``; return its name in each of them.

    In the parent this never returns. It ends when it is asked to (SIGTERM, SIGINT), after all
    processes: with 0, or 1 where one of them did not end by itself and well. It ends, and all
    processes with it, when one of them cannot be kept running: with 1, or 2 where that one said
    that the settings are wrong. A parent that is killed takes its processes along.

    A process has a process group of its own, so that Ctrl-C reaches the parent alone.

    Raises:
        SystemExit: In the parent, at its end.
        StreamprocError: This process has more than one thread.
    """
    if len(tasks := list(Path("/proc/self/task").iterdir())) > 1:
        raise StreamprocError(f"a process with {len(tasks)} threads cannot be forked safely")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, WAITED_FOR)
    parent = _Parent(names, how)
    name = parent.run()
    if name is None:
        sys.exit(parent.code)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return name


class _Parent:
    """The processes as they are; runs until all have ended, or in one of them."""

    def __init__(self, names: Sequence[str], how: Supervision) -> None:
        self._how = how
        self._running: dict[int, str] = {}
        self._due = dict.fromkeys(names, 0.0)
        self._deaths = {name: Deaths(how.restarts) for name in names}
        self._deadline: float | None = None
        self.code = 0

    def run(self) -> str | None:
        """Return the name in each process, and None in the parent when all have ended."""
        while self._running or self._deadline is None:
            name = self._start_due()
            if name is not None:
                return name
            self._wait()
            self._reap()
            self._kill_late()
        return None

    def _start_due(self) -> str | None:
        if self._deadline is not None:
            return None
        now = time.monotonic()
        for name in [name for name, due in self._due.items() if due <= now]:
            del self._due[name]
            parent = os.getpid()
            process = os.fork()
            if process == 0:
                _settle_in(parent)
                return name
            self._running[process] = name
            log.info("process started", process=name, pid=process)
        return None

    def _wait(self) -> None:
        moments = [*self._due.values(), *([] if self._deadline is None else [self._deadline])]
        seconds = max(0.0, min(moments) - time.monotonic()) if moments else None
        if seconds is None:
            caught: int | None = signal.sigwait(WAITED_FOR)
        else:
            info = signal.sigtimedwait(WAITED_FOR, seconds)
            caught = None if info is None else info.si_signo
        if caught in STOPPING:
            self._stop(0)

    def _reap(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            # As the first process of a container the parent gets others' orphans as well.
            name = self._running.pop(process, None)
            if name is not None:
                self._ended(name, process, os.waitstatus_to_exitcode(status))

    def _ended(self, name: str, process: int, code: int) -> None:
        if self._deadline is not None:
            self.code = self.code or min(abs(code), 1)
            return
        told = {"process": name, "pid": process, **_told(code)}
        wait = self._deaths[name].wait_after(time.monotonic())
        if code == NO_RESTART or wait is None:
            log.error("process cannot be kept running, all are ended", **told)
            self._stop(NO_RESTART if code == NO_RESTART else 1)
            return
        log.warning("process died, it is started again", **told, seconds=wait)
        self._due[name] = time.monotonic() + wait

    def _stop(self, code: int) -> None:
        if self._deadline is not None:
            return
        self.code = code
        self._due.clear()
        self._deadline = time.monotonic() + self._how.stop_seconds
        for process in self._running:
            os.kill(process, signal.SIGTERM)

    def _kill_late(self) -> None:
        if self._deadline is None or time.monotonic() < self._deadline:
            return
        for process, name in self._running.items():
            log.error("process did not end in time, it is killed", process=name, pid=process)
            os.kill(process, signal.SIGKILL)
        self._deadline = time.monotonic() + self._how.stop_seconds


def _told(code: int) -> Mapping[str, object]:
    return {"exit_code": code} if code >= 0 else {"signal": signal.Signals(-code).name}


def _settle_in(parent: int) -> None:
    """Make a forked process one of its own, that ends with its parent."""
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended in between, and nobody else would tell
        os._exit(1)
