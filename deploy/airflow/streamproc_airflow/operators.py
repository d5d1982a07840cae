"""Operators: load, reprocess, erase, and fail where the warehouse is stale."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from streamproc_airflow.arguments import moment, receipt, tokens
from streamproc_airflow.hook import DEFAULT_CONNECTION, StreamprocHook
from streamproc_airflow.status import LoadStatus
from streamproc_airflow.triggers import CarriedOutTrigger, figures_of

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = [
    "StreamprocEraseOperator",
    "StreamprocFreshnessOperator",
    "StreamprocLoadOperator",
    "StreamprocOperator",
    "StreamprocReprocessOperator",
]

DELETE_SECONDS = 300.0
"""How long it may take to publish deletions."""


class StreamprocOperator(BaseOperator):
    """What the operators share: a connection, and a command that ends when the task is ended.

    Args:
        streamproc_conn_id: The connection. Templated.
        **kwargs: As for every operator.
    """

    template_fields: Sequence[str] = ("streamproc_conn_id",)

    def __init__(self, *, streamproc_conn_id: str = DEFAULT_CONNECTION, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.streamproc_conn_id = streamproc_conn_id

    @cached_property
    def hook(self) -> StreamprocHook:
        """Return the hook of this task."""
        return StreamprocHook(self.streamproc_conn_id)

    def on_kill(self) -> None:
        """End the command; without this a loader that ends in good order would look done."""
        self.hook.stop()


class StreamprocLoadOperator(StreamprocOperator):
    """Loads all that is on the loader topic, and ends.

    For loading by schedule, so that a warehouse that is paid by the second sleeps in between.
    Running it twice at a time, or beside a loader that runs for ever, is safe. Returns the load's
    totals as XCom.

    Args:
        limit: How long it may take; what is loaded by then stays loaded.
        **kwargs: As for every :class:`StreamprocOperator`.
    """

    ui_color = "#d9f2e6"

    def __init__(self, *, limit: timedelta = timedelta(hours=1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.limit = limit

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Load."""
        return self.hook.run("load", "--until-caught-up", seconds=self.limit.total_seconds())


class StreamprocReprocessOperator(StreamprocOperator):
    """Runs raw events of a time range again, by the rules now in force.

    The rows go to the loader topic as corrections: they replace those in the warehouse once they
    are loaded. Doing it twice changes nothing. Returns the figures as XCom.

    Args:
        since: From when on, by the raw topic's time. Templated.
        until: Up to when; up to now when None. Templated.
        limit: How long it may take.
        **kwargs: As for every :class:`StreamprocOperator`.
    """

    template_fields: Sequence[str] = ("since", "until", *StreamprocOperator.template_fields)
    ui_color = "#f5ead9"

    def __init__(
        self,
        *,
        since: datetime | str,
        until: datetime | str | None = None,
        limit: timedelta = timedelta(hours=6),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.since = since
        self.until = until
        self.limit = limit

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Reprocess."""
        since = moment(self.since, "since")
        arguments = [f"--since={since.isoformat()}"]
        if self.until is not None:
            until = moment(self.until, "until")
            if until <= since:
                raise AirflowFailException(f"until ({until}) is not after since ({since})")
            arguments.append(f"--until={until.isoformat()}")
        return self.hook.run("reprocess", *arguments, seconds=self.limit.total_seconds())


class StreamprocEraseOperator(StreamprocOperator):
    """Deletes people from the warehouse, and waits until the loader has done it.

    The wait is in the triggerer and takes no worker's slot. It is over when everything that was on
    the loader's topics at the time is carried out, the deletions among it. Doing it twice deletes
    nothing more. Returns the loader's figures as XCom, or without waiting what was published.

    Args:
        tokens: Tokens of user, anonymous or identity ids; never the ids themselves, which Airflow
            would keep in its database. Templated.
        receipt: What the request is known by, such as its ticket. Templated.
        until: Delete what was received up to then; up to now when None. Templated.
        wait: How long to wait for it; None does not.
        poll_interval: How often it asks while it waits.
        **kwargs: As for every :class:`StreamprocOperator`.
    """

    template_fields: Sequence[str] = (
        "tokens",
        "receipt",
        "until",
        *StreamprocOperator.template_fields,
    )
    ui_color = "#e8def5"

    def __init__(
        self,
        *,
        tokens: Sequence[str] | str,
        receipt: str,
        until: datetime | str | None = None,
        wait: timedelta | None = timedelta(hours=24),
        poll_interval: timedelta = timedelta(minutes=1),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tokens = tokens
        self.receipt = receipt
        self.until = until
        self.wait = wait
        self.poll_interval = poll_interval

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Publish the deletions, and wait if they are not carried out yet."""
        published = self.hook.run("load", "delete", *self._arguments(), seconds=DELETE_SECONDS)
        if self.wait is None:
            return published
        # Whatever is on the topics by now includes what was just published.
        status = self.hook.status()
        if status.has_passed(status.ends):
            return status.figures()
        return self.defer(
            trigger=CarriedOutTrigger(
                marks=status.ends,
                streamproc_conn_id=self.streamproc_conn_id,
                poll_seconds=self.poll_interval.total_seconds(),
            ),
            method_name="execute_complete",
            timeout=self.wait,
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Return the figures that the trigger came with, or fail with what it was told."""
        return figures_of(event)

    def _arguments(self) -> list[str]:
        arguments = [f"--token={token}" for token in tokens(self.tokens)]
        arguments.append(f"--receipt={receipt(self.receipt)}")
        if self.until is not None:
            arguments.append(f"--until={moment(self.until, 'until').isoformat()}")
        return arguments


class StreamprocFreshnessOperator(StreamprocOperator):
    """Fails when loading lags, or when nothing new was received for too long.

    Pushes the figures to XCom in either case, as ``return_value``.

    Args:
        max_lag: The longest that a row may wait for the warehouse; for alarms on the loader.
        max_age: The longest since the last event that is loaded was received; for alarms on
            everything before it. Leave it out where quiet hours are usual.
        **kwargs: As for every :class:`StreamprocOperator`.
    """

    ui_color = "#f5d9d9"

    def __init__(
        self,
        *,
        max_lag: timedelta | None = timedelta(hours=1),
        max_age: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_lag = max_lag
        self.max_age = max_age

    def execute(self, context: Context) -> dict[str, Any]:
        """Compare."""
        status = self.hook.status()
        figures = status.figures()
        if problems := [*self._lagging(status), *self._stale(status)]:
            context["ti"].xcom_push(key="return_value", value=figures)
            raise AirflowException("the warehouse is not fresh: " + "; ".join(problems))
        return figures

    def _lagging(self, status: LoadStatus) -> list[str]:
        if self.max_lag is None or status.caught_up:
            return []
        most = self.max_lag.total_seconds()
        if status.lag_seconds is None:
            return [f"{status.lag_rows} rows wait, it is not known for how long"]
        if status.lag_seconds <= most:
            return []
        return [f"{status.lag_rows} rows wait, {status.lag_seconds:.0f} s, more than {most:.0f} s"]

    def _stale(self, status: LoadStatus) -> list[str]:
        if self.max_age is None:
            return []
        if status.received_up_to is None:
            return [status.unreachable or "nothing is loaded yet"]
        age, most = status.asked_at - status.received_up_to, self.max_age
        if age <= most:
            return []
        told = f"the last event was received {age.total_seconds():.0f} s ago"
        return [f"{told}, more than {most.total_seconds():.0f} s"]
