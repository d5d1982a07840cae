from __future__ import annotations

import typing

import pytest

from streamproc.decode import CODES, Code, Limits
from streamproc.decode.parse import parse
from streamproc.errors import EventError

LIMITS = Limits(event_bytes=1_048_576, depth=64, text_characters=1_000)


def nested(depth: int) -> bytes:
    """Return an object with ``depth`` levels of nesting in all."""
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(None, "empty", id="tombstone"),
        pytest.param(b"", "empty", id="no bytes"),
        pytest.param(b" \n", "not_json", id="white space"),
        pytest.param(b"{", "not_json", id="cut off"),
        pytest.param(b'{"a":1} {}', "not_json", id="two documents"),
        pytest.param(b"{'a':1}", "not_json", id="single quotes"),
        pytest.param(b'{"a":"\t"}', "not_json", id="bare control character"),
        pytest.param(b'{"a":NaN}', "not_json", id="NaN"),
        pytest.param(b'{"a":-Infinity}', "not_json", id="infinity"),
        pytest.param('{"a":1}'.encode("utf-16-le"), "not_json", id="UTF-16"),
        pytest.param(b'{"a":"\xff"}', "not_utf8", id="stray byte"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', "not_utf8", id="surrogate as bytes"),
        pytest.param(b'{"a":"\\ud800"}', "lone_surrogate", id="lone high surrogate"),
        pytest.param(b'{"a":"\\udc00x"}', "lone_surrogate", id="lone low surrogate"),
        pytest.param(b'{"\\ud800":1}', "lone_surrogate", id="lone surrogate in a key"),
        pytest.param(b'{"a":1e999}', "number_too_large", id="beyond a double"),
        pytest.param(b'{"a":-1e400}', "number_too_large", id="beyond a double, negative"),
        pytest.param(b'{"a":18446744073709551616}', "number_too_large", id="2**64"),
        pytest.param(b'{"a":[-9223372036854775809]}', "number_too_large", id="-2**63 - 1"),
        pytest.param(b'{"a":%s}' % (b"9" * 5_000), "number_too_large", id="5,000 digits"),
        pytest.param(nested(65), "too_deep", id="65 deep"),
        pytest.param(nested(500), "too_deep", id="500 deep"),
        pytest.param(nested(100_000), "too_deep", id="100,000 deep"),
        pytest.param(b"[" * 100_000, "too_deep", id="100,000 open brackets"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep", id="deep objects"),
        pytest.param(b'{"a":"%s"}' % (b"x" * 1_001), "text_too_long", id="long text"),
        pytest.param(b'{"%s":1}' % (b"x" * 1_001), "text_too_long", id="long key"),
        pytest.param(b'{"a":"%s"}' % (b"x" * 5_000_000), "too_large", id="5 MB"),
        pytest.param(b"[]", "not_an_object", id="list"),
        pytest.param(b"null", "not_an_object", id="null"),
        pytest.param(b'"text"', "not_an_object", id="text"),
    ],
)
def test_what_is_no_event_is_refused_with_its_code(value: bytes | None, code: Code) -> None:
    with pytest.raises(EventError) as refused:
        parse(value, LIMITS)
    assert (refused.value.stage, refused.value.code, refused.value.path) == ("decode", code, "")


def test_a_refusal_carries_nothing_of_the_value() -> None:
    with pytest.raises(EventError) as refused:
        parse(b'{"email":"ada@example.com",}', LIMITS)
    assert refused.value.__context__ is None
    assert "ada" not in repr(refused.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(b'{"a":1,"a":2}', {"a": 2}, id="last of duplicate keys"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', {"a": 1}, id="byte order mark"),
        pytest.param(b'{"a":"\\u0000"}', {"a": "\0"}, id="NUL"),
        pytest.param(b'{"a":"\\ud83d\\ude00"}', {"a": "😀"}, id="surrogate pair"),
        pytest.param(b'{"a":18446744073709551615}', {"a": 2**64 - 1}, id="2**64 - 1"),
        pytest.param(b'{"a":-9223372036854775808}', {"a": -(2**63)}, id="-2**63"),
        pytest.param(b'{"a":1e300}', {"a": 1e300}, id="large double"),
        pytest.param(b'{"a":12345678901234567890.5}', {"a": 12345678901234567890.5}, id="double"),
        pytest.param(b'{"a":"99999999999999999999"}', {"a": "9" * 20}, id="digits in a text"),
        pytest.param(b'{"a":"[[[[{{{{"}', {"a": "[[[[{{{{"}, id="brackets in a text"),
    ],
)
def test_odd_json_is_read_exactly(value: bytes, expected: object) -> None:
    assert parse(value, LIMITS) == expected


def test_nesting_up_to_the_limit_passes() -> None:
    assert list(parse(nested(64), LIMITS)) == ["a"]


def test_many_shallow_lists_are_not_deep() -> None:
    value = b'{"a":[%s]}' % b",".join([b"[]"] * 1_000)
    assert parse(value, LIMITS) == {"a": [[]] * 1_000}


def test_a_text_of_the_longest_length_passes_in_an_event_of_more_bytes() -> None:
    assert parse(b'{"a":"%s"}' % (b"x" * 1_000), LIMITS) == {"a": "x" * 1_000}


def test_length_counts_characters_not_bytes() -> None:
    value = '{"a":"%s"}' % ("é" * 1_000)
    assert parse(value.encode(), LIMITS) == {"a": "é" * 1_000}


def test_a_hundred_thousand_keys_pass() -> None:
    value = b"{" + b",".join(b'"k%d":%d' % (i, i) for i in range(50_000)) + b"}"
    assert len(parse(value, LIMITS)) == 50_000


def test_a_depth_limit_beyond_the_parsers_own_is_the_parsers() -> None:
    with pytest.raises(EventError) as refused:
        parse(nested(1_025), LIMITS._replace(depth=5_000))
    assert refused.value.code == "too_deep"


def test_every_code_has_its_meaning() -> None:
    assert set(CODES) == set(typing.get_args(Code))
