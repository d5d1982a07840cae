"""Names that rules decide in some fields of an event, found again in all its other texts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from streamproc.detect import find_known, resolve_overlaps
from streamproc.detect.urls import Part, url_parts
from streamproc.events import Finding
from streamproc.redact.answers import Answer
from streamproc.redact.survey import ENCODED_LETTER, Leaf, Name

__all__ = ["note_siblings"]

BETWEEN_TEXTS = "\0"
"""No letter and no space: no name reaches over it."""


class Segment(NamedTuple):
    """A text that names are looked for in: one of the event's, or a decoded part of a URL in it."""

    leaf: Leaf
    text: str
    part: Part | None

    def __repr__(self) -> str:
        """Name the text by its field and length: it may be personal data."""
        return f"Segment({self.leaf.site!r}, <{len(self.text)} characters>)"

    def of_text(self, finding: Finding, start: int) -> Finding:
        """Return ``finding`` by the offsets of the leaf's text; ``start`` is this segment's."""
        first, last = finding.start - start, finding.end - start
        if self.part is None:
            return finding._replace(start=first, end=last)
        first, last = self.part.origin(first, last)
        return finding._replace(start=first, end=last, step="url")


def note_siblings(leaves: Iterable[Leaf], names: Sequence[Name]) -> None:
    """Note on ``leaves``, texts of an event, where its ``names`` stand in them."""
    words = {word for _, words in names for word in words}
    segments = tuple(_segments(leaves, words))
    texts = BETWEEN_TEXTS.join(segment.text for segment in segments)
    known = find_known(texts, tuple(dict.fromkeys(name for name, _ in names)))
    for leaf, there in _by_leaf(segments, known).items():
        findings = leaf.answer.findings if leaf.answer else ()
        # A name within what was found already is part of that: of an address, say.
        in_url = _not_within(findings, [name for name in there if name.step == "url"])
        others = _not_within(findings, [name for name in there if name.step != "url"])
        beside = [*findings, *in_url, *_not_within(in_url, others)]
        # What others have in their events is no answer for this value: it is not remembered.
        leaf.answer = Answer(resolve_overlaps(leaf.value, beside), document=leaf.document)


def _not_within(outer: Sequence[Finding], inner: Iterable[Finding]) -> list[Finding]:
    """Return the findings of ``inner`` that lie in none of ``outer``, which is sorted by start."""
    starts = [finding.start for finding in outer]
    left = []
    for finding in inner:
        before = bisect_right(starts, finding.start) - 1
        if before < 0 or outer[before].end < finding.end:
            left.append(finding)
    return left


def _segments(leaves: Iterable[Leaf], words: Iterable[str]) -> Iterator[Segment]:
    """Yield the texts and parts of URLs that hold one of ``words``."""
    for leaf in leaves:
        text, site = leaf.value, leaf.site
        if type(text) is not str or site.whole is not None or not site.named:
            continue
        there = _any_in(text, words)
        if there:
            yield Segment(leaf, text, None)
        if "%" in text and "url" not in site.without and (there or ENCODED_LETTER.search(text)):
            for part in url_parts(text):
                if _any_in(part.text, words):
                    yield Segment(leaf, part.text, part)


def _any_in(text: str, words: Iterable[str]) -> bool:
    folded = text.casefold()
    return any(word in folded for word in words)


def _by_leaf(segments: Sequence[Segment], known: Iterable[Finding]) -> dict[Leaf, list[Finding]]:
    """Return the findings in the joined segments by leaf, with offsets of its text."""
    starts = list(accumulate((len(segment.text) + 1 for segment in segments), initial=0))
    by_leaf: dict[Leaf, list[Finding]] = {}
    for finding in known:
        at = bisect_right(starts, finding.start) - 1
        segment = segments[at]
        by_leaf.setdefault(segment.leaf, []).append(segment.of_text(finding, starts[at]))
    return by_leaf
