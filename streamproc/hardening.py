"""A process that holds keys leaves no image of its memory behind. An edge: asks the system."""

from __future__ import annotations

import ctypes
import resource
import sys

import structlog

__all__ = ["leave_no_dumps"]

log = structlog.get_logger()

PR_SET_DUMPABLE = 4
"""From ``<linux/prctl.h>``."""


def leave_no_dumps() -> None:
    """Have this process, and those forked from it, write no core dump, and be open to nobody.

    On Linux ``/proc/PID/mem`` and ``environ`` are root's from then on, and a debugger that the same
    user starts cannot attach (prctl(2), ``PR_SET_DUMPABLE``); a program that is executed begins
    anew. To ask twice changes nothing.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux" and ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        log.warning("the system goes on to let others of this user look into this process")
