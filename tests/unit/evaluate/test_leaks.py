from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from streamproc.evaluate.leaks import Output

EMAIL = "jane.roe@example.com"


@pytest.mark.parametrize(
    "content",
    [
        {"email": EMAIL},
        {"note": f"write to {EMAIL}, please"},
        {EMAIL: 1},
        {"list": [{"deep": [EMAIL]}]},
        {"upper": EMAIL.upper()},
        {"url": f"https://example.com/?e={quote(EMAIL, safe='')}"},
        {"url": quote(quote(quote(EMAIL, safe=""), safe=""), safe="")},
        {"payload": json.dumps({"inner": json.dumps({"email": EMAIL})})},
        {"payload": base64.b64encode(EMAIL.encode()).decode()},
        {"payload": base64.urlsafe_b64encode(json.dumps({"e": EMAIL}).encode()).decode()},
        {"payload": base64.b64encode(f"id=1&e={quote(EMAIL, safe='')}".encode()).decode()},
        {"token": f"Basic {base64.b64encode(EMAIL.encode()).decode().rstrip('=')}"},
        {"wide": "ｊａｎｅ.ｒｏｅ@ｅｘａｍｐｌｅ.ｃｏｍ"},  # noqa: RUF001 - full-width on purpose
        {"hidden": "jane\u200b.roe@exam\u2060ple.com"},
        {"escaped": r"jane\u002eroe@example.com"},
    ],
)
def test_a_value_is_found_however_it_is_written(content: dict[str, Any]) -> None:
    assert Output(content).holds(EMAIL)


@pytest.mark.parametrize(
    "content",
    [
        {"email": "<EMAIL_ADDRESS>"},
        {"email": "tok_k1_abcdef", "name": None, "count": 3, "done": True},
        {"email": "jane.roe@example"},
        {"email": f"mary{EMAIL}"},
    ],
)
def test_a_value_that_is_gone_is_not_found(content: dict[str, Any]) -> None:
    assert not Output(content).holds(EMAIL)


def test_a_name_is_found_as_a_word_only() -> None:
    assert Output({"text": "for Petra, by mail"}).holds("Petra")
    assert not Output({"text": "for Petrarch"}).holds("Petra")


def test_words_joined_by_plus_signs_are_words() -> None:
    assert Output({"url": f"https://example.com/?q={quote_plus('Jane Roe')}"}).holds("Jane Roe")


@pytest.mark.parametrize(
    "content", [{"n": 2125550142}, {"n": 2125550142.0}, {"n": "212.555.0142"}, {"2125550142": ""}]
)
def test_a_number_is_found_however_its_digits_are_grouped(content: dict[str, Any]) -> None:
    assert Output(content).holds("(212) 555-0142")


def test_a_short_number_is_found_as_it_is_written_only() -> None:
    assert Output({"n": "4-2"}).holds("4-2")
    assert not Output({"n": 42}).holds("4-2")


def test_a_value_of_invisible_characters_alone_is_never_found() -> None:
    assert not Output({"a": "\u200b"}).holds("\u200b")
