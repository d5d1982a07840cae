from __future__ import annotations

import signal
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from standin import Answer, StandIn, status

from streamproc_airflow.command import CommandError
from streamproc_airflow.operators import (
    StreamprocEraseOperator,
    StreamprocFreshnessOperator,
    StreamprocLoadOperator,
    StreamprocReprocessOperator,
)
from streamproc_airflow.sensor import LoadedUpToSensor
from streamproc_airflow.triggers import CarriedOutTrigger, LoadedUpToTrigger

TOKEN = "tok_k1_" + "a" * 32
SINCE, UNTIL = "2026-01-31T06:00:00+00:00", "2026-01-31T07:00:00+00:00"
EARLY = status(caught_up=False, lag_rows=9, lag_seconds=1e9)
FIGURES = {
    "caught_up": True,
    "lag_rows": 0,
    "lag_seconds": 0.0,
    "received_up_to": "2026-01-31T06:00:00+00:00",
}


class Instance:
    """The part of a task's instance that operators here use."""

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def place(next_offset: int, topic: str = "warehouse.deletions") -> dict[str, Any]:
    lag = 8 - next_offset
    offsets = {"next_offset": next_offset, "end_offset": 8, "lag_rows": lag}
    return {"topic": topic, "partition": 0, **offsets}


def executed(operator: Any, instance: Instance | None = None) -> Any:
    return operator.execute({"ti": instance or Instance()})


def test_loading_runs_until_it_has_caught_up(stand_in: StandIn) -> None:
    stand_in.answers(Answer({"rows": 3}))

    assert executed(StreamprocLoadOperator(task_id="load")) == {"rows": 3}

    assert stand_in.arguments == [["load", "--until-caught-up", "--json"]]


def test_loading_stops_at_its_limit(stand_in: StandIn) -> None:
    stand_in.answers(Answer(seconds=60))

    with pytest.raises(AirflowException, match=r"took more than 0\.5 seconds"):
        executed(StreamprocLoadOperator(task_id="load", limit=timedelta(seconds=0.5)))


def test_a_task_that_is_ended_ends_its_command_and_does_not_pass_for_done(
    stand_in: StandIn,
) -> None:
    stand_in.answers(Answer({"rows": 1}, seconds=60, orderly=True))
    operator = StreamprocLoadOperator(task_id="load")
    # As Airflow's own handler of SIGTERM does, in the middle of the task.
    before = signal.signal(signal.SIGALRM, lambda *_: operator.on_kill())
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        with pytest.raises(CommandError, match="was told to end before it was done"):
            executed(operator)
    finally:
        signal.signal(signal.SIGALRM, before)

    assert not stand_in.is_running()


def test_reprocessing_takes_a_range_in_any_zone(stand_in: StandIn) -> None:
    stand_in.answers(Answer({"rows": 3}))
    operator = StreamprocReprocessOperator(
        task_id="reprocess", since="2026-01-31 07:00:00+01:00", until=UNTIL
    )

    assert executed(operator) == {"rows": 3}

    assert stand_in.arguments == [["reprocess", f"--since={SINCE}", f"--until={UNTIL}", "--json"]]


@pytest.mark.parametrize(
    ("since", "until", "told"),
    [
        (UNTIL, SINCE, "is not after since"),
        (SINCE, SINCE, "is not after since"),
        ("yesterday", None, "since is 'yesterday', expected a moment"),
    ],
)
def test_a_range_that_is_none_fails_for_good_before_anything_runs(
    stand_in: StandIn, since: str, until: str | None, told: str
) -> None:
    with pytest.raises(AirflowFailException, match=told):
        executed(StreamprocReprocessOperator(task_id="reprocess", since=since, until=until))

    assert stand_in.calls == []


def test_erasing_publishes_and_waits_for_all_that_is_on_the_topics(stand_in: StandIn) -> None:
    behind = status(partitions=[place(8, "warehouse.load"), place(7)])
    stand_in.answers(Answer({"deletions": 1}), Answer(behind))
    operator = StreamprocEraseOperator(
        task_id="erase", tokens=f"{TOKEN},{TOKEN}", receipt="--case 7", until=UNTIL
    )

    with pytest.raises(TaskDeferred) as deferred:
        executed(operator)

    assert stand_in.arguments[0] == [
        "load",
        "delete",
        f"--token={TOKEN}",
        "--receipt=--case 7",
        f"--until={UNTIL}",
        "--json",
    ]
    trigger = deferred.value.trigger
    assert isinstance(trigger, CarriedOutTrigger)
    assert trigger.marks == [("warehouse.load", 0, 8), ("warehouse.deletions", 0, 8)]
    assert deferred.value.timeout == timedelta(hours=24)


def test_erasing_ends_at_once_when_it_is_carried_out(stand_in: StandIn) -> None:
    stand_in.answers(Answer({"deletions": 1}), Answer(status(partitions=[place(8)])))

    assert executed(StreamprocEraseOperator(task_id="erase", tokens=[TOKEN], receipt="7")) == (
        FIGURES
    )


def test_erasing_need_not_wait(stand_in: StandIn) -> None:
    stand_in.answers(Answer({"deletions": 1}))
    operator = StreamprocEraseOperator(task_id="erase", tokens=[TOKEN], receipt="7", wait=None)

    assert executed(operator) == {"deletions": 1}


def test_erasing_refuses_what_is_no_token_before_anything_runs(stand_in: StandIn) -> None:
    operator = StreamprocEraseOperator(task_id="erase", tokens="jane@example.com", receipt="7")

    with pytest.raises(AirflowFailException, match="token 1 of 1 is none") as raised:
        executed(operator)

    assert "jane" not in str(raised.value)
    assert stand_in.calls == []


def test_a_fresh_warehouse_passes_with_its_figures(stand_in: StandIn) -> None:
    stand_in.answers(Answer(status()))

    assert executed(StreamprocFreshnessOperator(task_id="fresh")) == FIGURES


@pytest.mark.parametrize(
    ("told", "limits", "problem"),
    [
        (
            {"caught_up": False, "lag_rows": 12, "lag_seconds": 90.4},
            {"max_lag": timedelta(seconds=60)},
            "12 rows wait, 90 s, more than 60 s",
        ),
        (
            {"caught_up": False, "lag_rows": 12, "lag_seconds": None},
            {},
            "12 rows wait, it is not known for how long",
        ),
        ({"received_up_to": None}, {"max_age": timedelta(days=1)}, "nothing is loaded yet"),
        (
            {"received_up_to": None, "warehouse": "warehouse.duckdb is open in another process"},
            {"max_age": timedelta(days=1)},
            r"warehouse\.duckdb is open in another process",
        ),
        (
            {"received_up_to": "2020-01-01T00:00:00Z"},
            {"max_age": timedelta(hours=1)},
            r"the last event was received \d+ s ago, more than 3600 s",
        ),
    ],
)
def test_a_stale_warehouse_fails_in_words_and_leaves_its_figures(
    stand_in: StandIn, told: dict[str, Any], limits: dict[str, Any], problem: str
) -> None:
    stand_in.answers(Answer(status(**told)))
    instance = Instance()

    with pytest.raises(AirflowException, match=f"^the warehouse is not fresh: {problem}$"):
        executed(StreamprocFreshnessOperator(task_id="fresh", **limits), instance)

    assert instance.pushed["return_value"].keys() == FIGURES.keys()


@pytest.mark.parametrize(
    ("told", "limits"),
    [
        ({"caught_up": False, "lag_rows": 1, "lag_seconds": 59.0}, {}),
        ({"caught_up": False, "lag_rows": 1, "lag_seconds": None}, {"max_lag": None}),
        ({"received_up_to": "2020-01-01T00:00:00Z"}, {}),
    ],
)
def test_what_is_not_asked_for_does_not_fail(
    stand_in: StandIn, told: dict[str, Any], limits: dict[str, Any]
) -> None:
    stand_in.answers(Answer(status(**told)))

    assert executed(StreamprocFreshnessOperator(task_id="fresh", **limits))["caught_up"] in {
        True,
        False,
    }


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_sensor_whose_moment_is_loaded_ends_at_once(stand_in: StandIn, deferrable: bool) -> None:
    stand_in.answers(Answer(status()))

    sensor = LoadedUpToSensor(task_id="loaded", up_to=SINCE, deferrable=deferrable)

    assert executed(sensor) == FIGURES


def test_a_sensor_that_does_not_defer_asks_again(stand_in: StandIn) -> None:
    stand_in.answers(Answer(EARLY), Answer(status()))

    sensor = LoadedUpToSensor(task_id="loaded", up_to=SINCE, poke_interval=0.01)

    assert executed(sensor) == FIGURES
    assert len(stand_in.calls) == 2


def test_a_deferrable_sensor_hands_the_wait_to_the_trigger(stand_in: StandIn) -> None:
    stand_in.answers(Answer(EARLY))
    sensor = LoadedUpToSensor(
        task_id="loaded", up_to=SINCE, deferrable=True, poke_interval=30, timeout=600
    )

    with pytest.raises(TaskDeferred) as deferred:
        executed(sensor)

    assert isinstance(deferred.value.trigger, LoadedUpToTrigger)
    assert deferred.value.trigger.serialize()[1] == {
        "up_to": SINCE,
        "settle_seconds": 60.0,
        "streamproc_conn_id": "streamproc_default",
        "poll_seconds": 30.0,
    }
    assert deferred.value.timeout == timedelta(minutes=10)
    assert sensor.execute_complete({}, {"status": "done", **FIGURES}) == FIGURES
    with pytest.raises(AirflowException, match="no broker"):
        sensor.execute_complete({}, {"status": "failed", "message": "no broker"})


def test_a_sensor_with_wrong_settings_fails_in_the_task_not_in_the_triggerer(
    stand_in: StandIn,
) -> None:
    stand_in.answers(Answer("", code=2, log="streamproc: 1 problem"))

    with pytest.raises(AirflowFailException, match="1 problem"):
        executed(LoadedUpToSensor(task_id="loaded", up_to=SINCE, deferrable=True))
