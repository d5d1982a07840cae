"""The key ring from a command: what a key management service decrypts, or a vault hands out.

``aws kms decrypt``, ``gcloud kms decrypt``, ``vault kv get``, ``sops decrypt``: each prints a
secret, so each can be the source of the ring, and no file has to hold it. The command is started
without a shell, sees few variables, and is waited for no longer than it may take. What it prints as
an error is never shown nor logged: such tools quote what they were given.

An edge: starts a process, and reads the environment for it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase

from streamproc.errors import ConfigError, Problem, RetryableError
from streamproc.redact.wiping import wipe

__all__ = ["MOST_BYTES", "printed_by"]

MOST_BYTES = 65_536
"""Most that a command may print: rings of hundreds of keys are shorter."""
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that every command sees."""


def printed_by(
    command: Sequence[str], seconds: float, variables: Collection[str] = ()
) -> bytearray:
    """Return what ``command`` prints, for the caller to wipe.

    Args:
        command: The program and its arguments; no shell looks at them.
        seconds: How long it may take; then it is killed, and all that it started.
        variables: Which of this process's variables it sees, by name, besides those that every
            command does; a ``*`` stands for any letters, as in ``AWS_*``.

    Raises:
        ConfigError: It cannot be started, fails, or prints nothing or too much.
        RetryableError: It takes too long.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - the operator's own settings name it
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_seen(variables),
            start_new_session=True,
            bufsize=0,
        )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "a zero byte in it"
        raise _refused(f"cannot be started: {why}") from None
    printed = bytearray(MOST_BYTES + 1)
    with process:
        length = -1
        try:
            length = _read(process, printed, time.monotonic() + seconds)
        finally:
            if length < 0 or process.returncode is None:
                _end(process)
            if length <= 0 or process.returncode != 0:
                wipe(printed)
    if process.returncode != 0:
        told = f"ended with exit code {process.returncode}; run it by hand to see why"
        raise _refused(told)
    if length == 0:
        raise _refused("printed nothing")
    # A slice would be a copy; what is behind the text is zeros.
    del printed[length:]
    return printed


def _seen(chosen: Collection[str]) -> dict[str, str]:
    patterns = (*PASSED_ON, *chosen)
    return {
        name: value
        for name, value in os.environ.items()
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    }


def _read(process: subprocess.Popen[bytes], into: bytearray, deadline: float) -> int:
    """Read until the command closes its output and ends; return how much that was."""
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    view, length = memoryview(into), 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            raise RetryableError("the command of keys.command takes longer than it may")
        count = os.readv(pipe, [view[length:]])
        length += count
        if length > MOST_BYTES:
            raise _refused(f"prints more than {MOST_BYTES:,} bytes")
        if count == 0:
            break
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(deadline - time.monotonic(), 0))
        return length
    raise RetryableError("the command of keys.command takes longer than it may")


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _refused(told: str) -> ConfigError:
    return ConfigError(Problem("settings", "keys.command", told))
