"""Triggers: what waits for the loader, in the triggerer's event loop, without a worker's slot.

A trigger holds nothing but its arguments: one that is started again elsewhere, after a restart of
the triggerer, asks anew and comes to the same end.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from streamproc_airflow.command import CommandError, CommandRefusedError
from streamproc_airflow.hook import StreamprocHook
from streamproc_airflow.status import LoadStatus, Mark

__all__ = ["CarriedOutTrigger", "LoadedUpToTrigger", "StatusTrigger", "figures_of"]

TRIES = 5
"""Failures in a row of a status before a trigger gives up: restarts of a broker or a warehouse."""


class StatusTrigger(BaseTrigger):
    """Asks for the loader's status every ``poll_seconds`` until it is as wanted.

    Its event's payload is ``{"status": "done", …figures}`` or ``{"status": "failed", "message"}``:
    for :func:`figures_of`.
    """

    def __init__(self, *, streamproc_conn_id: str, poll_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's is untyped
        self.streamproc_conn_id = streamproc_conn_id
        self.poll_seconds = poll_seconds

    @abstractmethod
    def done(self, status: LoadStatus) -> bool:
        """Return whether the wait is over."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the one event."""
        hook = StreamprocHook(self.streamproc_conn_id)
        failures = 0
        while True:
            try:
                status = await hook.status_async()
            except AirflowException as error:
                failures += 1
                passing = isinstance(error, CommandError)
                if isinstance(error, CommandRefusedError) or not passing or failures == TRIES:
                    yield TriggerEvent({"status": "failed", "message": str(error)})
                    return
                self.log.warning("the status is not to be had, asking again: %s", error)
            else:
                failures = 0
                if self.done(status):
                    yield TriggerEvent({"status": "done", **status.figures()})
                    return
                self.log.info("not there yet: %s", status.figures())
            await asyncio.sleep(self.poll_seconds)


class LoadedUpToTrigger(StatusTrigger):
    """Waits until what was received up to a moment is in the warehouse."""

    def __init__(
        self, *, up_to: str, settle_seconds: float, streamproc_conn_id: str, poll_seconds: float
    ) -> None:
        super().__init__(streamproc_conn_id=streamproc_conn_id, poll_seconds=poll_seconds)
        self.up_to = up_to
        self.settle_seconds = settle_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and the arguments that make this trigger anew, as JSON has them."""
        return (
            "streamproc_airflow.triggers.LoadedUpToTrigger",
            {
                "up_to": self.up_to,
                "settle_seconds": self.settle_seconds,
                "streamproc_conn_id": self.streamproc_conn_id,
                "poll_seconds": self.poll_seconds,
            },
        )

    def done(self, status: LoadStatus) -> bool:
        """Return whether the moment is reached."""
        settle = timedelta(seconds=self.settle_seconds)
        return status.reaches(datetime.fromisoformat(self.up_to), settle)


class CarriedOutTrigger(StatusTrigger):
    """Waits until all that the topics held at some moment, deletions too, is carried out."""

    def __init__(
        self,
        *,
        marks: Sequence[tuple[str, int, int]],
        streamproc_conn_id: str,
        poll_seconds: float,
    ) -> None:
        super().__init__(streamproc_conn_id=streamproc_conn_id, poll_seconds=poll_seconds)
        self.marks = [Mark(*mark) for mark in marks]

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and the arguments that make this trigger anew, as JSON has them."""
        return (
            "streamproc_airflow.triggers.CarriedOutTrigger",
            {
                "marks": [list(mark) for mark in self.marks],
                "streamproc_conn_id": self.streamproc_conn_id,
                "poll_seconds": self.poll_seconds,
            },
        )

    def done(self, status: LoadStatus) -> bool:
        """Return whether the loader has passed every mark."""
        return status.has_passed(self.marks)


def figures_of(event: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a trigger's event.

    Raises:
        AirflowException: The trigger gave up; with what it was told.
    """
    if event["status"] != "done":
        raise AirflowException(event["message"])
    return {name: value for name, value in event.items() if name != "status"}
