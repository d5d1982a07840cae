from __future__ import annotations

import pytest

from streamproc.events import Micros
from streamproc.warehouse.loading.status import Lag, LoadStatus, Stored, charged_seconds
from streamproc.warehouse.sink import Load

SECOND = 1_000_000


def load(at: float, seconds: float, received: int | None = None) -> Load:
    received_up_to = None if received is None else Micros(received)
    return Load("me", Micros(round(at * SECOND)), 10, 0, 0, 0, 0, received_up_to, seconds)


def status(*lags: Lag, loads: tuple[Load, ...] = ()) -> LoadStatus:
    return LoadStatus(lags, Stored({}, loads, {}), None, 0.0, None)


def lag(rows: int, seconds: float | None) -> Lag:
    return Lag("warehouse.load", 0, 0, rows, rows, seconds)


@pytest.mark.parametrize(
    ("batches", "charged"),
    [
        ([], 0),
        ([(0, 5)], 60),  # a start is a minute at least
        ([(0, 90)], 90),
        ([(0, 5), (30, 5)], 60),  # within the minute that is charged anyway
        ([(0, 5), (58, 10)], 68),  # begins in it and ends after it
        ([(0, 5), (300, 5)], 120),  # asleep in between
        ([(0, 100), (50, 10)], 100),  # two loaders at a time
        ([(0, 100), (90, 30), (400, 70)], 120 + 70),
    ],
)
def test_what_a_virtual_warehouse_is_charged(
    batches: list[tuple[float, float]], charged: float
) -> None:
    assert charged_seconds([load(*batch) for batch in batches], 60) == pytest.approx(charged)


def test_lag_is_that_of_all_partitions_and_of_what_has_waited_longest() -> None:
    found = status(lag(3, 4.0), lag(0, 0.0), lag(5, 9.0))
    assert (found.lag_rows, found.lag_seconds) == (8, 9.0)


def test_how_long_something_waits_may_not_be_known() -> None:
    assert status(lag(3, 4.0), lag(5, None)).lag_seconds is None


def test_without_a_lag_nothing_waits() -> None:
    found = status(lag(0, 0.0))
    assert (found.lag_rows, found.lag_seconds) == (0, 0.0)


def test_received_up_to_is_the_latest_of_all_batches() -> None:
    found = status(loads=(load(0, 1, 70), load(1, 1, 90), load(2, 1, 80), load(3, 1)))
    assert found.received_up_to == 90
    assert found.last_batch == load(3, 1)


def test_a_warehouse_that_cannot_be_asked_says_nothing() -> None:
    found = LoadStatus((lag(1, 1.0),), None, "is open in another process", 0.0, None)
    assert (found.received_up_to, found.last_batch) == (None, None)
