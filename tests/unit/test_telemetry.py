from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

import pytest
import structlog

from streamproc.settings import LogSettings
from streamproc.telemetry import Totals, configure

VALUE = "jane@example.com"
FORMATS = ["json", "console"]

pytestmark = pytest.mark.usefixtures("own_logging")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def own_log() -> Any:
    return structlog.get_logger()  # asked for anew: it keeps the configuration it first saw


def test_lines_are_json_objects_with_sentence_keys_level_and_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(LogSettings(format="json"))

    own_log().info("worker ready", partitions=[0, 1])

    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "worker ready", "partitions": [0, 1], "level": "info"}


def test_the_console_form_is_for_people_and_on_standard_error_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(LogSettings(format="console"))

    own_log().info("worker ready", partitions=[0, 1])

    out, err = capsys.readouterr()
    assert out == ""
    assert "worker ready" in err
    assert not err.startswith("{")


@pytest.mark.parametrize(("stream", "is_json"), [(io.StringIO(), True), (Terminal(), False)])
def test_auto_tells_by_whether_it_is_a_terminal(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, is_json: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    configure(LogSettings(format="auto"))

    own_log().info("worker ready")

    assert stream.getvalue().startswith("{") == is_json


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("DEBUG", ["debug", "info", "warning", "error"]),
        ("INFO", ["info", "warning", "error"]),
        ("WARNING", ["warning", "error"]),
        ("ERROR", ["error"]),
    ],
)
def test_lines_below_the_level_are_not_written(
    capsys: pytest.CaptureFixture[str],
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"],
    written: list[str],
) -> None:
    configure(LogSettings(format="json", level=level))

    for log in (own_log(), logging.getLogger("somebody.else")):
        for name in ("debug", "info", "warning", "error"):
            getattr(log, name)("said")

    assert [line["level"] for line in lines(capsys)] == written * 2


def test_lines_of_third_parties_have_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogSettings(format="json"))

    logging.getLogger("somebody.else").warning("%s of %d", "three", 4)
    logging.getLogger("somebody.else").warning("%(name)s again", {"name": "three"})
    logging.getLogger("somebody.else").warning("100 %")

    assert [(line["event"], line["level"]) for line in lines(capsys)] == [
        ("three of 4", "warning"),
        ("three again", "warning"),
        ("100 %", "warning"),
    ]


def test_chatty_third_parties_are_heard_from_warning_or_not_at_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(LogSettings(format="json", level="DEBUG"))

    for name in ("faust", "mode", "asyncio", "aiokafka", "librdkafka", "presidio-analyzer"):
        logging.getLogger(name).info("info of %s", name)
        logging.getLogger(name).warning("warning of %s", name)

    assert [line["event"] for line in lines(capsys)] == [
        "warning of faust",
        "warning of mode",
        "warning of asyncio",
        "warning of aiokafka",
    ]


def raised() -> ValueError:
    try:
        int(VALUE)
    except ValueError as error:
        return error
    raise AssertionError


def as_reason(error: Exception) -> None:
    try:
        raise error
    except ValueError:
        logging.getLogger("somebody.else").exception("it failed")


def as_argument(error: Exception) -> None:
    logging.getLogger("somebody.else").error("it failed: %r, %s", error, error)


def as_named_argument(error: Exception) -> None:
    logging.getLogger("somebody.else").error("it failed: %(why)s", {"why": error})


def as_message(error: Exception) -> None:
    logging.getLogger("somebody.else").error(error)


def in_a_task(error: Exception) -> None:
    async def fail() -> None:
        raise error

    async def run() -> None:
        task = asyncio.create_task(fail())
        await asyncio.sleep(0)
        logging.getLogger("somebody.else").error("task %r", task)
        del task  # asyncio tells of an exception that nobody asked for

    asyncio.run(run())


def by_our_own(error: Exception) -> None:
    try:
        raise error
    except ValueError:
        own_log().exception("it failed")
    own_log().error("it failed", exc_info=error)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "tell", [as_reason, as_argument, as_named_argument, as_message, in_a_task, by_our_own]
)
def test_of_an_exception_only_its_type_is_written(
    capsys: pytest.CaptureFixture[str],
    tell: Callable[[Exception], None],
    form: Literal["json", "console"],
) -> None:
    configure(LogSettings(format=form))

    tell(raised())

    written = capsys.readouterr().err
    assert "ValueError" in written or tell is in_a_task
    assert VALUE not in written
    assert "Traceback" not in written


def test_a_task_that_failed_unheard_is_told_by_the_type_of_its_exception(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(LogSettings(format="json"))

    in_a_task(raised())

    assert [(line["event"], line.get("exception")) for line in lines(capsys)] == [
        ("task 'Task'", None),
        ("Task exception was never retrieved", "ValueError"),
    ]


def test_configuring_twice_writes_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogSettings(format="json"))
    configure(LogSettings(format="json"))

    own_log().info("worker ready")

    assert len(lines(capsys)) == 1


def test_totals_as_keys_of_a_line_are_what_went_in_and_what_became_of_it() -> None:
    totals = Totals(7, 3, Counter({"decode.not_json": 2, "decode.too_deep": 1}), Counter(tests=1))

    assert totals.keys() == {
        "events": 7,
        "rows": 3,
        "dead": 3,
        "dead_by_code": {"decode.not_json": 2, "decode.too_deep": 1},
        "dropped": {"tests": 1},
        "unusable_ids": {},
    }


def test_an_exception_nobody_caught_is_told_without_its_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(LogSettings(format="json"))

    thread = threading.Thread(target=lambda: int("jane.roe@example.com"))
    thread.start()
    thread.join()

    told = capsys.readouterr().err
    assert "jane.roe" not in told
    assert json.loads(told)["fault"] == "ValueError"
