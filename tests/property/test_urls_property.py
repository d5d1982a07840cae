"""URLs: what is put in the place of a part changes that part and nothing else."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from streamproc.detect.urls import ROUNDS, percent_decoded, percent_encoded, url_parts

WORDS = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=3, max_size=8
)
LETTERS = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=3, max_size=8)
NAMES = st.from_regex(r"[a-z]{3,6}", fullmatch=True)
PLACES = ["https://example.com/{}/x?a=b#c", "https://example.com/x?one={}&b=c#d", "/x?b=c;one={}#d"]
PLACES += ["https://example.com/x?b=c#/r?one={}", "https://{}@example.com/x", "/x;one={}/y?b=c"]


def shape(url: str) -> tuple[str, ...]:
    split: SplitResult = urlsplit(url)
    return split.scheme, split.netloc.rpartition("@")[2], split.path, split.query, split.fragment


@given(LETTERS, st.sampled_from(PLACES), st.integers(1, 3), WORDS)
def test_a_part_is_replaced_and_the_url_is_one_still(
    value: str, place: str, rounds: int, new: str
) -> None:
    written = value
    for _ in range(rounds):
        written = quote(written, safe="")
    url = place.replace("{}", written)
    found = [part for part in url_parts(url) if part.text == percent_decoded(written)]
    assert found
    for part in found:
        start, end = part.origin(0, len(part.text))
        put = percent_encoded(new, like=url[start:end])
        assert shape(url[:start] + put + url[end:]) == shape(place.replace("{}", put))
        assert percent_decoded(put) == percent_decoded(quote(new, safe=""))


@given(NAMES, WORDS, st.sampled_from(["https://example.com/", "/", "?x=y#"]), NAMES)
def test_redirects_are_put_back_as_often_encoded(
    name: str, value: str, start: str, new: str
) -> None:
    inner = f"{start}?{name}={quote(value, safe='')}"
    url = f"https://example.org/go?to={quote(inner, safe='')}"
    written = quote(quote(value, safe=""), safe="")
    at = url.rindex(written)
    put = url[:at] + percent_encoded(f"<{new}>", like=written)
    redirect = dict(parse_qsl(urlsplit(put).query))["to"]
    assert unquote(redirect) == f"{start}?{name}=<{new}>"


@given(st.text(st.sampled_from("a%240/?&=;#+@: \u00fc"), max_size=40))
def test_parts_of_anything_lie_in_it_in_order(text: str) -> None:
    for part in url_parts(text):
        offsets = list(part.offsets)
        assert len(offsets) == len(part.text) + 1
        assert offsets == sorted(offsets)
        assert 0 <= offsets[0] <= offsets[-1] <= len(text)


@given(LETTERS, st.integers(1, ROUNDS))
def test_what_is_encoded_is_decoded_again(value: str, rounds: int) -> None:
    like = "@"
    for _ in range(rounds):
        like = quote(like, safe="")
    assert percent_decoded(percent_encoded(value, like)) == value
