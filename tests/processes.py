"""Processes of ours that tests start, watch and end, by their ids."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Process", "running", "runs", "wait_until"]

TESTS = Path(__file__).parent
WAIT_SECONDS = 60.0


class Process:
    """A child process whose standard output is read line by line; standard error is kept."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-u", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            text=True,
        )
        self.lines: list[str] = []
        self._news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))
            self._news.put(line)
        self._process.stdout.close()

    def wait_for(self, text: str, seconds: float = WAIT_SECONDS) -> str:
        """Return the next line that holds ``text``; fail when none comes in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                line = self._news.get(timeout=0.1)
            except queue.Empty:
                assert self.running or not self._news.empty(), self.output()
                continue
            if text in line:
                return line
        raise AssertionError(f"{text!r} did not come within {seconds} s:\n{self.output()}")

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self, seconds: float = WAIT_SECONDS) -> int:
        """Ask it to end; return its exit code."""
        return self._end(signal.SIGTERM, seconds)

    def wait(self, seconds: float = WAIT_SECONDS) -> int:
        """Wait until it ends by itself; return its exit code."""
        return self._process.wait(seconds)

    def close(self) -> None:
        """End it if it is still there, and wait for the last of its output."""
        if self.running:
            self.kill()
        self._reader.join()

    def send(self, what: signal.Signals) -> None:
        if self.running:
            self._process.send_signal(what)

    def _end(self, how: signal.Signals, seconds: float = WAIT_SECONDS) -> int:
        self.send(how)
        return self._process.wait(seconds)

    def output(self) -> str:
        """Return what it wrote lately, for messages."""
        return "\n".join(self.lines[-40:])


@contextmanager
def running(
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[Process]:
    """A process that does not outlive the block; it works in ``folder``."""
    process = Process(arguments, environment, folder)
    try:
        yield process
    finally:
        process.close()


def wait_until(condition: object, seconds: float = WAIT_SECONDS) -> None:
    """Wait until ``condition()`` is true; fail when it does not become so in time."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


def runs(process: int) -> bool:
    """Return whether there is such a process, and not only its exit code."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
