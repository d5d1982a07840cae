"""The arithmetic of evaluation: shares with intervals, F scores, and the matching of spans.

Pure. Spans are half-open and in code points.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Matches", "Share", "Span", "Token", "f_beta", "match_spans", "overlaps", "uncovered"]

Z_95 = 1.959964
"""The 97.5 % quantile of the normal distribution, for intervals of 95 %."""


ANY = "ANY"
"""The entity of spans whose kind does not count."""


class Span(NamedTuple):
    """A piece of a text, and what it is."""

    start: int
    end: int
    entity: str


class Token(NamedTuple):
    """A word or sign of a text; ``skipped`` if where a span begins or ends does not hang on it."""

    start: int
    end: int
    skipped: bool


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many."""

    count: int
    total: int

    def __add__(self, other: Share) -> Share:
        """Return both taken together."""
        return Share(self.count + other.count, self.total + other.total)

    @property
    def value(self) -> float | None:
        """The share, from 0 to 1; None of nothing."""
        return self.count / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of Wilson (1927), without continuity correction; None of nothing.

        Unlike the usual one it says something when nothing, or all, was counted: none of 3,000
        leaves room for 0.13 %.
        """
        if not self.total:
            return None
        n, p = self.total, self.count / self.total
        shrink = 1 + Z_95**2 / n
        centre = (p + Z_95**2 / (2 * n)) / shrink
        half = Z_95 / shrink * math.sqrt(p * (1 - p) / n + Z_95**2 / (4 * n**2))
        low = 0.0 if self.count == 0 else max(0.0, centre - half)
        high = 1.0 if self.count == self.total else min(1.0, centre + half)
        return low, high


@dataclass(frozen=True, slots=True)
class Matches:
    """Spans that were right, spans that were predicted, spans that there are."""

    right: int
    predicted: int
    annotated: int

    def __add__(self, other: Matches) -> Matches:
        """Return both taken together."""
        return Matches(
            self.right + other.right,
            self.predicted + other.predicted,
            self.annotated + other.annotated,
        )

    @property
    def precision(self) -> Share:
        """The right among the predicted."""
        return Share(self.right, self.predicted)

    @property
    def recall(self) -> Share:
        """The right among those there are."""
        return Share(self.right, self.annotated)

    @property
    def f2(self) -> float:
        """The F score that weighs recall four times as much as precision."""
        return f_beta(self.precision.value or 0.0, self.recall.value or 0.0, 2)


def f_beta(precision: float, recall: float, beta: float) -> float:
    """Return the F score in which recall counts ``beta`` squared times as much as precision."""
    weight = beta * beta
    below = weight * precision + recall
    return (1 + weight) * precision * recall / below if below else 0.0


def overlaps(span: Span, others: Iterable[Span]) -> bool:
    """Return whether ``span`` has a code point in common with one of ``others``."""
    return any(span.start < other.end and other.start < span.end for other in others)


def uncovered(span: Span, others: Iterable[Span]) -> set[int]:
    """Return the code points of ``span`` that none of ``others`` covers."""
    left = set(range(span.start, span.end))
    for other in others:
        left.difference_update(range(other.start, other.end))
    return left


def match_spans(
    tokens: Sequence[Token], gold: Sequence[Span], found: Sequence[Span], least_overlap: float
) -> Matches:
    """Return how many gold spans are found, whatever as, as presidio-evaluator counts them.

    The method of its ``SpanEvaluator`` for any personal data (data-privacy-stack/presidio-research,
    0.3.2; characters, not tokens), so that figures can be compared with those published for it.
    Both kinds of spans are widened to whole tokens and lose skipped tokens (stop words, signs) at
    their edges; spans with nothing but skipped tokens between are one. A gold span is right if all
    spans that overlap it have, taken together, at least ``least_overlap`` of the code points in
    common with it that they and it cover (intersection over union). Those are one prediction,
    right or wrong; each span that overlaps no gold one is a prediction that is wrong.
    """
    annotated = _runs(tokens, gold)
    predicted = _runs(tokens, found)
    right = wrong = 0
    for extent in annotated:
        overlapping = [other for other in predicted if overlaps(extent, [other])]
        if not overlapping:
            continue
        if _iou(extent, overlapping) >= least_overlap:
            right += 1
        else:
            wrong += 1
    wrong += sum(not overlaps(extent, annotated) for extent in predicted)
    return Matches(right, right + wrong, len(annotated))


def _runs(tokens: Sequence[Token], spans: Sequence[Span]) -> list[Span]:
    """Return what ``spans`` cover as runs of tokens that no skipped token begins or ends."""
    runs: list[Span] = []
    together = False
    for token in tokens:
        if token.skipped:
            continue
        within = overlaps(Span(token.start, token.end, ANY), spans)
        if within and together:
            runs[-1] = runs[-1]._replace(end=token.end)
        elif within:
            runs.append(Span(token.start, token.end, ANY))
        together = within
    return runs


def _iou(one: Span, others: Sequence[Span]) -> float:
    left = set(range(one.start, one.end))
    right = {at for other in others for at in range(other.start, other.end)}
    return len(left & right) / len(left | right)
