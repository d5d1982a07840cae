import pytest

from streamproc.errors import EventError
from streamproc.rules import regexes
from streamproc.rules.regexes import finder, refusal


@pytest.mark.parametrize(
    "written",
    [
        r"\bjane\b",
        r"(?<![A-Za-z0-9])sk_live_[A-Za-z0-9]{10,}",
        r"password=\K\S{4,128}",
        r"(?:[^,]*,)*[^,]*;",
        r"[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}",
        r"\d+(?:[ -]\d+){2,}",
    ],
)
def test_an_honest_pattern_is_taken(written: str) -> None:
    assert refusal(written) is None


@pytest.mark.parametrize(
    "written",
    [
        r"(a+)+$",
        r"(\w+\s*)*:",
        r"(x|x|xx)+y",
        r"(?:a|aa)+\b!",
        r"key=(\w|\w\w)+;",
        r"(%+)+$",
        r"(;\s*;*)+x",
        r"to(?:~|~~)+$",
    ],
)
def test_a_pattern_that_can_take_for_ever_is_refused(written: str) -> None:
    assert refusal(written) == "takes more than 0.1 s in a text of 1,000 characters"


def test_a_pattern_is_tried_as_it_is_going_to_be_read() -> None:
    lines = "(.*)*q"  # a dot that is no end of a line

    assert refusal(lines) is None
    assert refusal(lines, 0) is not None


@pytest.mark.parametrize("written", ["", "a*", "(?:x|)", "(?=a)?"])
def test_a_pattern_that_matches_the_empty_text_is_refused(written: str) -> None:
    assert refusal(written) == "matches the empty text"


@pytest.mark.parametrize("written", ["(", "[a", r"[\K]", "(?P<x", "a)"])
def test_what_is_no_expression_is_refused(written: str) -> None:
    assert str(refusal(written)).startswith("is no regular expression: ")


STALLING = r"(?:\p{Sc}|\p{Sc}{2})+$"  # no text it is tried on is made of signs of currencies


def test_a_search_that_does_not_end_makes_the_event_a_dead_letter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(regexes, "SEARCH_SECONDS", 0.05)
    assert refusal(STALLING, 0) is None
    found = finder(STALLING)

    assert found("€€")
    with pytest.raises(EventError) as raised:
        found("€" * 200 + "x")
    assert str(raised.value) == "redact: expression_too_slow"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
