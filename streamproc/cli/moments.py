"""Moments on the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from streamproc.events import Micros

__all__ = ["Moment", "Span", "micros"]

UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
MOST_DIGITS = 6


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


class Span(click.ParamType):
    """A stretch of time: a whole number and its unit, as in 30s, 10m, 2h, 7d."""

    name = "span"

    def convert(
        self, value: timedelta | str, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Return the stretch."""
        if isinstance(value, timedelta):
            return value
        number, unit = value[:-1], value[-1:]
        if unit not in UNITS or not number.isdecimal() or len(number) > MOST_DIGITS:
            self.fail("expected a number and s, m, h or d, such as 10m", param, ctx)
        return int(number) * UNITS[unit]


def micros(moment: datetime) -> Micros:
    """Return ``moment`` as the engine counts time."""
    from streamproc.events import Micros

    return Micros(round(moment.timestamp() * 1_000_000))
