import pytest

from streamproc.detect import resolve_overlaps
from streamproc.events import Finding

TEXT = "abcdefghijklmnopqrstuvwxyz"


def finding(
    start: int, end: int, entity: str = "URL", score: float = 0.5, step: str = "text"
) -> Finding:
    return Finding(start, end, entity, score, "Some", step)


def spans(*findings: Finding, text: str = TEXT) -> list[tuple[int, int, str]]:
    return [(f.start, f.end, f.entity) for f in resolve_overlaps(text, findings)]


def test_findings_apart_are_sorted_by_start() -> None:
    assert spans(finding(5, 7), finding(0, 3), finding(3, 5)) == [
        (0, 3, "URL"),
        (3, 5, "URL"),
        (5, 7, "URL"),
    ]


def test_higher_score_stands_and_the_rest_of_the_other_remains() -> None:
    email = finding(10, 15, "EMAIL_ADDRESS", 1.0)
    assert spans(finding(0, 20), email) == [
        (0, 10, "URL"),
        (10, 15, "EMAIL_ADDRESS"),
        (15, 20, "URL"),
    ]


def test_longer_one_stands_where_scores_are_equal() -> None:
    assert spans(finding(0, 5, "A"), finding(3, 10, "B")) == [(0, 3, "A"), (3, 10, "B")]


def test_contained_one_with_the_lower_score_is_gone() -> None:
    assert spans(finding(0, 10, "A", 0.9), finding(3, 5, "B", 0.2)) == [(0, 10, "A")]


def test_rest_without_letter_or_digit_is_gone() -> None:
    assert spans(finding(0, 4, "A", 0.9), finding(0, 6, "B"), text="abcd--") == [(0, 4, "A")]


def test_findings_of_one_entity_that_overlap_are_joined() -> None:
    (joined,) = resolve_overlaps(TEXT, [finding(0, 5, "A", 0.4), finding(3, 9, "A", 0.6)])
    assert (joined.start, joined.end, joined.score) == (0, 9, 0.6)


def test_url_finding_within_one_of_its_entity_replaces_it() -> None:
    outer = finding(0, 20, "EMAIL_ADDRESS", 1.0)
    inner = finding(8, 20, "EMAIL_ADDRESS", 1.0, "url")
    assert resolve_overlaps(TEXT, [outer, inner]) == (inner,)


def test_url_finding_of_the_same_span_gives_way() -> None:
    outer = finding(8, 20, "EMAIL_ADDRESS", 1.0)
    assert resolve_overlaps(TEXT, [finding(8, 20, "EMAIL_ADDRESS", 1.0, "url"), outer]) == (outer,)


def test_url_finding_within_another_entity_stands_whatever_its_score() -> None:
    inner = finding(5, 10, "PHONE_NUMBER", 0.4, "url")
    assert spans(finding(0, 20, "URL", 0.6), inner) == [
        (0, 5, "URL"),
        (5, 10, "PHONE_NUMBER"),
        (10, 20, "URL"),
    ]


@pytest.mark.parametrize(
    ("start", "end", "expected"), [(2, 5, (1, 7)), (3, 4, (1, 4)), (1, 7, (1, 7)), (0, 6, (0, 7))]
)
def test_a_finding_covers_the_percent_encoded_octets_it_begins_and_ends_in(
    start: int, end: int, expected: tuple[int, int]
) -> None:
    (found,) = resolve_overlaps("a%4A%61b", [Finding(start, end, "PERSON", 0.9, "r", "text")])
    assert (found.start, found.end) == expected
