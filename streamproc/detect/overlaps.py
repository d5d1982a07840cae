"""Findings that overlap become findings that do not, and cover the same text."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from streamproc.detect.urls import whole_octets
from streamproc.events import Finding

__all__ = ["resolve_overlaps"]

_Layers: TypeAlias = Mapping[str, Sequence[Finding]]
"""By entity: findings that do not overlap, by start."""


def resolve_overlaps(text: str, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings sorted by start that do not overlap, nor split percent-encoded octets.

    1. Findings of one entity that overlap are joined, with the higher score; those of Presidio
       (step ``text``) apart from those past it (``url``, ``sibling``).
    2. A finding past Presidio that lies within one of Presidio's stands before it, whatever the
       scores: it is the value, where Presidio took the value with what is around it. If both are of
       one entity the outer one is gone; if they are the same span too, the inner one is.
    3. Else the higher score stands, then the longer span, as in presidio-anonymizer. But the loser
       is cut, not dropped: what it covers beside the winner remains a finding, unless there is
       neither letter nor digit in it. So but for 2, no character of a finding is ever uncovered.

    Args:
        text: The text they were found in.
        findings: The findings, in any order.
    """
    found = sorted(whole_octets(text, list(findings)))
    if all(left.end <= right.start for left, right in pairwise(found)):
        return tuple(found)
    presidio = _join(finding for finding in found if finding.step == "text")
    past = _join(finding for finding in found if finding.step != "text")
    inner: set[Finding] = set()
    gone: set[Finding] = set()
    for finding in _flat(past):
        for outer in _containing(finding, presidio):
            inner.add(finding)
            if outer.entity == finding.entity:
                same_span = (outer.start, outer.end) == (finding.start, finding.end)
                gone.add(finding if same_span else outer)
    rest = [finding for finding in (*_flat(past), *_flat(presidio)) if finding not in gone]
    rest.sort(key=lambda f: (f not in inner, -f.score, f.start - f.end, f.start, f.entity))
    taken: list[tuple[int, int]] = []
    pieces = [piece for finding in rest for piece in _cut(finding, taken)]
    return tuple(sorted(p for p in pieces if any(map(str.isalnum, text[p.start : p.end]))))


def _flat(layers: _Layers) -> list[Finding]:
    return [finding for layer in layers.values() for finding in layer]


def _join(findings: Iterable[Finding]) -> _Layers:
    """Return ``findings``, given by start, by entity, with those that overlap made one."""
    layers = defaultdict[str, list[Finding]](list)
    for finding in findings:
        layer = layers[finding.entity]
        if layer and finding.start < layer[-1].end:
            best = max(layer[-1], finding, key=lambda joined: joined.score)
            end = max(layer[-1].end, finding.end)
            layer[-1] = best._replace(start=layer[-1].start, end=end)
        else:
            layer.append(finding)
    return layers


def _containing(finding: Finding, layers: _Layers) -> list[Finding]:
    """Return the findings of ``layers`` that ``finding`` lies within, at most one an entity."""
    containing = []
    for layer in layers.values():
        after = bisect_right(layer, finding.start, key=lambda other: other.start)
        if after and layer[after - 1].end >= finding.end:
            containing.append(layer[after - 1])
    return containing


def _cut(finding: Finding, taken: list[tuple[int, int]]) -> list[Finding]:
    """Return what is left of ``finding`` beside the spans ``taken``, and take it."""
    at = bisect_left(taken, (finding.start, finding.start))
    if at and taken[at - 1][1] > finding.start:
        at -= 1
    pieces = []
    start = finding.start
    while at < len(taken) and taken[at][0] < finding.end:
        if start < taken[at][0]:
            pieces.append(finding._replace(start=start, end=taken[at][0]))
        start = max(start, taken[at][1])
        at += 1
    if start < finding.end:
        pieces.append(finding._replace(start=start))
    for piece in pieces:
        insort(taken, (piece.start, piece.end))
    return pieces
