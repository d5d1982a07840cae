from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.effects.shapes import LONGEST, shape_of, text_shape


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("jane@example.com", "aaaa@aaaaaaa.aaa"),
        ("Jane O'Roe", "Aaaa A'Aaa"),
        ("4111-11", "0000-00"),
        ("Łódź", "Aaaa"),
        ("٣", "0"),
        ("東京", "aa"),
        ("a\tb\nc", "a a a"),
        ("a\x00\U0001f600", "a??"),
        ("", "(empty)"),
        (-12.5, "-00.0"),
        (None, "null"),
        (True, "true or false"),
        ({"jane": 1}, "{1 key}"),
        ([1, 2], "[2 items]"),
        ("tok_k1_" + "a" * 32, "tok_…"),
    ],
)
def test_a_shape_says_what_a_value_looks_like(value: object, shape: str) -> None:
    assert shape_of(value) == shape


def test_of_a_long_value_it_is_the_beginning_and_the_length() -> None:
    assert text_shape("x" * 1_234) == "a" * LONGEST + "… (1,234 characters)"


@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=LONGEST))
def test_no_letter_or_digit_of_a_value_is_in_its_shape(text: str) -> None:
    assert set(text_shape(text)) <= set("aA0?")
