"""The prefilter never misses a pattern that matches, whatever alphabet a text is written in."""

import random
import unicodedata

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.detect.phones import EXTENSION, ROW
from streamproc.detect.scan import Prefilter, ScanPattern

IGNORECASE = int(regex.IGNORECASE | regex.DOTALL | regex.MULTILINE)
PATTERNS = [
    ScanPattern(r"\b[A-Z]{2}\d{6}\b", IGNORECASE),
    ScanPattern(r"(?<![\w:])(?:[0-9A-F]{1,4}:){2}", IGNORECASE),
    ScanPattern(r"\b\w+@\w+(?:-+\w+)*(?:\.\w+)+\b", IGNORECASE),
    ScanPattern(r"^\d{3}[- ]?\d{2}\s\d{4}$", IGNORECASE),
    ScanPattern(r"(\w)\1\W+kiss", IGNORECASE),
    ScanPattern(r"[^\W\d_]{4,}", 0),
    ScanPattern(ROW, int(regex.IGNORECASE)),
    ScanPattern(EXTENSION, int(regex.IGNORECASE)),
]
COMPILED = [regex.compile(pattern.regex, pattern.flags) for pattern in PATTERNS]

SEEDS = ["AB123456", "ab:cd:12:", "jane@mail.example.org", "123-45 6789", "ee kiss", "12 ext 34"]
OTHERS: dict[str, list[str]] = {}
for _code in range(0x80, 0x110000):
    OTHERS.setdefault(unicodedata.category(chr(_code))[0], []).append(chr(_code))


@pytest.fixture(scope="module")
def prefilter(tmp_path_factory: pytest.TempPathFactory) -> Prefilter:
    return Prefilter(PATTERNS, tmp_path_factory.mktemp("patterns"))


@st.composite
def foreign_texts(draw: st.DrawFn) -> str:
    """A text that matches something, some of its characters replaced by others of their kind."""
    chooser = random.Random(draw(st.integers(0, 2**32)))
    text = list(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        at = chooser.randrange(len(text))
        text[at] = chooser.choice(OTHERS.get(unicodedata.category(text[at])[0], ["\x85"]))
        if chooser.random() < 0.3:
            text.insert(at, chooser.choice(["\u0301", "\n", " ", "\u0131", "\ud800", "0"]))
    return "".join(text)


@given(text=st.one_of(foreign_texts(), st.text()))
@settings(max_examples=3000, deadline=None)
def test_every_pattern_that_matches_is_a_candidate(prefilter: Prefilter, text: str) -> None:
    matching = {index for index, pattern in enumerate(COMPILED) if pattern.search(text)}
    assert prefilter.candidates(text) >= matching
