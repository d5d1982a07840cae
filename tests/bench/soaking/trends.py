"""Whether a series is flat: its slope, and how sure that is; and a series as a line of text."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Trend", "sparkline", "trend"]

BARS = "▁▂▃▄▅▆▇█"
SURE = 2.0
"""Standard errors either side that a slope is taken to be within: 95 % of a normal distribution."""
HOUR_SECONDS = 3_600


class Trend(NamedTuple):
    """A straight line through a series.

    Attributes:
        mean: Of the series.
        slope: An hour.
        error: Standard error of the slope; neighbours in time are alike, so it is rather more.
    """

    mean: float
    slope: float
    error: float

    def grows(self, allowed: float) -> bool:
        """Return whether the slope is surely above ``allowed`` an hour."""
        return self.slope - SURE * self.error > allowed


def trend(seconds: Sequence[float], values: Sequence[float]) -> Trend:
    """Return the least-squares line through ``values`` at ``seconds``.

    Fewer than three points have no slope that could be told from chance: it is 0, its error
    infinite.
    """
    mean = statistics.fmean(values) if values else 0.0
    if len(values) < 3 or seconds[0] == seconds[-1]:
        return Trend(mean, 0.0, math.inf)
    slope, start = statistics.linear_regression(seconds, values)
    rest = sum((y - start - slope * x) ** 2 for x, y in zip(seconds, values, strict=True))
    middle = statistics.fmean(seconds)
    spread = sum((x - middle) ** 2 for x in seconds)
    error = math.sqrt(rest / (len(values) - 2) / spread)
    return Trend(mean, slope * HOUR_SECONDS, error * HOUR_SECONDS)


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """Return ``values`` as bars from 0 to the highest, at most ``width`` of them."""
    if not values:
        return ""
    step = max(1, math.ceil(len(values) / width))
    means = [statistics.fmean(values[at : at + step]) for at in range(0, len(values), step)]
    top = max(*means, 1e-9)
    return "".join(BARS[min(int(each / top * len(BARS)), len(BARS) - 1)] for each in means)
