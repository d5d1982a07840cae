from __future__ import annotations

import pytest

from streamproc.decode.times import MAX_MICROS, MIN_MICROS, read_micros, read_times
from streamproc.errors import EventError
from streamproc.events import Json, Micros, Times

SECOND = 1_000_000
NOON = Micros(1_714_564_800 * SECOND)  # 2024-05-01T12:00:00Z
ARRIVED = Micros(NOON + 60 * SECOND)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2024-05-01T12:00:00Z", NOON),
        ("2024-05-01T12:00:00+00:00", NOON),
        ("2024-05-01T14:00:00+02:00", NOON),
        ("2024-05-01T06:30:00-05:30", NOON),
        ("2024-05-01 12:00:00", NOON),
        ("2024-05-01T12:00:00", NOON),
        ("2024-05-01", NOON - 12 * 3600 * SECOND),
        ("2024-05-01T12:00:00.5Z", NOON + 500_000),
        ("2024-05-01T12:00:00.123Z", NOON + 123_000),
        ("2024-05-01T12:00:00.123456Z", NOON + 123_456),
        ("2024-05-01T12:00:00.123456789Z", NOON + 123_456),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("0001-01-01T00:00:00Z", MIN_MICROS),
        ("9999-12-31T23:59:59.999999Z", MAX_MICROS),
    ],
)
def test_an_iso_text_is_microseconds_utc(text: str, micros: int) -> None:
    assert read_micros(text, "sentAt") == micros


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "2024-13-01T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "12024-05-01T12:00:00Z",
        "-0001-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2024-05-01T12:00:00Z ada@example.com",
        1_714_564_800,
        1_714_564_800.5,
        True,
        {},
        [],
    ],
)
def test_what_is_no_iso_text_of_the_years_1_to_9999_is_refused(value: Json) -> None:
    with pytest.raises(EventError) as refused:
        read_micros(value, "sentAt")
    assert (refused.value.code, refused.value.path) == ("bad_timestamp", "sentAt")
    assert refused.value.__context__ is None


def test_the_event_happened_on_the_servers_clock() -> None:
    body: dict[str, Json] = {
        "originalTimestamp": "2031-01-01T00:00:00Z",
        "sentAt": "2031-01-01T00:00:05Z",
        "receivedAt": "2024-05-01T12:00:00Z",
        "timestamp": "1999-01-01T00:00:00Z",
    }
    times = read_times(body, ARRIVED)
    assert times.received_at == NOON
    assert times.timestamp == NOON - 5 * SECOND


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, Times(None, None, ARRIVED, ARRIVED)),
        ({"originalTimestamp": "2024-05-01T12:00:00Z"}, Times(NOON, None, ARRIVED, NOON)),
        ({"sentAt": "2024-05-01T12:00:00Z"}, Times(None, NOON, ARRIVED, ARRIVED)),
        ({"timestamp": "2024-05-01T12:00:00Z"}, Times(None, None, ARRIVED, NOON)),
        ({"receivedAt": "2024-05-01T12:00:00Z"}, Times(None, None, NOON, NOON)),
        ({"receivedAt": None, "timestamp": None}, Times(None, None, ARRIVED, ARRIVED)),
        (
            {"originalTimestamp": "2024-05-01T12:00:00Z", "timestamp": "2024-05-01T12:01:00Z"},
            Times(NOON, None, ARRIVED, ARRIVED),
        ),
    ],
)
def test_lacking_times_have_their_stand_ins(body: dict[str, Json], expected: Times) -> None:
    assert read_times(body, ARRIVED) == expected


def test_a_device_clock_that_leads_out_of_all_years_is_refused() -> None:
    body: dict[str, Json] = {
        "originalTimestamp": "0001-01-01T00:00:00Z",
        "sentAt": "9999-01-01T00:00:00Z",
    }
    with pytest.raises(EventError) as refused:
        read_times(body, ARRIVED)
    assert (refused.value.code, refused.value.path) == ("bad_timestamp", "timestamp")


@pytest.mark.parametrize(
    "text",
    [
        "401211111111111",  # fromisoformat reads 4012-11-11 11:11:11, Luhn reads a card
        "20260105T090000Z",
        "2026-W02-1",
        "2026-01-05T09:00:00.4111111111111111",
        "2026-01-05T09:00:00Z 4111111111111111",
    ],
)
def test_a_number_in_the_guise_of_a_timestamp_is_refused(text: str) -> None:
    with pytest.raises(EventError) as refused:
        read_micros(text, "sentAt")

    assert (refused.value.code, refused.value.path) == ("bad_timestamp", "sentAt")
