from __future__ import annotations

import math
from random import Random

import pytest
from bench.soaking.trends import sparkline, trend

SECONDS = [10.0 * number for number in range(60)]


def test_the_slope_of_a_line_is_told_in_an_hour() -> None:
    line = trend(SECONDS, [5 + 2 * each for each in SECONDS])
    assert line.slope == pytest.approx(7_200)
    assert line.error == pytest.approx(0, abs=1e-6)


def test_noise_around_a_level_does_not_grow() -> None:
    rng = Random(1)
    line = trend(SECONDS, [300 + rng.gauss(0, 3) for _ in SECONDS])
    assert line.mean == pytest.approx(300, abs=2)
    assert not line.grows(0.05 * line.mean)


def test_a_slow_leak_in_noise_is_seen() -> None:
    rng = Random(1)
    line = trend(SECONDS, [300 + each / 60 + rng.gauss(0, 1) for each in SECONDS])
    assert line.grows(0.05 * line.mean)  # it is 60 an hour


def test_two_points_tell_nothing() -> None:
    line = trend([0.0, 10.0], [1.0, 100.0])
    assert line.error == math.inf
    assert not line.grows(0)


def test_no_points_tell_nothing() -> None:
    assert not trend([], []).grows(0)


def test_a_sparkline_is_as_wide_as_asked_at_most() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert len(sparkline(range(1_000), width=40)) <= 40
    assert not sparkline([])
