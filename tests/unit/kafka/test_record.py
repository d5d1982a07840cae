from typing import Any, cast

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, Message

from streamproc.decode.times import MAX_MICROS, MIN_MICROS
from streamproc.events import Micros, Origin, Record
from streamproc.kafka.reader import to_record


def message(milliseconds: int) -> Message:
    return Message(
        topic="raw",
        partition=2,
        offset=7,
        key=b"k",
        value=b"v",
        timestamp=(TIMESTAMP_CREATE_TIME, milliseconds),
    )


def test_a_message_is_a_record_with_its_time_in_microseconds() -> None:
    assert to_record(message(1_500)) == Record(Origin("raw", 2, 7), b"k", b"v", Micros(1_500_000))


def test_headers_are_kept_in_order() -> None:
    headers: list[tuple[str, str | bytes | None]] = [("a", b"1"), ("b", None), ("a", b"2")]
    found = to_record(Message(topic="raw", partition=0, offset=0, headers=headers))
    assert found.headers == (("a", b"1"), ("b", None), ("a", b"2"))
    assert "a" not in repr(found).partition("headers")[2]


class Unreadable:
    """A message as the client gives it whose header's name is not UTF-8."""

    def __init__(self) -> None:
        self._message = message(1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._message, name)

    def headers(self) -> None:
        raise SystemError("returned a result with an exception set")


def test_headers_that_cannot_be_read_stop_nobody() -> None:
    assert to_record(cast("Message", Unreadable())).headers == ()


@pytest.mark.parametrize(
    ("milliseconds", "micros"), [(2**63 - 1, MAX_MICROS), (-(2**63), MIN_MICROS)]
)
def test_a_time_that_no_warehouse_holds_is_the_nearest_that_it_does(
    milliseconds: int, micros: int
) -> None:
    assert to_record(message(milliseconds)).timestamp == micros
