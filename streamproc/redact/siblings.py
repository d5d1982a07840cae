"""Names that rules decide in some fields of an event, found again in its other texts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence

from streamproc.detect import find_known, resolve_overlaps
from streamproc.detect.urls import url_parts
from streamproc.events import Finding
from streamproc.redact.answers import NOTHING, Answer
from streamproc.redact.survey import Leaf, Name, encoding_of

__all__ = ["note_siblings"]

SHORTEST_WORD = 3
"""Code points of a name's word that is found by itself."""

Findings = Sequence[Finding]


def note_siblings(leaves: Iterable[Leaf], names: Sequence[Name]) -> None:
    """Note on ``leaves``, texts of an event, where its ``names`` stand in them.

    What is found is remembered by the text and the names: the same person's pages come back.
    """
    values = tuple(dict.fromkeys(name for name, _ in names))
    words = {word for _, words in names for word in words}
    for leaf in leaves:
        site = leaf.site
        # The content of what is a document is among the leaves as well.
        if type(leaf.value) is str and site.whole is None and site.named and not leaf.is_document:
            question = (leaf.value, values)
            known = leaf.table.young.get(question)
            if known is None:
                known = leaf.table.known(question)
            if known is None:
                known = _answer(leaf, values, words)
                leaf.table.put(question, known)
            leaf.answer = known


def _answer(leaf: Leaf, values: Sequence[str], words: Collection[str]) -> Answer | tuple[()]:
    findings = leaf.answer.findings if leaf.answer else ()
    in_url = _not_within(findings, _in_url(leaf, values, words, findings))
    # A name within what was found already is part of that: of an address, say.
    beside = _any_beside(leaf.value, words, findings) or any(map(_has_short_word, values))
    in_text = find_known(leaf.value, values) if beside else ()
    others = _not_within(in_url, _not_within(findings, in_text))
    if in_url or others:
        findings = resolve_overlaps(leaf.value, [*findings, *in_url, *others])
    return Answer(findings, document=leaf.document) if findings or leaf.document else NOTHING


def _in_url(
    leaf: Leaf, values: Sequence[str], words: Collection[str], findings: Findings
) -> Iterator[Finding]:
    """Yield where names stand in the parts of URLs in a text, decoded, and not in ``findings``."""
    text = leaf.value
    if "url" in leaf.site.without:
        return
    if not (encoding_of(words).search(text) or ("%" in text and _any_in(text, words))):
        return
    addresses = [(f.start, f.end) for f in findings if f.entity == "EMAIL_ADDRESS"]
    for part in url_parts(text):
        start, end = part.origin(0, len(part.text))
        if any(first <= start and end <= last for first, last in addresses):
            continue  # all of it was found
        if _any_in(part.text, words):
            for finding in find_known(part.text, values):
                start, end = part.origin(finding.start, finding.end)
                yield finding._replace(start=start, end=end, step="url")


def _not_within(outer: Findings, inner: Iterable[Finding]) -> list[Finding]:
    """Return the findings of ``inner`` that lie in none of ``outer``, which is sorted by start."""
    starts = [finding.start for finding in outer]
    left = []
    for finding in inner:
        before = bisect_right(starts, finding.start) - 1
        if before < 0 or outer[before].end < finding.end:
            left.append(finding)
    return left


def _any_beside(text: str, words: Iterable[str], findings: Findings) -> bool:
    """Return whether one of ``words`` stands anywhere but in an e-mail address.

    Addresses are where names recur most, and what finds names takes a millisecond to make for each
    person.
    """
    folded = text.casefold()
    if len(folded) != len(text):
        return any(word in folded for word in words)
    spans = [(f.start, f.end) for f in findings if f.entity == "EMAIL_ADDRESS"]
    for word in words:
        start = folded.find(word)
        while start >= 0:
            end = start + len(word)
            if not any(first <= start and end <= last for first, last in spans):
                return True
            start = folded.find(word, end)
    return False


def _has_short_word(name: str) -> bool:
    # Such a word is found beside a longer one, wherever that stands: "Li jane@example.com".
    return any(len(word) < SHORTEST_WORD for word in name.split())


def _any_in(text: str, words: Iterable[str]) -> bool:
    folded = text.casefold()
    return any(word in folded for word in words)
