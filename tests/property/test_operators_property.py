"""Operators on whatever value: nothing survives, nothing changes twice, equal stays equal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st
from redaction import RING

from streamproc.events import Subject
from streamproc.redact import ENCRYPTED, Tokens
from streamproc.redact.ff1 import MINIMUM_DOMAIN, Ff1
from streamproc.redact.operators import rewritten
from streamproc.rules import (
    Action,
    DateShift,
    Encrypt,
    FormatPreserve,
    Generalise,
    Hash,
    Mask,
    Operator,
    Redact,
    Replace,
    TruncateIp,
)

TOKENS = Tokens(RING)
JANE = Subject(TOKENS.of_identifier("jane"), None, None)

counts = st.integers(0, 4)
masks = st.one_of(
    st.builds(Mask, keep_first=counts, keep_last=counts),
    st.builds(Mask, first=counts, last=counts, character=st.sampled_from("*x#")),
    st.builds(Mask, keep_last=counts, skip=st.sampled_from(["", "@.", "*", "-"])),
)
idempotent: st.SearchStrategy[Operator] = st.one_of(
    masks,
    st.sampled_from([Replace(), Redact(), Hash(), Encrypt(), TruncateIp()]),
    st.builds(TruncateIp, v4_bits=st.integers(0, 31), v6_bits=st.integers(0, 127)),
    st.builds(Generalise, dates=st.sampled_from(["month", "year"]), day_first=st.booleans()),
    st.builds(Generalise, numbers=st.integers(2, 1_000)),
)
everything: st.SearchStrategy[Operator] = st.sampled_from(
    [Replace(), Redact(), Hash(), Encrypt(), Mask(), FormatPreserve(), DateShift()]
)
dates = st.dates(date(1900, 1, 1), date(2100, 1, 1))
values = st.one_of(
    st.text(),
    st.text("ab1*x@.- <>_"),
    st.from_regex(r"[0-9]{1,4}[-/. ][0-9]{1,2}[-/. ][0-9]{1,4}", fullmatch=True),
    st.ip_addresses().map(str),
    dates.map(str),
    dates.map(lambda day: f"{day:%d %B %Y}"),
    st.integers().map(str),
    st.floats().map(str),
)


def made(operator: Operator, value: str, entity: str = "PERSON") -> str:
    return rewritten(Action("rule", entity, operator), value, TOKENS, JANE)


@given(idempotent, values)
def test_doing_it_twice_changes_nothing(operator: Operator, value: str) -> None:
    once = made(operator, value)
    assert made(operator, once) == once


@given(everything, values.filter(lambda value: any(map(str.isalnum, value))))
def test_no_value_survives(operator: Operator, value: str) -> None:
    if value != "<PERSON>":
        assert made(operator, value) != value


@given(st.text())
def test_what_is_encrypted_is_one_ciphertext_and_can_be_read_again(value: str) -> None:
    ciphertext = TOKENS.ciphers.encrypted(value)
    assert ENCRYPTED.fullmatch(ciphertext)
    assert TOKENS.ciphers.encrypted(value) == ciphertext
    assert TOKENS.ciphers.revealed(ciphertext).value == value


# -- tokens ---------------------------------------------------------------------------------------

local_part = st.from_regex(r"[a-z][a-z0-9._-]{0,12}", fullmatch=True)
addresses = st.builds("{}@{}.example".format, local_part, st.sampled_from(["mail", "büro", "a.b"]))
ways_to_write: st.SearchStrategy[Callable[[str], str]] = st.sampled_from(
    [
        str.upper,
        str.title,
        lambda text: quote(text, safe=""),
        lambda text: f" {text}\n",
        "\u200b".join,
        lambda text: f"\u202a{text}\u202c",
        lambda text: "".join(
            chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text
        ),
    ]
)


@given(addresses, st.lists(ways_to_write, max_size=2))
def test_an_address_has_one_token_however_it_is_written(
    address: str, ways: list[Callable[[str], str]]
) -> None:
    written = address
    for way in ways:
        written = way(written)
    assert TOKENS.of_value("EMAIL_ADDRESS", written) == TOKENS.of_value("EMAIL_ADDRESS", address)
    assert TOKENS.of_identifier(written) == TOKENS.of_identifier(address)


@given(addresses, addresses)
def test_two_addresses_have_two_tokens(one: str, other: str) -> None:
    tokens = {TOKENS.of_value("EMAIL_ADDRESS", address) for address in (one, other)}
    assert len(tokens) == len({one, other})


# -- forms ----------------------------------------------------------------------------------------

FF1 = Ff1(bytes(range(32)))


@given(st.data(), st.integers(2, 62), st.binary(max_size=40))
def test_ff1_can_be_undone(data: st.DataObject, radix: int, tweak: bytes) -> None:
    least = next(length for length in range(2, 21) if radix**length >= MINIMUM_DOMAIN)
    numbers = st.lists(st.integers(0, radix - 1), min_size=least, max_size=80)
    values = data.draw(numbers)
    assert FF1.decrypt(radix, tweak, FF1.encrypt(radix, tweak, values)) == values


@given(st.from_regex(r"[0-9A-Za-z]{6,20}(-[0-9A-Za-z]{1,9})?", fullmatch=True), counts)
def test_a_form_stays(value: str, keep_last: int) -> None:
    new = made(FormatPreserve(keep_last=keep_last), value)
    if new != "<PERSON>":
        assert len(new) == len(value)
        assert [at for at, letter in enumerate(new) if letter == "-"] == [
            at for at, letter in enumerate(value) if letter == "-"
        ]
        assert any(map(str.isdigit, new)) or not any(map(str.isdigit, value[:-4]))


@given(st.lists(st.from_regex(r"[0-9]{3}-[0-9]{4}", fullmatch=True), min_size=2, max_size=5))
def test_two_values_of_a_form_never_become_one(values: list[str]) -> None:
    assert len({made(FormatPreserve(), value) for value in values}) == len(set(values))


# -- dates ----------------------------------------------------------------------------------------


@given(dates, dates, st.integers(1, 400))
def test_what_lies_between_dates_of_one_person_stays(one: date, other: date, days: int) -> None:
    moved = [date.fromisoformat(made(DateShift(days=days), str(day))) for day in (one, other)]
    assert moved[1] - moved[0] == other - one
    assert timedelta(0) < abs(moved[0] - one) <= timedelta(days)


@given(dates, st.sampled_from(["%Y-%m-%d", "%d %B %Y", "%b %d, %Y", "%m/%d/%Y", "%Y%m%d"]))
def test_however_a_date_is_written_it_moves_by_the_same(day: date, form: str) -> None:
    moved = date.fromisoformat(made(DateShift(), str(day)))
    again = made(DateShift(), day.strftime(form))
    assert made(Generalise(dates="month"), again) == f"{moved:%Y-%m}"
