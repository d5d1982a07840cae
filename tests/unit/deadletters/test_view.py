from __future__ import annotations

import orjson
import pytest

from streamproc.deadletters import view


def shown(document: object) -> object:
    return orjson.loads(view(orjson.dumps(document)))


def test_spec_keys_types_and_lengths_are_shown_and_nothing_else() -> None:
    event = {
        "type": "track",
        "userId": "u-12345",
        "properties": {"ada@example.com": 1, "total": 9.5, "products": [{"sku": None}]},
        "context": {"active": True},
    }
    assert shown(event) == {
        "type": "track",
        "userId": "<string 7>",
        "properties": {
            "<key 15>": "<integer>",
            "total": "<number>",
            "products": [{"sku": "<null>"}],
        },
        "context": {"active": "<boolean>"},
    }


def test_a_type_that_is_none_of_the_six_is_a_value() -> None:
    assert shown({"type": "ada@example.com"}) == {"type": "<string 15>"}


def test_a_type_further_down_is_a_value() -> None:
    assert shown({"traits": {"type": "track"}}) == {"traits": {"type": "<string 5>"}}


def test_foreign_keys_of_one_length_stay_apart() -> None:
    assert shown({"aa": 1, "bb": "x", "ccc": 2}) == {
        "<key 2>": "<integer>",
        "<key 2> 2": "<string 1>",
        "<key 3>": "<integer>",
    }


def test_long_lists_and_objects_say_how_much_more_there_is() -> None:
    assert shown(list(range(8))) == ["<integer>"] * 5 + ["<3 more>"]
    fields = {f"field number {i:03}": i for i in range(70)}
    assert "<6 more>" in str(shown(fields))


def test_deep_nesting_is_cut() -> None:
    document: object = 1
    for _ in range(20):
        document = {"traits": document}
    text = view(orjson.dumps(document))
    assert text.count(b"traits") == 8
    assert b"<object 1>" in text


@pytest.mark.parametrize("value", [b"\xff\xfe", b"not json", b'{"a":"\\ud800"}', b"[" * 5_000])
def test_what_cannot_be_parsed_is_its_length(value: bytes) -> None:
    assert orjson.loads(view(value)) == {"bytes": len(value)}


def test_a_tombstone_is_null() -> None:
    assert view(None) == b"null"


def test_the_view_of_a_large_record_is_small() -> None:
    wide = {f"key{i}" * (1 + i % 7): [{"a" * j: j for j in range(50)}] * 9 for i in range(5_000)}
    text = view(orjson.dumps(wide | {"type": "identify"}))
    assert len(text) <= 4_096
