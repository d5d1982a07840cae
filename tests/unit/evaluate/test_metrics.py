from __future__ import annotations

import pytest

from streamproc.evaluate.metrics import (
    Matches,
    Share,
    Span,
    Token,
    f_beta,
    match_spans,
    overlaps,
    uncovered,
)
from streamproc.evaluate.words import tokens_of


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (1, 10, 0.0179, 0.4042),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (0, 3000, 0.0, 0.00128),
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, method 3
        (15, 148, 0.0624, 0.1605),
    ],
)
def test_the_interval_is_wilsons(count: int, total: int, low: float, high: float) -> None:
    interval = Share(count, total).interval

    assert interval is not None
    assert interval == pytest.approx((low, high), abs=5e-5)


def test_a_share_of_nothing_has_neither_value_nor_interval() -> None:
    assert Share(0, 0).value is None
    assert Share(0, 0).interval is None


def test_shares_and_matches_are_added_count_by_count() -> None:
    assert Share(1, 2) + Share(2, 5) == Share(3, 7)
    assert Matches(1, 2, 3) + Matches(1, 1, 1) == Matches(2, 3, 4)


@pytest.mark.parametrize(
    ("precision", "recall", "beta", "expected"),
    [
        (0.733, 0.646, 2, 0.6617),  # published by presidio-research for its default
        (0.5, 1.0, 1, 2 / 3),
        (0.5, 1.0, 2, 5 / 6),
        (0.0, 0.0, 2, 0.0),
        (1.0, 1.0, 2, 1.0),
    ],
)
def test_f_weighs_recall_by_the_square_of_beta(
    precision: float, recall: float, beta: float, expected: float
) -> None:
    assert f_beta(precision, recall, beta) == pytest.approx(expected, abs=5e-5)


def test_spans_that_touch_have_nothing_in_common() -> None:
    assert not overlaps(Span(0, 4, "A"), [Span(4, 8, "B")])
    assert overlaps(Span(0, 5, "A"), [Span(4, 8, "B")])


def test_what_no_span_covers_is_left() -> None:
    assert uncovered(Span(2, 8, "A"), [Span(0, 4, "B"), Span(5, 6, "C")]) == {4, 6, 7}


# -- spans, as presidio-evaluator counts ----------------------------------------------------------

TEXT = "Jane Roe met Rosa Diaz in Springfield"
JANE, ROSA, SPRINGFIELD = Span(0, 8, "PERSON"), Span(13, 22, "PERSON"), Span(26, 37, "LOCATION")


def matches(gold: list[Span], found: list[Span], text: str = TEXT) -> Matches:
    return match_spans(tokens_of(text), gold, found, 0.75)


def test_a_span_found_as_something_else_is_right() -> None:
    assert matches([JANE], [Span(0, 8, "LOCATION")]) == Matches(1, 1, 1)


def test_a_span_found_in_part_is_wrong_and_missed() -> None:
    # Jane (4) of Jane Roe (8).
    assert matches([JANE], [Span(0, 4, "PERSON")]) == Matches(0, 1, 1)


def test_a_span_is_right_from_the_least_overlap_on() -> None:
    tokens = [Token(0, 3, skipped=False), Token(3, 4, skipped=False)]
    three_quarters = match_spans(tokens, [Span(0, 4, "A")], [Span(0, 3, "A")], 0.75)

    assert three_quarters == Matches(1, 1, 1)
    assert match_spans(tokens, [Span(0, 4, "A")], [Span(0, 3, "A")], 0.76) == Matches(0, 1, 1)


def test_a_span_found_in_two_parts_is_one_that_is_right() -> None:
    assert matches([JANE], [Span(0, 4, "PERSON"), Span(5, 8, "LOCATION")]) == Matches(1, 1, 1)


def test_a_span_where_there_is_none_is_wrong() -> None:
    assert matches([JANE], [JANE, SPRINGFIELD]) == Matches(1, 2, 1)


def test_a_span_that_nothing_finds_is_missed() -> None:
    assert matches([JANE, ROSA], [JANE]) == Matches(1, 1, 2)


def test_spans_are_widened_to_whole_words() -> None:
    assert matches([ROSA], [Span(14, 22, "PERSON")]) == Matches(1, 1, 1)


def test_stop_words_at_the_edges_of_a_span_do_not_count() -> None:
    assert matches([SPRINGFIELD], [Span(23, 37, "LOCATION")]) == Matches(1, 1, 1)


def test_spans_with_only_stop_words_between_are_one() -> None:
    text = "the city of Springfield"
    whole = Span(0, 23, "LOCATION")

    assert matches([whole], [Span(12, 23, "LOCATION")], text) == Matches(1, 1, 1)
