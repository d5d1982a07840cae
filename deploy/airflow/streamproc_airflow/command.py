"""Running ``streamproc … --json``: bounded in time and output, without a shell, ended if need be.

One implementation for tasks and for triggers, so it is asynchronous; tasks run it to its end.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException

__all__ = ["Command", "CommandError", "CommandRefusedError", "Tell", "run"]

Tell = Callable[[str], None]
"""Takes a line that the command wrote about its progress."""

EXIT_REFUSED = 2
"""streamproc's exit code for settings, and click's for arguments, that cannot be used."""
STOP_SECONDS = 10.0
"""How long a command may take to end after SIGTERM: a loader lets go of its warehouse first."""
OUTPUT_BYTES = 1_048_576
"""The largest answer that is taken."""
LINE_CHARACTERS = 2_000
"""How much of a line of its log is told."""
TOLD_LINES = 20
"""How many of a failed command's last lines its error repeats."""


class CommandError(AirflowException):
    """The command failed in a way that may pass: Airflow tries the task again."""


class CommandRefusedError(CommandError, AirflowFailException):
    """The command's settings or arguments are wrong: Airflow does not try the task again."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is run.

    Attributes:
        executable: Name or path of ``streamproc``.
        options: Options before the command, such as ``--settings=FILE``.
        environment: All variables of the process. Secrets are here, never among arguments, which
            every user of the machine can read.
    """

    executable: str
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


async def run(
    command: Command, arguments: tuple[str, ...], seconds: float, tell: Tell
) -> dict[str, Any]:
    """Run ``command`` with ``arguments`` and return the JSON object that it printed.

    The process does not outlive the call: on a timeout, a cancellation or any error it is told to
    end and, if it does not within some seconds, killed. It stays in the caller's process group, so
    that whoever kills the task's group reaches it too.

    Raises:
        CommandRefusedError: The settings or arguments are wrong, or there is no such executable.
        CommandError: It failed, took more than ``seconds``, or printed no JSON object.
    """
    what = _name(arguments)
    process = await _start(command, arguments, what)
    try:
        async with asyncio.timeout(seconds):
            answer, told, code = await asyncio.gather(
                _answer(process), _follow(process, tell), process.wait()
            )
    except TimeoutError:
        raise CommandError(f"{what} took more than {seconds:g} seconds, and was ended") from None
    finally:
        await _end(process)
    if code != 0:
        raise _failed(what, code, told)
    return _parsed(what, answer)


async def _start(
    command: Command, arguments: tuple[str, ...], what: str
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            command.executable,
            *command.options,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=command.environment,
            limit=OUTPUT_BYTES,
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        told = f"{what} cannot be run: {command.executable}: {error.strerror}; "
        raise CommandRefusedError(told + "set [streamproc] executable in airflow.cfg") from None


async def _answer(process: asyncio.subprocess.Process) -> bytes:
    """Return what it prints; once that is too much, read on but keep no more of it."""
    assert process.stdout is not None
    answer = b""
    while more := await process.stdout.read(OUTPUT_BYTES):
        if len(answer) <= OUTPUT_BYTES:
            answer += more
    return answer


async def _follow(process: asyncio.subprocess.Process, tell: Tell) -> list[str]:
    """Tell every line of the log as it comes; return the last ones that are for people."""
    assert process.stderr is not None
    last: deque[str] = deque(maxlen=TOLD_LINES)
    while True:
        try:
            line = await process.stderr.readline()
        except ValueError:  # longer than what is kept of a stream: nothing that anybody reads
            continue
        if not line:
            return list(last)
        text = line.decode("utf-8", "replace").rstrip()[:LINE_CHARACTERS]
        if not text:
            continue
        tell(text)
        if not text.startswith("{"):  # a log line
            last.append(text)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _failed(what: str, code: int, told: list[str]) -> CommandError:
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    error = CommandRefusedError if code == EXIT_REFUSED else CommandError
    return error("\n".join([f"{what} {how}", *told]))


def _parsed(what: str, answer: bytes) -> dict[str, Any]:
    if len(answer) > OUTPUT_BYTES:
        raise CommandError(f"{what} printed more than {OUTPUT_BYTES} bytes")
    try:
        parsed = json.loads(answer)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise CommandError(f"{what} printed no JSON object ({len(answer)} bytes)")
    return parsed


def _name(arguments: tuple[str, ...]) -> str:
    """Return the command without its options, which may hold what a message must not."""
    words = [argument for argument in arguments if not argument.startswith("-")]
    return " ".join(["streamproc", *words])
