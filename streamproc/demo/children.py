"""The demo's worker and loader: processes of their own, told apart by their logs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streamproc.errors import RetryableError

__all__ = ["Child"]

LAST_LINES = 12


class Child:
    """One ``streamproc`` command in its own process, its log (JSON lines) in a file.

    Attributes:
        name: The command.
        log_file: What it wrote to standard output and error.
    """

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], log_file: Path
    ) -> None:
        """Start ``streamproc`` with ``arguments``."""
        self.name = arguments[-1]
        self.log_file = log_file
        with log_file.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "streamproc", *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the demo, which then ends its children in order.
                start_new_session=True,
            )
        self._reader = log_file.open("rb")
        self._rest = b""

    def news(self) -> list[dict[str, Any]]:
        """Return the log lines since the last call.

        Raises:
            RetryableError: The process has ended, which it never does by itself; the text has the
                last lines of its log.
        """
        ended = self._process.poll() is not None
        lines = self._read()
        if ended:
            last = self.log_file.read_text(errors="replace").splitlines()[-LAST_LINES:]
            code = self._process.returncode
            raise RetryableError("\n".join([f"the {self.name} process ended with {code}:", *last]))
        return lines

    def stop(self, timeout: float) -> list[dict[str, Any]]:
        """Ask the process to end, kill it after ``timeout`` seconds; return the last log lines."""
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        lines = self._read()
        self._reader.close()
        return lines

    def close(self) -> None:
        """End the process at once, if it is still there."""
        self._process.kill()
        self._process.wait()
        self._reader.close()

    def _read(self) -> list[dict[str, Any]]:
        whole, newline, self._rest = (self._rest + self._reader.read()).rpartition(b"\n")
        return [line for each in (whole + newline).splitlines() if (line := _parsed(each))]


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        # Libraries write to the same stream, control characters for a terminal among it.
        parsed = json.loads(line[line.find(b"{") :])
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
