"""What each step does to an event, and what it leaves alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamproc.deadletters.repair.language import Step, Text
from streamproc.deadletters.repair.steps import perform
from streamproc.deadletters.repair.texts import LongNumber, read_body, write_body
from streamproc.errors import EventError


def done(body: dict[str, Any], *steps: dict[str, Any]) -> dict[str, Any]:
    perform(body, [Step.model_validate(step) for step in steps])
    return body


def cast(value: Any, to: str, **more: str) -> Any:
    return done({"a": value}, {"cast": {"path": "a", "to": to, **more}})["a"]


@pytest.mark.parametrize(
    ("value", "to", "made"),
    [
        (7, "string", "7"),
        (7.0, "string", "7"),
        (1.5, "string", "1.5"),
        (True, "string", "true"),
        ("as it is", "string", "as it is"),
        (LongNumber("123456789012345678901234567890"), "string", "1234567890" * 3),
        ({"b": 1}, "string", {"b": 1}),
        ([1], "string", [1]),
        (None, "string", None),
        ("42", "integer", 42),
        (" -42 ", "integer", -42),
        ("42.0", "integer", 42),
        (42.0, "integer", 42),
        ("9007199254740993", "integer", 9007199254740993),
        ("18446744073709551615", "integer", 18446744073709551615),
        ("18446744073709551616", "integer", "18446744073709551616"),
        ("42.5", "integer", "42.5"),
        ("forty", "integer", "forty"),
        (True, "integer", True),
        ("42.5", "number", 42.5),
        ("42", "number", 42),
        ("1,000", "number", "1,000"),
        ("TRUE", "boolean", True),
        ("no", "boolean", False),
        (1, "boolean", True),
        (2, "boolean", 2),
        (0.0, "boolean", 0.0),
        ("maybe", "boolean", "maybe"),
        (1_700_000_000_000, "timestamp", "2023-11-14T22:13:20Z"),
        ("1700000000000", "timestamp", "2023-11-14T22:13:20Z"),
        (10**30, "timestamp", 10**30),
        ("soon", "timestamp", "soon"),
    ],
)
def test_a_value_is_cast_or_stays_as_it_is(value: Any, to: str, made: Any) -> None:
    found = cast(value, to)
    assert (found, type(found)) == (made, type(made))


@pytest.mark.parametrize(
    ("value", "more", "made"),
    [
        (1_700_000_000, {"unit": "seconds"}, "2023-11-14T22:13:20Z"),
        (1_700_000_000.25, {"unit": "seconds"}, "2023-11-14T22:13:20.250000Z"),
        (1_700_000_000_000_000, {"unit": "microseconds"}, "2023-11-14T22:13:20Z"),
        ("14/11/2023 22:13", {"format": "%d/%m/%Y %H:%M"}, "2023-11-14T22:13:00Z"),
        ("14/11/2023 +0100", {"format": "%d/%m/%Y %z"}, "2023-11-13T23:00:00Z"),
        ("2023", {"format": "%d/%m/%Y"}, "2023"),
    ],
)
def test_timestamps_are_read_as_it_is_said(value: Any, more: dict[str, str], made: str) -> None:
    assert cast(value, "timestamp", **more) == made


def test_a_field_is_removed_from_every_item_of_a_list() -> None:
    body = {"products": [{"sku": 1, "debug": 2}, {"sku": 3}, "text", {"debug": 4}]}
    made = done(body, {"remove": {"path": "products[*].debug"}})
    assert made == {"products": [{"sku": 1}, {"sku": 3}, "text", {}]}


def test_a_list_is_emptied_by_removing_its_items() -> None:
    assert done({"a": [1, 2], "b": 3}, {"remove": {"path": "a[*]"}}) == {"a": [], "b": 3}


def test_keys_count_as_they_are_spelled() -> None:
    body = {"UserID": 1, "userId": 2, "user_id": 3}
    assert done(body, {"remove": {"path": "userId"}}) == {"UserID": 1, "user_id": 3}


def test_a_key_with_a_dot_is_written_in_a_list() -> None:
    body = {"properties": {"a.b": 1, "a": {"b": 2}}}
    made = done(body, {"rename": {"path": ["properties", "a.b"], "to": "c"}})
    assert made == {"properties": {"a": {"b": 2}, "c": 1}}


def test_a_value_is_replaced_only_where_there_is_one() -> None:
    assert done({"a": 1}, {"replace": {"path": "a", "value": "x"}}) == {"a": "x"}
    assert done({"b": 1}, {"replace": {"path": "a", "value": "x"}}) == {"b": 1}


def test_what_an_expression_finds_is_replaced_literally() -> None:
    step = {"replace": {"path": "url[*]", "pattern": "id=[0-9]+", "by": r"\1$"}}
    assert done({"url": ["?id=1&id=22", 7]}, step) == {"url": [r"?\1$&\1$", 7]}


def test_a_value_is_set_only_where_there_is_none() -> None:
    step = {"set": {"path": "context.app.name", "value": "web"}}
    for body in ({}, {"context": None}, {"context": {"app": {"name": ""}}}):
        assert done(dict(body), step) == {"context": {"app": {"name": "web"}}}
    assert done({"context": {"app": {"name": "ios"}}}, step)["context"]["app"]["name"] == "ios"
    assert done({"context": "text"}, step) == {"context": "text"}


def test_a_value_is_set_in_every_item_of_a_list() -> None:
    step = {"set": {"path": "a[*].b.c", "value": 1}}
    assert done({"a": [{}, {"b": {"c": 2}}, 3]}, step) == {
        "a": [{"b": {"c": 1}}, {"b": {"c": 2}}, 3]
    }


def test_a_field_is_not_renamed_to_a_key_that_is_taken() -> None:
    step = {"rename": {"path": "a", "to": "b"}}
    assert done({"a": 1, "b": 2}, step) == {"a": 1, "b": 2}
    assert done({"a": 1, "b": None}, step) == {"b": 1}


def test_steps_are_done_in_order() -> None:
    made = done(
        {"a": 7},
        {"rename": {"path": "a", "to": "b"}},
        {"cast": {"path": "b", "to": "string"}},
        {"cast": {"path": "a", "to": "boolean"}},
    )
    assert made == {"b": "7"}


# -- bytes -----------------------------------------------------------------------------------------


def read(value: bytes | None, **text: Any) -> dict[str, Any]:
    return read_body(value, Text.model_validate(text))


def why_not(value: bytes | None, **text: Any) -> str:
    with pytest.raises(EventError) as raised:
        read(value, **text)
    assert raised.value.__context__ is None, "an exception that quotes the document goes along"
    return raised.value.code


@pytest.mark.parametrize(
    ("value", "text", "body"),
    [
        (b'{"a": "caf\xe9"}', {"encoding": "cp1252"}, {"a": "café"}),
        ('{"a": "ü"}'.encode("utf-16"), {"encoding": "utf-16"}, {"a": "ü"}),
        (b'\xef\xbb\xbf{"a": 1}', {}, {"a": 1}),
        (b'{"a": NaN, "b": -Infinity}', {"mend": ["nan"]}, {"a": None, "b": None}),
        (b'{"a": "tab\there"}', {"mend": ["control_characters"]}, {"a": "tab\there"}),
        (b'{"a": "\\ud83d!"}', {"mend": ["surrogates"]}, {"a": "\ufffd!"}),
        (b'{"a": "\\ud83d\\ude00"}', {"mend": ["surrogates"]}, {"a": "😀"}),
        (b'[{"a": 1}]', {"mend": ["wrapped"]}, {"a": 1}),
        (json.dumps('{"a": 1}').encode(), {"mend": ["wrapped"]}, {"a": 1}),
        (json.dumps(['{"a": 1}']).encode(), {"mend": ["wrapped"]}, {"a": 1}),
    ],
)
def test_bytes_are_read_as_it_is_said(
    value: bytes, text: dict[str, Any], body: dict[str, Any]
) -> None:
    assert read(value, **text) == body


@pytest.mark.parametrize(
    ("value", "text", "code"),
    [
        (None, {}, "empty"),
        (b"", {}, "empty"),
        (b'{"a": "caf\xe9"}', {}, "not_utf8"),
        (b'{"a": NaN}', {}, "not_json"),
        (b'{"a": "tab\there"}', {}, "not_json"),
        (b"{", {"mend": ["nan", "wrapped"]}, "not_json"),
        (b"[1, 2]", {"mend": ["wrapped"]}, "not_an_object"),
        (b"[[" * 100_000, {}, "too_deep"),
        (b'"{"', {"mend": ["wrapped"]}, "not_json"),
    ],
)
def test_what_cannot_be_read_has_the_code_of_decoding(
    value: bytes | None, text: dict[str, Any], code: str
) -> None:
    assert why_not(value, **text) == code


@pytest.mark.parametrize(
    ("written", "code"),
    [
        (b'{"a": 123456789012345678901}', "number_too_large"),
        (b'{"a": 1e999}', "number_too_large"),
        (b'{"a": "\\ud83d"}', "lone_surrogate"),
        (b'{"\\ud83d": 1}', "lone_surrogate"),
    ],
)
def test_what_an_event_cannot_hold_is_not_written(written: bytes, code: str) -> None:
    with pytest.raises(EventError) as raised:
        write_body(read(written))
    assert raised.value.code == code


def test_a_number_of_a_hundred_thousand_digits_costs_nothing() -> None:
    assert read(b'{"a": ' + b"9" * 100_000 + b"}")["a"] == "9" * 100_000
