"""A look ahead changes no match."""

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from presidio_analyzer.predefined_recognizers import EmailRecognizer, UrlRecognizer

from streamproc.detect.lookahead import with_lookahead

URLS: list[str] = [pattern.regex for pattern in UrlRecognizer.PATTERNS]
BOTH = [(regex.compile(url), regex.compile(with_lookahead(url))) for url in URLS]
PIECES = [".", "a", "1", "-", "/", "'", '"', "!", " ", "www.", "https://", "com", "co", "community"]
PIECES += ["c", "x", "xx", "museum", ".travel", ".TRAVELERS", ".\u212ay", "\u017f", "é", "\n"]


@pytest.mark.parametrize("pattern", URLS)
def test_a_pattern_with_a_list_has_a_look_ahead(pattern: str) -> None:
    assert "[.](?=(?:" in with_lookahead(pattern)
    assert len(with_lookahead(pattern)) < 2 * len(pattern)


def test_others_are_as_they_were() -> None:
    others = [pattern.regex for pattern in EmailRecognizer.PATTERNS]
    assert [with_lookahead(other) for other in others] == others
    assert with_lookahead("[.](?:(?:com)|(?:net))") == "[.](?:(?:com)|(?:net))"


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_every_match_is_the_same(text: str) -> None:
    for plain, ahead in BOTH:
        assert [m.span() for m in ahead.finditer(text)] == [m.span() for m in plain.finditer(text)]
