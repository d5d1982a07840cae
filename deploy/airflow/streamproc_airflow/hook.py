"""The hook: where streamproc is, with which settings, and its commands."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook, conf
from airflow.sdk.exceptions import AirflowException
from airflow.sdk.log import amask_secret, mask_secret

from streamproc_airflow.command import Command, CommandError, CommandRefusedError, run
from streamproc_airflow.status import LoadStatus, read_status

if TYPE_CHECKING:
    from airflow.sdk import Connection

__all__ = ["DEFAULT_CONNECTION", "STATUS_SECONDS", "StreamprocHook"]

DEFAULT_CONNECTION = "streamproc_default"
STATUS_SECONDS = 120.0
"""How long a status may take: a warehouse that sleeps has to wake up first."""

VARIABLE = re.compile(r"STREAMPROC_[A-Z0-9_]+")
NOT_FOR_CHILDREN = ("AIRFLOW", "_AIRFLOW", "PYTHON", "__PYVENV", "VIRTUAL_ENV")
"""Beginnings of variables that streamproc does not get: Airflow's own hold its secrets, Python's
would lead it to Airflow's packages."""

STOPPED = "streamproc was told to end before it was done"


class StreamprocHook(BaseHook):
    """Runs streamproc's commands with the settings of a connection.

    Args:
        streamproc_conn_id: The connection.
    """

    conn_name_attr = "streamproc_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = "streamproc"
    hook_name = "streamproc"

    def __init__(self, streamproc_conn_id: str = DEFAULT_CONNECTION) -> None:
        super().__init__()
        self.streamproc_conn_id = streamproc_conn_id
        self._cancel: Callable[[], object] = _nothing
        self._stopped = False

    def run(self, *arguments: str, seconds: float) -> dict[str, Any]:
        """Run ``streamproc ARGUMENTS --json`` and return what it printed; its log goes to ours.

        Raises:
            CommandRefusedError: The connection, settings or arguments are wrong; no use to retry.
            CommandError: It failed, took longer than ``seconds``, or was stopped.
        """
        connection = self.get_connection(self.streamproc_conn_id)
        for secret in _variables(connection, "secrets").values():
            mask_secret(secret)
        arguments = (*arguments, "--json")
        try:
            answer = asyncio.run(self._cancellable(_command(connection), arguments, seconds))
        except asyncio.CancelledError:
            raise CommandError(STOPPED) from None
        finally:
            self._cancel = _nothing
        # A loader that is told to end does so in good order: its answer is no sign of being done.
        if self._stopped:
            raise CommandError(STOPPED)
        return answer

    def stop(self) -> None:
        """End the command that runs, if any; its :meth:`run` raises. For signal handlers."""
        self._stopped = True
        self._cancel()

    def status(self) -> LoadStatus:
        """Return how far loading is.

        Raises:
            CommandError: As :meth:`run`.
        """
        asked_at = datetime.now(UTC)
        return read_status(self.run("load", "status", seconds=STATUS_SECONDS), asked_at)

    async def status_async(self) -> LoadStatus:
        """Do as :meth:`status` without blocking the event loop.

        Raises:
            CommandError: As :meth:`run`.
        """
        asked_at = datetime.now(UTC)
        connection = await self.aget_connection(self.streamproc_conn_id)
        for secret in _variables(connection, "secrets").values():
            await amask_secret(secret)
        command = _command(connection)
        arguments = ("load", "status", "--json")
        return read_status(await run(command, arguments, STATUS_SECONDS, self.log.info), asked_at)

    def test_connection(self) -> tuple[bool, str]:
        """Return whether brokers and warehouse answer, and a sentence about it."""
        try:
            status = self.status()
        except AirflowException as error:
            return False, str(error)
        if status.unreachable is not None:
            return False, f"the brokers answer, the warehouse does not: {status.unreachable}"
        return True, f"brokers and warehouse answer: {status.lag_rows} rows are not loaded yet"

    async def _cancellable(
        self, command: Command, arguments: tuple[str, ...], seconds: float
    ) -> dict[str, Any]:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        self._cancel = partial(loop.call_soon_threadsafe, task.cancel)
        return await run(command, arguments, seconds, self.log.info)


def _nothing() -> None:
    """Cancel nothing: no command runs."""


def _command(connection: Connection) -> Command:
    settings_file = connection.extra_dejson.get("settings_file")
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(NOT_FOR_CHILDREN)
    }
    return Command(
        executable=conf.get("streamproc", "executable", fallback="streamproc"),
        options=(f"--settings={settings_file}",) if settings_file else (),
        environment=inherited
        | {"STREAMPROC_LOG_FORMAT": "json"}
        | _variables(connection, "environment")
        | _variables(connection, "secrets"),
    )


def _variables(connection: Connection, field: str) -> dict[str, str]:
    """Return the variables in one of the connection's fields: an object, or its text.

    No other variables than streamproc's: one like PATH or LD_PRELOAD would choose what is run.
    """
    value = connection.extra_dejson.get(field) or {}
    try:
        read = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise CommandRefusedError(f"the connection's {field} is not a JSON object")
    if wrong := [name for name in read if not VARIABLE.fullmatch(name)]:
        told = f"the connection's {field} sets {wrong[0]!r}; only STREAMPROC_… variables are taken"
        raise CommandRefusedError(told)
    return {
        name: text if isinstance(text, str) else json.dumps(text) for name, text in read.items()
    }
