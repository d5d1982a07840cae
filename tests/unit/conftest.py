"""What several rooms' unit tests need."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator

import pytest
import structlog

from streamproc.telemetry import QUIET, SILENT


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Let a test configure logging as a process does; put it back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    hooks = sys.excepthook, threading.excepthook
    yield
    sys.excepthook, threading.excepthook = hooks
    root.handlers, root.level = handlers, level
    for name in (*QUIET, *SILENT):
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()
