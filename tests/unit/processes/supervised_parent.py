"""A parent whose processes do as they are told: ``python supervised_parent.py ROLE...``.

Roles: ``good`` ends on SIGTERM with 0, ``slow`` does not end on it (and is waited for briefly),
``wrong`` ends with 2 at once, ``dying`` ends with 3 at once, ``once:FILE`` dies where the file is
not there, and makes it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import structlog

from streamproc.processes import Restarts, Supervision, supervised

structlog.configure(logger_factory=structlog.WriteLoggerFactory(sys.stdout))
RESTARTS = Restarts(first_seconds=0.05, most=3)


def main(roles: list[str]) -> int:
    how = Supervision(1.0 if "slow" in roles else 60.0, RESTARTS)
    name = supervised([f"{number}={role}" for number, role in enumerate(roles)], how)
    role, _, file = name.partition("=")[2].partition(":")
    if role == "wrong":
        return 2
    if role == "dying":
        return 3
    if role == "once" and not Path(file).exists():
        Path(file).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    stop = signal.SIG_IGN if role == "slow" else lambda *_: sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    sys.stdout.write(f"ready {name} {os.getpid()} {os.getpgrp()}\n")
    while True:
        time.sleep(60)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
