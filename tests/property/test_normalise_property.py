"""Normalisation: a way back from every place, for any text."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from streamproc.detect.normalise import normalised

HIDING = st.sampled_from(
    "\u200b\u202e\u00ad\ufe0f\u0301\u0316\uff4a\u2460\u00bd\u0430\u03bf\u0661\u2013\u3002\u1100\u1161"
)
TEXTS = st.lists(HIDING | st.characters(codec="utf-8") | st.sampled_from("aOl1 -@."), max_size=30)


@given(TEXTS.map("".join))
def test_offsets_are_in_range_and_monotone(text: str) -> None:
    found = normalised(text)
    if found is None:
        return
    places = list(zip(found.starts, found.ends, strict=True))
    assert len(places) == len(found.text)
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert all(a <= c and b <= d for (a, b), (c, d) in pairwise(places))


@given(TEXTS.map("".join), st.data())
def test_every_part_comes_from_where_it_says(text: str, data: st.DataObject) -> None:
    found = normalised(text)
    if found is None or not found.text:
        return
    start = data.draw(st.integers(0, len(found.text) - 1))
    end = data.draw(st.integers(start + 1, len(found.text)))
    first, last = found.origin(start, end)
    assert 0 <= first < last <= len(text)
    if not found.changed(start, end):
        assert text[first:last] == found.text[start:end]


@example("а:\u200b\u03160")  # noqa: RUF001 - invisible beside nothing, and a look-alike
@given(TEXTS.map("".join))
def test_nothing_is_hidden_in_what_is_normalised(text: str) -> None:
    found = normalised(text)
    if found is not None:
        assert "\u200b" not in found.text
        assert "\u202e" not in found.text
        assert not any(
            unicodedata.normalize("NFKC", character) in "abcdefghij0123456789"
            for character in found.text
            if not character.isascii()
        )


@given(TEXTS.map("".join))
def test_all_of_the_text_leads_back_to_all_of_it(text: str) -> None:
    found = normalised(text)
    if found is not None and found.text:
        assert found.origin(0, len(found.text)) == (0, len(text))
