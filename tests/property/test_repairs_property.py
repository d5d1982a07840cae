"""Repairs, whatever they are given: nothing but their own errors, and no value in these."""

from __future__ import annotations

import json
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from streamproc.deadletters.inventory import Position, Replay
from streamproc.deadletters.repair.language import Encoding, Mend, Repairs, Step, Text
from streamproc.deadletters.repair.steps import perform
from streamproc.deadletters.repair.texts import read_body, write_body
from streamproc.deadletters.repair.trial import Tries, tried
from streamproc.decode import Limits, decode
from streamproc.errors import EventError
from streamproc.events import DeadLetter, Dropped, Event, Micros, Origin, Record
from streamproc.kafka.dead_letters import decode_replay, encode_replay

LIMITS = Limits(100_000, 32, 10_000)
SECRET = "jane.roe@example.com"

KEYS = st.sampled_from(["a", "b", "userId", "type", "event", "sentAt", "a.b", ""])
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([SECRET, "17", "2024-01-01", "true", "1700000000000", "track"]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
BODIES = st.dictionaries(KEYS, VALUES, max_size=5)
NAMES = ["a", "b", "userId", "type", "event", "a.b"]
PLACES = st.lists(st.sampled_from([*NAMES, "*"]), min_size=1).filter(lambda each: each[0] != "*")
KEY_PLACES = PLACES.filter(lambda place: place[-1] != "*")
SCALARS = st.one_of(st.booleans(), st.integers(-(2**63), 2**64 - 1), st.text(max_size=5))
TARGETS = st.sampled_from(["string", "integer", "number", "boolean", "timestamp"])
STEPS = st.one_of(
    st.fixed_dictionaries({"path": PLACES, "to": TARGETS}).map(lambda each: {"cast": each}),
    PLACES.map(lambda place: {"remove": {"path": place}}),
    st.tuples(PLACES, SCALARS).map(lambda each: {"replace": {"path": each[0], "value": each[1]}}),
    PLACES.map(lambda place: {"replace": {"path": place, "pattern": "[a-j]+", "by": ""}}),
    st.tuples(KEY_PLACES, SCALARS).map(lambda each: {"set": {"path": each[0], "value": each[1]}}),
    KEY_PLACES.map(lambda place: {"rename": {"path": place, "to": "userId"}}),
)
TEXTS = st.builds(
    lambda encoding, mend: Text(encoding=encoding, mend=mend),
    st.sampled_from([*Encoding.__args__]),  # type: ignore[attr-defined] # of a Literal
    st.frozensets(st.sampled_from([*Mend.__args__])),  # type: ignore[attr-defined]
)


def checks(record: Record) -> Event | Dropped:
    return decode(record, LIMITS)


@given(BODIES, st.lists(STEPS, max_size=5))
def test_steps_end_in_a_body_that_can_be_written_or_a_code(
    body: dict[str, Any], steps: list[dict[str, Any]]
) -> None:
    written = json.dumps(body).encode()
    try:
        read = read_body(written, Text(mend=frozenset({"nan"})))
        perform(read, [Step.model_validate(step) for step in steps])
        found: bytes | EventError = write_body(read)
    except EventError as error:
        found = error
    if isinstance(found, EventError):
        assert str(found) in {"decode: number_too_large", "decode: lone_surrogate"}
    else:
        assert isinstance(orjson.loads(found), dict)


@given(BODIES)
def test_what_is_in_order_is_read_and_written_without_a_change(body: dict[str, Any]) -> None:
    try:
        written = orjson.dumps(body)
    except TypeError:  # numbers beyond 64 bits
        return
    assert orjson.loads(write_body(read_body(written, Text()))) == orjson.loads(written)


@given(st.one_of(st.binary(max_size=60), BODIES.map(lambda body: json.dumps(body).encode())), TEXTS)
def test_no_bytes_raise_anything_but_a_code_of_decoding(value: bytes, text: Text) -> None:
    try:
        found: dict[str, Any] | EventError = read_body(value, text)
    except EventError as error:
        found = error
    if isinstance(found, EventError):
        assert found.stage == "decode"
        assert found.__context__ is None
    else:
        assert isinstance(found, dict)


@given(BODIES, st.lists(STEPS, min_size=1, max_size=4))
def test_only_what_passes_decoding_is_to_be_sent(
    body: dict[str, Any], steps: list[dict[str, Any]]
) -> None:
    repair = {"name": "any", "steps": steps}
    repairs = Repairs.model_validate({"version": 1, "name": "any", "repairs": [repair]})
    origin = Origin("raw", 0, 1)
    record = Record(origin, None, json.dumps(body).encode(), Micros(1))
    letter = DeadLetter("decode", "wrong_type", "", origin, Micros(1), "", b"{}", None)

    found = tried(letter, record, Tries.of(repairs), checks)

    assert (found.value is not None) == (found.outcome == "passes")
    assert SECRET not in found.cause
    if found.value is not None:
        event = decode(Record(origin, None, found.value, Micros(1)), LIMITS)
        assert event.raw == found.value
        assert tried(letter, record, Tries.of(repairs), checks) == found


@given(
    st.builds(
        Replay,
        st.builds(Position, st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1)),
        st.integers(1, 2**31 - 1),
        st.builds(Origin, st.text(), st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1)),
        st.none() | st.text(),
    )
)
def test_a_mark_is_read_as_it_was_written(replay: Replay) -> None:
    assert decode_replay(encode_replay(replay)) == replay
