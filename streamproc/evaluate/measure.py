"""Cases and systems to figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from streamproc.evaluate.datasets import TEXT_PATH, Case, Dataset, Gold, value_at
from streamproc.evaluate.labels import NOT_COMPARED, kind_of
from streamproc.evaluate.leaks import Output
from streamproc.evaluate.metrics import Matches, Share, Span, match_spans, overlaps, uncovered
from streamproc.evaluate.systems import Refused, System
from streamproc.evaluate.words import tokens_of

__all__ = ["ALL", "FIXED", "Entity", "Figures", "measure"]

ALL = "all"
"""The group that every case is in."""
FIXED = ("type", "event", "messageId", "timestamp")
"""Fields of the event itself that no redaction may touch where they hold nothing personal."""
LEAST_OVERLAP = 0.75
"""Of two spans taken for the same, as in the figures published by presidio-research."""
BATCH_CASES = 100

NOTHING = Share(0, 0)


@dataclass(slots=True)
class Entity:
    """How well one kind of personal data is found in texts, and removed from events.

    Attributes:
        overlapped: Pieces that some finding touches, whatever it takes them for.
        covered: Pieces that findings cover whole.
        removed: Pieces whose value is no longer in the output.
        precise: Findings of this kind that touch a piece of it.
    """

    overlapped: Share = NOTHING
    covered: Share = NOTHING
    removed: Share = NOTHING
    precise: Share = NOTHING


@dataclass(slots=True)
class Figures:
    """What was measured of one system on one data set.

    Attributes:
        leaks: By group: cases out of which a direct identifier leaked, of those that hold one.
        leaked_labels: How many values of each direct label leaked.
        refused: Cases that were not redacted, by why.
        entities: By our name of the entity; findings and pieces of texts.
        spans: Any personal data, as presidio-evaluator counts; None of events.
        hinted: Direct identifiers removed from fields whose key names them.
        changed: Leaves without personal data that came out changed.
        fixed: Of :data:`FIXED` in events that are no texts, those that came out changed.
    """

    leaks: dict[str, Share] = field(default_factory=dict)
    leaked_labels: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    entities: dict[str, Entity] = field(default_factory=dict)
    spans: Matches | None = None
    hinted: Share = NOTHING
    changed: Share = NOTHING
    fixed: Share = NOTHING


def measure(
    dataset: Dataset, system: System, advance: Callable[[int], None] = lambda _: None
) -> Figures:
    """Return the figures of ``system`` on ``dataset``; ``advance`` is told of cases done."""
    figures = Figures(spans=Matches(0, 0, 0) if dataset.of_texts else None)
    for cases in _batches(dataset.cases):
        outputs = system.redact([case.body for case in cases])
        for case, output in zip(cases, outputs, strict=True):
            if isinstance(output, Refused):
                figures.refused[output.code] += 1
            else:
                _count_output(figures, case, output)
        if dataset.of_texts:
            texts = [str(value_at(case.body, TEXT_PATH)) for case in cases]
            for case, text, found in zip(cases, texts, system.find(texts), strict=True):
                _count_spans(figures, case, text, found)
        advance(len(cases))
    return figures


def _batches(cases: Iterable[Case]) -> Iterator[list[Case]]:
    remaining = iter(cases)
    while batch := list(islice(remaining, BATCH_CASES)):
        yield batch


# -- what came out --------------------------------------------------------------------------------


def _count_output(figures: Figures, case: Case, output: dict[str, Any]) -> None:
    unwrapped = Output(output)
    personal = Output(_without(output, case.clean)) if case.clean else unwrapped
    leaked = False
    for gold in case.gold:
        # A name is often a common word too ("Test"): in a field that is known to hold nothing
        # personal it is that word. Nothing else gets this excuse.
        searched = personal if gold.meaning.entity == "PERSON" else unwrapped
        left = searched.holds(case.value(gold))
        entity = figures.entities.setdefault(gold.meaning.entity, Entity())
        entity.removed += Share(not left, 1)
        if gold.meaning.direct:
            leaked = leaked or left
            figures.leaked_labels[gold.label] += left
            figures.hinted += _hinted(case, gold, output)
    if any(gold.meaning.direct for gold in case.gold):
        for group in (ALL, *case.groups):
            figures.leaks[group] = figures.leaks.get(group, NOTHING) + Share(leaked, 1)
    _count_changes(figures, case, output)


def _hinted(case: Case, gold: Gold, output: dict[str, Any]) -> Share:
    if not gold.hinted:
        return NOTHING
    left = value_at(output, gold.path)
    return Share(left is None or not Output(left).holds(case.value(gold)), 1)


def _count_changes(figures: Figures, case: Case, output: dict[str, Any]) -> None:
    for path in case.clean:
        same = value_at(output, path) == value_at(case.body, path)
        figures.changed += Share(not same, 1)
    for name in FIXED if case.clean else ():
        if name in case.body and not any(gold.path == (name,) for gold in case.gold):
            figures.fixed += Share(output.get(name) != case.body[name], 1)


def _without(body: dict[str, Any], paths: Iterable[tuple[str | int, ...]]) -> Any:
    left_out = frozenset(paths)

    def kept(value: Any, path: tuple[str | int, ...]) -> Any:
        if path in left_out:
            return None
        if isinstance(value, dict):
            return {key: kept(below, (*path, key)) for key, below in value.items()}
        if isinstance(value, list):
            return [kept(item, (*path, index)) for index, item in enumerate(value)]
        return value

    return kept(body, ())


# -- what was found -------------------------------------------------------------------------------


def _count_spans(figures: Figures, case: Case, text: str, found: Sequence[Span]) -> None:
    gold = [Span(each.start, each.end, each.meaning.entity) for each in case.gold]
    for span in gold:
        entity = figures.entities.setdefault(span.entity, Entity())
        entity.overlapped += Share(overlaps(span, found), 1)
        missed = uncovered(span, found)
        entity.covered += Share(not any(text[at].isalnum() for at in missed), 1)
    for span in found:
        entity = figures.entities.setdefault(span.entity, Entity())
        same = [other for other in gold if kind_of(other.entity) == kind_of(span.entity)]
        entity.precise += Share(overlaps(span, same), 1)
    assert figures.spans is not None
    compared = [span for span in gold if span.entity not in NOT_COMPARED]
    figures.spans += match_spans(tokens_of(text), compared, found, LEAST_OVERLAP)
