from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standin import status

from streamproc_airflow.command import CommandError
from streamproc_airflow.status import Mark, read_status

SIX = datetime(2026, 1, 31, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("told", "asked_at", "reached"),
    [
        # Read to its end; but what was received just before six may be under way for a minute.
        ({"caught_up": True}, SIX, False),
        ({"caught_up": True}, SIX + MINUTE, True),
        ({"caught_up": True, "lag_seconds": None, "received_up_to": None}, SIX + MINUTE, True),
        # What came to the topic up to 90 seconds ago is loaded.
        ({"caught_up": False, "lag_seconds": 90.0}, SIX + 2 * MINUTE, False),
        ({"caught_up": False, "lag_seconds": 90.0}, SIX + 3 * MINUTE, True),
        ({"caught_up": False, "lag_seconds": None}, SIX + 60 * MINUTE, False),
    ],
)
def test_a_moment_is_reached_when_what_came_before_it_has_settled_and_is_loaded(
    told: dict[str, Any], asked_at: datetime, reached: bool
) -> None:
    assert read_status(status(**told), asked_at).reaches(SIX, MINUTE) is reached


@pytest.mark.parametrize(
    ("next_offset", "lag_rows", "passed"),
    [(4, 5, False), (5, 4, True), (9, 0, True), (None, 9, False), (None, 0, True), (3, 0, True)],
)
def test_a_mark_is_passed_when_what_is_before_it_is_loaded(
    next_offset: int | None, lag_rows: int, passed: bool
) -> None:
    place = {"topic": "t", "partition": 3, "next_offset": next_offset, "end_offset": 9}
    read = read_status(status(partitions=[{**place, "lag_rows": lag_rows}]), SIX)

    assert read.has_passed([Mark("t", 3, 5)]) is passed
    assert read.ends == (Mark("t", 3, 9),)


def test_an_empty_partition_is_passed_and_an_unknown_one_is_not() -> None:
    read = read_status(status(partitions=[]), SIX)

    assert read.has_passed([Mark("t", 0, 0)])
    assert not read.has_passed([Mark("t", 0, 1)])


@pytest.mark.parametrize(
    "answer", [{}, status(lag_rows="many"), status(received_up_to="soon"), status(partitions=[{}])]
)
def test_a_status_of_another_version_is_an_error_that_says_so(answer: dict[str, Any]) -> None:
    with pytest.raises(CommandError, match="their versions do not fit"):
        read_status(answer, SIX)
