from __future__ import annotations

import json

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from streamproc.decode import CODES, Limits, decode
from streamproc.decode.parse import parse
from streamproc.errors import EventError
from streamproc.events import Event, Micros, Origin, Record

LIMITS = Limits(event_bytes=10_000, depth=16, text_characters=200)
OUTCOMES = {f"decode.{code}" for code in CODES}

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=250)
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)
fields = st.sampled_from(
    ["userId", "anonymousId", "previousId", "groupId", "event", "messageId", "sentAt", "context"]
)
events = st.dictionaries(fields, st.text(max_size=5) | scalars | st.dictionaries(fields, scalars))
types = st.sampled_from(["identify", "track", "page", "screen", "group", "alias", "other", 3])


def outcome(value: bytes) -> Event | str:
    """Return the event in ``value``, or the code it is refused with."""
    try:
        return decode(Record(Origin("t", 0, 1), None, value, Micros(0)), LIMITS)
    except EventError as error:
        return f"{error.stage}.{error.code}"


def read(value: bytes) -> object:
    """Return the object in ``value``, or the code it is refused with."""
    try:
        return parse(value, LIMITS)
    except EventError as error:
        return error.code


@given(st.binary(max_size=200))
@example(b"\xef\xbb\xbf\xef\xbb\xbf{}")
def test_any_bytes_are_an_event_or_a_known_code(value: bytes) -> None:
    found = outcome(value)
    assert isinstance(found, Event) or found in OUTCOMES


@given(events, types)
def test_any_fields_are_an_event_or_a_known_code(body: dict[str, object], kind: object) -> None:
    value = json.dumps(body | {"type": kind}).encode()
    found = outcome(value)
    assert isinstance(found, Event) or found in OUTCOMES
    assert found == outcome(value)


@given(documents)
def test_what_is_read_is_exactly_what_was_written(document: object) -> None:
    found = read(json.dumps({"a": document}).encode())
    if isinstance(found, str):
        assert found in {"number_too_large", "text_too_long", "too_deep", "too_large"}
    else:
        assert found == {"a": document}
        assert json.loads(orjson.dumps(found)) == {"a": document}


@given(st.integers(-(10**25), 10**25))
@example(2**63)
@example(2**64 - 1)
@example(2**64)
@example(-(2**63) - 1)
def test_an_integer_is_exact_or_refused(number: int) -> None:
    fits = -(2**63) <= number < 2**64
    assert read(b'{"a":%d}' % number) == ({"a": number} if fits else "number_too_large")
