from __future__ import annotations

import asyncio
import os

import pytest
from airflow.sdk._shared.secrets_masker import redact
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout
from airflow.sdk.execution_time.timeout import timeout
from standin import Answer, StandIn, status

from streamproc_airflow.command import Command, CommandError, CommandRefusedError, run
from streamproc_airflow.hook import StreamprocHook


def test_a_command_gets_settings_and_returns_what_it_printed(stand_in: StandIn) -> None:
    stand_in.answers(Answer({"rows": 3}))
    stand_in.connection(
        settings_file="/etc/streamproc.toml",
        environment={"STREAMPROC_LOADER_BATCH_ROWS": 5},
        secrets='{"STREAMPROC_SNOWFLAKE_PASSWORD": "kept apart"}',
    )

    assert StreamprocHook().run("load", "--until-caught-up", seconds=20) == {"rows": 3}

    (call,) = stand_in.calls
    assert call["arguments"] == [
        "--settings=/etc/streamproc.toml",
        "load",
        "--until-caught-up",
        "--json",
    ]
    assert call["environment"]["STREAMPROC_LOADER_BATCH_ROWS"] == "5"
    assert call["environment"]["STREAMPROC_SNOWFLAKE_PASSWORD"] == "kept apart"


def test_a_command_inherits_settings_but_nothing_of_airflow_or_python(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.answers(Answer())
    monkeypatch.setenv("STREAMPROC_KAFKA_BROKERS", "192.0.2.1:9092")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "secret")
    monkeypatch.setenv("PYTHONPATH", "/airflow/dags")

    StreamprocHook().run("load", seconds=20)

    given = stand_in.calls[0]["environment"]
    assert given["STREAMPROC_KAFKA_BROKERS"] == "192.0.2.1:9092"
    assert given["PATH"] == os.environ["PATH"]
    assert not [name for name in given if name.startswith(("AIRFLOW", "PYTHON"))]


@pytest.mark.parametrize("field", ["environment", "secrets"])
@pytest.mark.parametrize("name", ["PATH", "LD_PRELOAD", "STREAMPROC_A=B", "streamproc_x", ""])
def test_a_connection_sets_no_other_variables(stand_in: StandIn, field: str, name: str) -> None:
    stand_in.connection(**{field: {name: "/tmp"}})

    with pytest.raises(CommandRefusedError, match="only STREAMPROC_… variables are taken"):
        StreamprocHook().run("load", seconds=20)


@pytest.mark.parametrize("value", ["no json", "[1]", '"text"'])
def test_a_connection_whose_settings_are_no_object_is_refused_without_quoting_them(
    stand_in: StandIn, value: str
) -> None:
    stand_in.connection(secrets=value)

    with pytest.raises(CommandRefusedError) as raised:
        StreamprocHook().run("load", seconds=20)

    assert str(raised.value) == "the connection's secrets is not a JSON object"


def test_a_command_that_cannot_start_fails_for_good_in_its_own_words(stand_in: StandIn) -> None:
    stand_in.answers(
        Answer("", code=2, log="streamproc: 1 problem\n  environment: X: no such setting")
    )

    with pytest.raises(AirflowFailException) as raised:
        StreamprocHook().run("load", "status", seconds=20)

    assert str(raised.value).splitlines() == [
        "streamproc load status ended with exit code 2",
        "streamproc: 1 problem",
        "  environment: X: no such setting",
    ]


def test_a_command_that_may_do_better_is_tried_again(stand_in: StandIn) -> None:
    stand_in.answers(Answer("", code=1, log="streamproc: the broker is not there; try again"))

    with pytest.raises(CommandError) as raised:
        StreamprocHook().run("load", "--receipt=not for logs", seconds=20)

    assert not isinstance(raised.value, AirflowFailException)
    assert str(raised.value).splitlines() == [
        "streamproc load ended with exit code 1",
        "streamproc: the broker is not there; try again",
    ]


def test_no_executable_is_told_with_what_to_do(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__STREAMPROC__EXECUTABLE", str(stand_in.folder / "nothing"))

    with pytest.raises(CommandRefusedError, match=r"No such file.*set \[streamproc\] executable"):
        StreamprocHook().run("load", seconds=20)


@pytest.mark.parametrize("printed", ["", "no json", "[]", "null", "{} {}"])
def test_anything_but_a_json_object_is_an_error_that_does_not_quote_it(
    stand_in: StandIn, printed: str
) -> None:
    stand_in.answers(Answer(printed))

    with pytest.raises(CommandError) as raised:
        StreamprocHook().run("load", seconds=20)

    bytes_printed = len(printed) + 1
    assert str(raised.value) == f"streamproc load printed no JSON object ({bytes_printed} bytes)"


def test_an_answer_without_end_is_refused(stand_in: StandIn) -> None:
    stand_in.answers(Answer("x" * 3_000_000))

    with pytest.raises(CommandError, match="printed more than 1048576 bytes"):
        StreamprocHook().run("load", seconds=20)


def test_the_log_of_a_command_is_told_whatever_its_lines(stand_in: StandIn) -> None:
    stand_in.answers(Answer(log=f'{{"event": "first"}}\n{"y" * 3_000_000}\n\nlast'))
    command = Command(str(stand_in.folder / "streamproc"))
    told: list[str] = []

    assert asyncio.run(run(command, ("load",), 20, told.append)) == {}

    assert (told[0], told[-1]) == ('{"event": "first"}', "last")
    assert max(map(len, told)) <= 2_000


@pytest.mark.parametrize("deaf", [False, True])
def test_a_command_that_takes_too_long_is_ended(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, deaf: bool
) -> None:
    monkeypatch.setattr("streamproc_airflow.command.STOP_SECONDS", 0.5)
    stand_in.answers(Answer(seconds=60, deaf=deaf))

    with pytest.raises(CommandError, match="streamproc load took more than 1 seconds"):
        StreamprocHook().run("load", seconds=1)

    assert not stand_in.is_running()


def test_a_command_does_not_outlive_its_task(stand_in: StandIn) -> None:
    stand_in.answers(Answer(seconds=60))

    with pytest.raises(AirflowTaskTimeout), timeout(1):  # what ``execution_timeout`` does
        StreamprocHook().run("load", seconds=50)

    assert not stand_in.is_running()


def test_a_connection_is_tested_by_a_status(stand_in: StandIn) -> None:
    stand_in.answers(
        Answer(status(lag_rows=7)),
        Answer(status(warehouse="no such role")),
        Answer("", log="streamproc: no broker", code=1),
    )

    assert StreamprocHook().test_connection() == (
        True,
        "brokers and warehouse answer: 7 rows are not loaded yet",
    )
    assert StreamprocHook().test_connection() == (
        False,
        "the brokers answer, the warehouse does not: no such role",
    )
    answers, told = StreamprocHook().test_connection()
    assert (answers, told.splitlines()[-1]) == (False, "streamproc: no broker")


def test_secrets_are_masked_in_the_log(stand_in: StandIn) -> None:
    stand_in.answers(Answer())
    stand_in.connection(secrets={"STREAMPROC_KEYS_RING": "not for anybody"})

    StreamprocHook().run("load", seconds=20)

    assert redact("it is not for anybody") == "it is ***"
