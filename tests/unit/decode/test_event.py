from __future__ import annotations

import orjson
import pytest

from streamproc.decode import Limits, decode
from streamproc.errors import EventError
from streamproc.events import Event, Micros, Origin, Record

LIMITS = Limits(event_bytes=1_048_576, depth=64, text_characters=262_144)
ARRIVED = Micros(1_700_000_000_000_000)


def decoded(**fields: object) -> Event:
    value = orjson.dumps(fields)
    return decode(Record(Origin("events.raw", 2, 41), b"key", value, ARRIVED), LIMITS)


def refused(**fields: object) -> tuple[str, str]:
    with pytest.raises(EventError) as error:
        decoded(**fields)
    return error.value.code, error.value.path


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "identify", "userId": "u1", "traits": {"plan": "free"}},
        {"type": "track", "anonymousId": "a1", "event": "Signed Up", "properties": {}},
        {"type": "page", "userId": "u1", "name": "Home"},
        {"type": "page", "anonymousId": "a1"},
        {"type": "screen", "userId": "u1", "anonymousId": "a1"},
        {"type": "group", "userId": "u1", "groupId": "g1"},
        {"type": "alias", "userId": "u1", "previousId": "a1"},
    ],
)
def test_an_event_of_the_spec_keeps_its_body(fields: dict[str, object]) -> None:
    event = decoded(**fields)
    assert event.type == fields["type"]
    assert event.body == fields
    assert (event.origin, event.key) == (Origin("events.raw", 2, 41), b"key")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"userId": "u1"}, ("missing_type", "type")),
        ({"type": None, "userId": "u1"}, ("missing_type", "type")),
        ({"type": 7, "userId": "u1"}, ("wrong_type", "type")),
        ({"type": ["track"], "userId": "u1"}, ("wrong_type", "type")),
        ({"type": "Track", "userId": "u1"}, ("unknown_type", "type")),
        ({"type": "track", "userId": "u1"}, ("missing_field", "event")),
        ({"type": "track", "userId": "u1", "event": ""}, ("missing_field", "event")),
        ({"type": "identify"}, ("missing_field", "userId")),
        ({"type": "page", "userId": None, "anonymousId": ""}, ("missing_field", "userId")),
        ({"type": "group", "userId": "u1"}, ("missing_field", "groupId")),
        ({"type": "group", "groupId": "g1"}, ("missing_field", "userId")),
        ({"type": "alias", "userId": "u1"}, ("missing_field", "previousId")),
        ({"type": "alias", "previousId": "a1"}, ("missing_field", "userId")),
        ({"type": "identify", "userId": 5}, ("wrong_type", "userId")),
        ({"type": "identify", "userId": "u1", "traits": []}, ("wrong_type", "traits")),
        ({"type": "identify", "userId": "u1", "context": "x"}, ("wrong_type", "context")),
        ({"type": "page", "userId": "u1", "properties": 1}, ("wrong_type", "properties")),
        ({"type": "page", "userId": "u1", "messageId": True}, ("wrong_type", "messageId")),
    ],
)
def test_an_event_against_the_spec_is_refused_at_its_field(
    fields: dict[str, object], why: tuple[str, str]
) -> None:
    assert refused(**fields) == why


def test_null_counts_as_absent() -> None:
    event = decoded(type="identify", userId="u1", traits=None, context=None, messageId=None)
    assert event.body["traits"] is None


def test_the_message_id_is_the_events_own() -> None:
    assert decoded(type="page", userId="u1", messageId="m-1").message_id == "m-1"


@pytest.mark.parametrize("absent", [{}, {"messageId": None}, {"messageId": ""}])
def test_a_lacking_message_id_is_made_of_the_origin(absent: dict[str, object]) -> None:
    made = decoded(type="page", userId="u1", **absent).message_id
    assert made == f"events.raw-2-41-{ARRIVED // 1_000}"


def test_a_message_id_that_is_made_tells_a_topic_made_anew_from_the_one_before() -> None:
    value = orjson.dumps({"type": "page", "userId": "u1"})
    origin = Origin("events.raw", 2, 41)
    made = {
        decode(Record(origin, None, value, Micros(at)), LIMITS).message_id
        for at in (ARRIVED, ARRIVED, ARRIVED + 1_000)
    }
    assert len(made) == 2


def test_the_repr_shows_no_value() -> None:
    event = decoded(type="identify", userId="u-secret", messageId="m-secret")
    assert "secret" not in repr(event)
