"""Payloads are read together as they are read one by one, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest

from streamproc.warehouse.shape.packed import Alike, Packed
from streamproc.warehouse.shape.parsing import LEARNT_FROM, LEAVES, Parsed, Parser

DEPTH = 2
UUID = "6fa459ea-ee8a-3ca4-894e-db77e160355e"


def packed_of(payloads: Sequence[bytes]) -> Packed:
    """Return tracked events of one name."""
    lines = pa.array([payload + b"\n" for payload in payloads], pa.binary())
    alike = Alike("track", "Paid", 0, len(payloads))
    return Packed(np.arange(len(payloads)), (alike,), {}, lines)


def parse(payloads: Sequence[bytes], parser: Parser | None = None) -> list[Parsed | Alike]:
    """Return what comes of payloads."""
    return list((parser or Parser(DEPTH)).parse(packed_of(payloads), 1))


def left(payloads: Sequence[bytes]) -> int:
    """Return how many payloads are left to be read one by one."""
    return sum(
        found.stop - found.start for found in parse(payloads) if not isinstance(found, Parsed)
    )


@pytest.mark.parametrize(
    ("why", "payload"),
    [
        ("a key is there twice", b'{"a":{"b":1,"b":2}}'),
        ("half of a surrogate pair", rb'{"a":{"b":"\udc00"}}'),
        ("no UTF-8", b'{"a":{"b":"\xff"}}'),
        ("no JSON", b'{"a":{"b":01}}'),
        ("more than one object", b'{"a":1}{"a":2}'),
        ("an infinite number", b'{"a":1e999}'),
        ("an object keyed by ids", b'{"properties":{"a":{"%s":1}}}' % UUID.encode()),
        ("texts and numbers in one list", b'{"properties":{"a":[1,"x"]}}'),
        ("more keys than it is worth", orjson.dumps({f"k{at}": 1 for at in range(LEAVES + 1)})),
        ("deeper than anybody needs", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    ],
)
def test_what_might_be_read_otherwise_is_left(why: str, payload: bytes) -> None:
    assert left([payload]) == 1, why


@pytest.mark.parametrize(
    ("bodies", "whole"),
    [
        ([{"properties": {"a": "x", "b": 1}}, {"properties": {"a": "y"}}], False),
        ([{"properties": {"a": 1.5}}], False),
        ([{"properties": {"a": 1.5}}, {"properties": {"a": 1}}], True),
        ([{"properties": {"a": 1.5}}, {"properties": {"a": 2**64 - 1}}], True),
        ([{"properties": {"a": [1, 2]}}], True),
        ([{"properties": {"a": {"b": {"c": 1}}}}], True),
        ([{"properties": {"a": {"b": 1}}}], False),
        ([{"identity": {"plan": {"name": "x"}}}], True),
        ([{"channel": {"a": 1}}], True),
        ([{"integrations": {"a": {"b": {"c": {"d": True}}}}}], False),
    ],
)
def test_payloads_are_kept_as_objects_only_where_columns_do_not_say_all(
    bodies: list[Any], whole: bool
) -> None:
    (found,) = parse([orjson.dumps(body) for body in bodies])
    assert isinstance(found, Parsed)
    assert found.bodies == (bodies if whole else None)


def test_one_payload_that_is_left_takes_few_with_it() -> None:
    payloads = [b'{"a":%d}' % number for number in range(1_000)]
    payloads[700] = b'{"a":"x"}'
    assert 1 <= left(payloads) <= LEARNT_FROM


def test_keys_that_come_later_are_learnt() -> None:
    parser = Parser(DEPTH)
    parse([b'{"a":1}'], parser)
    assert all(isinstance(found, Parsed) for found in parse([b'{"b":"x"}'] * 200, parser))
    (found,) = parse([b'{"b":"y","a":2}'] * 200, parser)
    assert isinstance(found, Parsed)
    assert found.columns["b"].to_pylist() == ["y"] * 200


def test_a_moment_stays_the_text_it_is() -> None:
    (found,) = parse([b'{"a":"2026-01-02T03:04:05Z"}'])
    assert isinstance(found, Parsed)
    assert found.columns["a"].to_pylist() == ["2026-01-02T03:04:05Z"]
