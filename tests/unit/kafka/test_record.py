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


@pytest.mark.parametrize(
    ("milliseconds", "micros"), [(2**63 - 1, MAX_MICROS), (-(2**63), MIN_MICROS)]
)
def test_a_time_that_no_warehouse_holds_is_the_nearest_that_it_does(
    milliseconds: int, micros: int
) -> None:
    assert to_record(message(milliseconds)).timestamp == micros
