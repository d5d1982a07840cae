"""Moments on the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from streamproc.events import Micros

__all__ = ["Moment", "micros"]


class Moment(click.ParamType):
    """A moment in ISO 8601; UTC where it does not say."""

    name = "moment"

    def convert(
        self, value: datetime | str, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the moment with its time zone."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail("expected a moment such as 2026-01-31T09:00:00Z", param, ctx)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def micros(moment: datetime) -> Micros:
    """Return ``moment`` as the engine counts time."""
    from streamproc.events import Micros

    return Micros(round(moment.timestamp() * 1_000_000))
