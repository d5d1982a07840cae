"""The sensor that waits until the warehouse has what was received up to a moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf

from streamproc_airflow.arguments import moment
from streamproc_airflow.hook import DEFAULT_CONNECTION, StreamprocHook
from streamproc_airflow.triggers import LoadedUpToTrigger, figures_of

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["LoadedUpToSensor"]


class LoadedUpToSensor(BaseSensorOperator):
    """Waits until every event received up to a moment is in the warehouse.

    That is so when every row that was put on the loader topic up to ``settle`` after the moment is
    loaded, of every partition; or, where the topic is read to its end, once that time has come.
    Pushes the loader's figures to XCom.

    It waits for a loader, so there has to be one: that runs for ever, or runs after that time.

    Args:
        up_to: The moment, mostly ``{{ data_interval_end }}``. Templated.
        settle: How long an event may be under way from its receipt, through the worker, to the
            loader topic.
        deferrable: Whether it waits in the triggerer rather than in a worker's slot.
        streamproc_conn_id: The connection.
        **kwargs: As for every sensor: ``poke_interval``, ``timeout``, ``mode``.
    """

    template_fields: Sequence[str] = ("up_to", "streamproc_conn_id")
    ui_color = "#d9eef5"

    def __init__(
        self,
        *,
        up_to: datetime | str,
        settle: timedelta = timedelta(minutes=1),
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        streamproc_conn_id: str = DEFAULT_CONNECTION,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.up_to = up_to
        self.settle = settle
        self.deferrable = deferrable
        self.streamproc_conn_id = streamproc_conn_id

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        """Ask once."""
        status = StreamprocHook(self.streamproc_conn_id).status()
        done = status.reaches(moment(self.up_to, "up_to"), self.settle)
        self.log.info("%s: %s", "loaded" if done else "not there yet", status.figures())
        return PokeReturnValue(done, status.figures())

    def execute(self, context: Context) -> Any:
        """Ask, and wait if it is not so yet."""
        if not self.deferrable:
            return super().execute(context)
        # What is loaded already needs no trigger, and wrong settings fail here, in the task's log.
        asked = self.poke(context)
        if asked.is_done:
            return asked.xcom_value
        return self.defer(
            trigger=LoadedUpToTrigger(
                up_to=moment(self.up_to, "up_to").isoformat(),
                settle_seconds=self.settle.total_seconds(),
                streamproc_conn_id=self.streamproc_conn_id,
                poll_seconds=self.poke_interval,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Return the figures that the trigger came with, or fail with what it was told."""
        return figures_of(event)
