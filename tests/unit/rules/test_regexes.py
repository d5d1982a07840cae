import pytest

from streamproc.rules.regexes import refusal


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
    [r"(a+)+$", r"(\w+\s*)*:", r"(x|x|xx)+y", r"(?:a|aa)+\b!", r"key=(\w|\w\w)+;"],
)
def test_a_pattern_that_can_take_for_ever_is_refused(written: str) -> None:
    assert refusal(written) == "takes more than 0.1 s in a text of 1,000 characters"


@pytest.mark.parametrize("written", ["", "a*", "(?:x|)", "(?=a)?"])
def test_a_pattern_that_matches_the_empty_text_is_refused(written: str) -> None:
    assert refusal(written) == "matches the empty text"


@pytest.mark.parametrize("written", ["(", "[a", r"[\K]", "(?P<x", "a)"])
def test_what_is_no_expression_is_refused(written: str) -> None:
    assert str(refusal(written)).startswith("is no regular expression: ")
