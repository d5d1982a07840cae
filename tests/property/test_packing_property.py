"""Rows that are read side by side are as those read one by one, damaged or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.errors import EventError
from streamproc.events import (
    EventType,
    ManifestEntry,
    Micros,
    Origin,
    ResolvedBy,
    Row,
    Times,
    Token,
)
from streamproc.kafka.codecs import ROW, decode_row, encode_row
from streamproc.warehouse.loading.packing import pack_rows
from streamproc.warehouse.rows import LoadedRow

moments = (st.integers(-(2**63), 2**63 - 1) | st.integers(1, 2**51)).map(Micros)
tokens = st.sampled_from(["tok_k1_abc", "", "é"]).map(Token)
maybe_text = st.none() | st.sampled_from(["", "Paid", "日本"]) | st.text(max_size=70)
origins = st.builds(
    Origin, st.sampled_from(["raw", "other"]), st.integers(0, 300), st.integers(0, 2**40)
)
entries = st.builds(
    ManifestEntry,
    *[st.sampled_from(["a", "b", "c" * 70])] * 4,
    st.floats(0, 1),
    st.none() | st.just("k1"),
)
payloads = st.dictionaries(st.text(max_size=9), st.text(max_size=90), max_size=3).map(orjson.dumps)
rows = st.builds(
    Row,
    message_id=st.text(max_size=70),
    type=st.sampled_from(["identify", "track", "page", "screen", "group", "alias"]),
    event=maybe_text,
    user_id=maybe_text,
    anonymous_id=maybe_text,
    identity_id=st.none() | tokens,
    account_id=st.none() | tokens,
    identity_resolved_by=st.none() | st.sampled_from(get_args(ResolvedBy)),
    identity_resolved_at=st.none() | moments,
    times=st.builds(Times, st.none() | moments, st.none() | moments, moments, moments),
    payload=payloads | st.sampled_from([b"{}", b"[]", b"{", b"", b'{"a":1}{"b":2}']),
    manifest=st.lists(entries, max_size=3).map(tuple),
    ruleset=st.sampled_from(["f00d", ""]),
    origin=origins,
    ordering_key=st.just(b""),
    correction=st.booleans(),
)
messages = st.lists(rows.map(encode_row), min_size=1, max_size=8)


def one_by_one(message: bytes | None) -> LoadedRow | None:
    """Return the row in a message, None if there is none."""
    try:
        return decode_row(message)
    except EventError:
        return None


def assert_as_one_by_one(given_messages: Sequence[bytes | None]) -> int:
    """Check what is packed against the rows one by one, and return how many rows that were."""
    packed, left = pack_rows(given_messages)
    if packed is None:
        assert list(left) == list(range(len(given_messages)))
        return 0
    places = packed.numbers.tolist()
    assert sorted([*places, *left]) == list(range(len(given_messages)))
    parts = [range(each.start, each.stop) for each in packed.alike]
    assert [place for part in parts for place in part] == list(range(len(places)))
    for alike, part in zip(packed.alike, parts, strict=True):
        for at in part:
            row = one_by_one(given_messages[places[at]])
            if row is None:  # its payload is no JSON, which is seen later
                assert not is_object(packed.payloads[at].as_py())
                continue
            assert next(packed.rows([at])) == row
            assert alike.type == row.type
            assert alike.event == (row.event if row.type == "track" else None)
    return len(places)


def is_object(payload: bytes) -> bool:
    """Whether there is a JSON object in ``payload``."""
    try:
        return isinstance(orjson.loads(payload), dict)
    except orjson.JSONDecodeError:
        return False


@settings(max_examples=200, deadline=None)
@given(messages)
def test_rows_side_by_side_are_as_those_one_by_one(given_messages: list[bytes]) -> None:
    assert_as_one_by_one([*given_messages, None, b"", ROW.header])


@settings(max_examples=200, deadline=None)
@given(messages, st.data())
def test_a_damaged_message_is_read_as_one_by_one_and_hurts_no_other(
    given_messages: list[bytes], data: st.DataObject
) -> None:
    damaged: list[bytes | None] = []
    for message in given_messages:
        at = data.draw(st.integers(0, len(message) - 1))
        byte = bytes([data.draw(st.integers(0, 255))])
        way = data.draw(st.sampled_from(["whole", "other", "cut", "longer"]))
        damaged.append(
            {
                "whole": message,
                "other": message[:at] + byte + message[at + 1 :],
                "cut": message[:at],
                "longer": message + byte,
            }[way]
        )
    assert_as_one_by_one(damaged)


def test_usual_rows_are_all_packed_those_of_one_event_together() -> None:
    row = Row(
        "m1", "track", "Paid", "u1", None, None, Times(Micros(1), None, Micros(2**50), Micros(3)),
        b'{"a":1}', (ManifestEntry("a", "b", "c", "d", 0.5, None),), "f00d",
        Origin("raw", 3, 70_000), b"",
    )  # fmt: skip
    kinds: list[tuple[str, EventType]] = [("Paid", "track"), ("Home", "page"), ("Left", "track")]
    given_messages = [encode_row(row._replace(event=name, type=kind)) for name, kind in kinds * 2]
    assert assert_as_one_by_one(given_messages) == len(given_messages)
    packed, _ = pack_rows(given_messages)
    assert packed is not None
    found = sorted((each.type, each.event or "", each.start % 2) for each in packed.alike)
    assert found == [("page", "", 0), ("track", "Left", 0), ("track", "Paid", 0)]
    assert np.all(np.diff(packed.numbers.reshape(3, 2)) > 0)
