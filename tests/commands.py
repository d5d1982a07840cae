"""Commands, run in the process of their test: models are loaded once, not anew for each."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import NamedTuple

import structlog
from click.testing import CliRunner

from streamproc.cli import main
from streamproc.settings import ENV_PREFIX
from streamproc.telemetry import QUIET, SILENT

__all__ = ["Done", "logging_put_back", "run"]


class Done(NamedTuple):
    """How a command ended, named as :mod:`subprocess` does."""

    returncode: int
    stdout: bytes
    stderr: bytes


def run(
    variables: Mapping[str, str], folder: Path, *arguments: str | Path, given: bytes = b""
) -> Done:
    """Run ``streamproc`` with ``arguments`` in ``folder``; none but ``variables`` set it up.

    What would end a process with a traceback is raised.
    """
    others = {name: None for name in os.environ if name.startswith(ENV_PREFIX)}
    with chdir(folder), logging_put_back():
        result = CliRunner(env={**others, **variables}).invoke(
            main, list(map(str, arguments)), input=given, prog_name="streamproc"
        )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout_bytes, result.stderr_bytes)


@contextmanager
def logging_put_back() -> Iterator[None]:
    """Undo what a command does to a process: its log lines go to an output that is closed then."""
    root = logging.getLogger()
    before = root.handlers, root.level, sys.excepthook, threading.excepthook
    try:
        yield
    finally:
        root.handlers, level, sys.excepthook, threading.excepthook = before
        root.setLevel(level)
        for name in (*QUIET, *SILENT):
            logging.getLogger(name).setLevel(logging.NOTSET)
        structlog.reset_defaults()
