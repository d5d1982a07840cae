from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from streamproc.canaries.leaks import Finder
from streamproc.demo import Kind, Planted, generate

EMAIL = Planted("email", "amina.okafor+news7@example.com", "context.traits.email", "m1")
PHONE = Planted("phone", "(212) 555-0143", "properties.phone", "m1")
CARD = Planted("card", "3782 822463 10005", "properties.card", "m1")
IBAN = Planted("iban", "DE89 3704 0044 0532 0130 00", "properties.iban", "m1")
SSN = Planted("ssn", "912-34-5678", "properties.ssn", "m1")
NAME = Planted("person", "Joaquín", "traits.firstName", "m1")
ADDRESS = Planted("address", "12 Alder Crescent", "traits.address.street", "m1")
EVERY = (EMAIL, PHONE, CARD, IBAN, SSN, NAME, ADDRESS)


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder(EVERY)


def in_base64(value: str, shift: int = 0) -> str:
    return base64.b64encode(b"x" * shift + value.encode() + b" and more").decode()


@pytest.mark.parametrize("planted", EVERY, ids=lambda each: each.kind)
@pytest.mark.parametrize(
    "write",
    [
        str,
        str.upper,
        str.lower,
        quote_plus,
        lambda value: quote(value, safe=""),
        lambda value: quote(quote(value, safe=""), safe=""),
        lambda value: quote(value, safe="").lower(),
        json.dumps,
        lambda value: json.dumps(json.dumps({"a": value})),
    ],
    ids=["plain", "upper", "lower", "plus", "percent", "twice", "lower hex", "json", "nested json"],
)
def test_a_value_is_found_however_it_is_written(
    finder: Finder, planted: Planted, write: Callable[[str], str]
) -> None:
    assert finder.find(f"before {write(planted.value)}, after".encode()) == [planted]


@pytest.mark.parametrize("shift", [0, 1, 2])
@pytest.mark.parametrize("planted", EVERY, ids=lambda each: each.kind)
def test_a_value_is_found_in_base64_at_every_alignment(
    finder: Finder, planted: Planted, shift: int
) -> None:
    assert finder.find(in_base64(planted.value, shift).encode()) == [planted]


@pytest.mark.parametrize(
    ("planted", "written"),
    [
        (PHONE, "2125550143"),
        (PHONE, "+12125550143"),
        (PHONE, "+1 212.555.0143"),
        (PHONE, "tel:212-555-0143"),
        (PHONE, "%28212%29%20555-0143"),
        (CARD, "378282246310005"),
        (CARD, "3782-822463-10005"),
        (IBAN, "DE89370400440532013000"),
        (IBAN, "de89-3704-0044-0532-0130-00"),
        (SSN, "912345678"),
        (SSN, "912 34 5678"),
    ],
)
def test_a_number_is_found_with_other_separators(
    finder: Finder, planted: Planted, written: str
) -> None:
    assert finder.find(f'{{"text":"is {written}"}}'.encode()) == [planted]


@pytest.mark.parametrize(
    "written",
    [
        "%3Aamina.okafor+news7@example.com",
        r"\namina.okafor+news7@example.com",
        "<a@b>amina.okafor+news7@example.com",
    ],
)
def test_what_stands_after_an_escape_is_found(finder: Finder, written: str) -> None:
    assert finder.find(written.encode()) == [EMAIL]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("person", "Petra", "Petrarch and petrasomething and XPetra"),
        ("ip", "192.0.2.1", "192.0.2.13 and 1192.0.2.1"),
        ("ssn", "912-34-5678", "9912345678 and 91234567890"),
        ("person", "Müller", "Müllerin"),
        ("person", "Joaquín", "Joaquin"),
    ],
)
def test_a_part_of_another_word_or_number_is_no_leak(kind: Kind, value: str, text: str) -> None:
    assert Finder([Planted(kind, value, "path", "m1")]).find(text.encode()) == []


def test_a_value_planted_twice_is_told_by_its_first_planting() -> None:
    again = Planted("email", EMAIL.value, "properties.query", "m2")

    assert Finder([EMAIL, again]).find(EMAIL.value.encode()) == [EMAIL]


def test_nothing_planted_finds_nothing() -> None:
    assert Finder([]).find(b"anything") == []


def test_tokens_and_placeholders_are_no_leaks(finder: Finder) -> None:
    text = b'{"email":"tok_k1_abcdefghijklmnopabcdefghijklmnop","note":"<PERSON> <PHONE_NUMBER>"}'

    assert finder.find(text) == []


def test_every_planted_value_is_found_in_the_event_it_was_planted_in() -> None:
    records = list(generate(1000, seed=11))
    finder = Finder(each for record in records for each in record.planted)

    for record in records:
        found = {(each.kind, each.value) for each in finder.find(record.value)}
        assert {(each.kind, each.value) for each in record.planted} <= found
