from __future__ import annotations

import asyncio
import importlib
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException
from standin import Answer, StandIn, status

from streamproc_airflow.triggers import (
    TRIES,
    CarriedOutTrigger,
    LoadedUpToTrigger,
    StatusTrigger,
    figures_of,
)

UP_TO = "2026-01-31T06:00:00+00:00"
YEARS = 1e9
EARLY = status(caught_up=False, lag_rows=9, lag_seconds=YEARS)
LATE = status(caught_up=False, lag_rows=4, lag_seconds=0.5)


def loaded_up_to(poll_seconds: float = 0.01) -> LoadedUpToTrigger:
    return LoadedUpToTrigger(
        up_to=UP_TO,
        settle_seconds=60,
        streamproc_conn_id="streamproc_default",
        poll_seconds=poll_seconds,
    )


def carried_out() -> CarriedOutTrigger:
    return CarriedOutTrigger(
        marks=[("deletions", 1, 7)], streamproc_conn_id="streamproc_default", poll_seconds=0.01
    )


def restarted(trigger: StatusTrigger) -> StatusTrigger:
    """Return the trigger as another triggerer makes it, from what the database keeps."""
    path, arguments = json.loads(json.dumps(trigger.serialize()))
    module, _, name = path.rpartition(".")
    made: StatusTrigger = getattr(importlib.import_module(module), name)(**arguments)
    return made


async def events(trigger: StatusTrigger) -> list[Any]:
    return [event.payload async for event in trigger.run()]


def test_a_trigger_asks_until_the_moment_is_reached_and_tells_it_once(stand_in: StandIn) -> None:
    stand_in.answers(Answer(EARLY), Answer(EARLY), Answer(LATE))

    (event,) = asyncio.run(events(loaded_up_to()))

    assert event == {
        "status": "done",
        "caught_up": False,
        "lag_rows": 4,
        "lag_seconds": 0.5,
        "received_up_to": "2026-01-31T06:00:00+00:00",
    }
    assert stand_in.arguments == [["load", "status", "--json"]] * 3


@pytest.mark.parametrize("trigger", [loaded_up_to(), carried_out()])
def test_a_trigger_started_again_elsewhere_is_the_same(trigger: StatusTrigger) -> None:
    assert restarted(restarted(trigger)).serialize() == trigger.serialize()


def test_a_trigger_that_was_cut_off_comes_to_the_same_end_elsewhere(stand_in: StandIn) -> None:
    stand_in.answers(Answer(EARLY), Answer(LATE))
    trigger = loaded_up_to(poll_seconds=0.2)

    async def cut_off() -> None:
        task = asyncio.create_task(events(trigger))
        while not stand_in.calls:  # noqa: ASYNC110 - the stand-in tells by a file
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cut_off())
    (event,) = asyncio.run(events(restarted(trigger)))

    assert event["status"] == "done"


def test_a_trigger_leaves_the_loop_to_others_while_it_asks(stand_in: StandIn) -> None:
    stand_in.answers(Answer(LATE, seconds=1))

    async def longest_pause() -> float:
        task = asyncio.create_task(events(loaded_up_to()))
        longest, before = 0.0, time.monotonic()
        while not task.done():
            await asyncio.sleep(0.005)
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
        return longest

    assert asyncio.run(longest_pause()) < 0.5


def test_failures_that_pass_are_forgiven(stand_in: StandIn) -> None:
    failing = Answer("", code=1, log="streamproc: the broker is not there; try again")
    stand_in.answers(*[failing] * (TRIES - 1), Answer(EARLY), failing, Answer(LATE))

    (event,) = asyncio.run(events(loaded_up_to()))

    assert event["status"] == "done"


@pytest.mark.parametrize(("code", "calls"), [(1, TRIES), (2, 1)])
def test_failures_that_stay_end_the_wait_with_what_was_told(
    stand_in: StandIn, code: int, calls: int
) -> None:
    stand_in.answers(Answer("", code=code, log="streamproc: no broker"))

    (event,) = asyncio.run(events(loaded_up_to()))

    assert event["status"] == "failed"
    assert len(stand_in.calls) == calls
    with pytest.raises(AirflowException, match=f"exit code {code}\nstreamproc: no broker"):
        figures_of(event)


def test_a_missing_connection_ends_the_wait(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_STREAMPROC_DEFAULT")

    (event,) = asyncio.run(events(loaded_up_to()))

    assert event["status"] == "failed"
    assert "streamproc_default" in event["message"]
    assert stand_in.calls == []


def test_carried_out_is_what_lies_behind_every_mark(stand_in: StandIn) -> None:
    def at(offset: int) -> Answer:
        place = {"topic": "deletions", "partition": 1, "next_offset": offset, "end_offset": 20}
        return Answer(status(caught_up=False, partitions=[{**place, "lag_rows": 1}]))

    stand_in.answers(at(6), at(7))

    (event,) = asyncio.run(events(carried_out()))

    assert event["status"] == "done"
    assert len(stand_in.calls) == 2


def test_a_quiet_topic_ends_the_wait_once_the_moment_has_settled(stand_in: StandIn) -> None:
    stand_in.answers(Answer(status(received_up_to=None)))
    trigger = LoadedUpToTrigger(
        up_to=datetime.now(UTC).isoformat(),
        settle_seconds=timedelta(seconds=1).total_seconds(),
        streamproc_conn_id="streamproc_default",
        poll_seconds=0.1,
    )

    (event,) = asyncio.run(events(trigger))

    assert event["status"] == "done"
    assert len(stand_in.calls) > 1
