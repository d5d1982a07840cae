"""Names that rules decide in some fields of an event, found again in all its other texts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from streamproc.detect import find_known, resolve_overlaps
from streamproc.detect.urls import Part, url_parts
from streamproc.errors import EventError
from streamproc.events import Finding
from streamproc.redact.operators import WRITTEN
from streamproc.redact.survey import Survey

__all__ = ["with_siblings"]

MOST_WORDS = 1_000
"""Words of one event's names; each is looked for in all its texts, so the work grows with their
product."""

BETWEEN_TEXTS = "\0"
"""No letter and no space: no name reaches over it."""

NAMING = frozenset({"event", "category", "channel", "messageId"})
"""Fields of the event itself that name things, where a person's name is a coincidence: ``Grace
Period Ended`` of a Grace."""

Findings = tuple[Finding, ...]


class Segment(NamedTuple):
    """A text that names are looked for in: one of the event's, or a decoded part of a URL in it."""

    text_index: int
    """Which of the event's texts."""
    text: str
    part: Part | None

    def __repr__(self) -> str:
        """Name the text by its index and length: it may be personal data."""
        return f"Segment({self.text_index}, <{len(self.text)} characters>)"

    def of_text(self, finding: Finding, start: int) -> Finding:
        """Return ``finding`` by the offsets of the event's text; ``start`` is this segment's."""
        first, last = finding.start - start, finding.end - start
        if self.part is None:
            return finding._replace(start=first, end=last)
        first, last = self.part.origin(first, last)
        return finding._replace(start=first, end=last, step="url")


def with_siblings(found: Survey, findings: Sequence[Findings]) -> Sequence[Findings]:
    """Return ``findings`` of ``found.texts`` and, beside them, where the event's names stand.

    Raises:
        EventError: ``too_many_names``: to look for fewer would be to pass some on.
    """
    names = tuple(dict.fromkeys(_names(found)))
    if not names:
        return findings
    if sum(len(name.split()) for name in names) > MOST_WORDS:
        raise EventError("redact", "too_many_names")
    segments = tuple(_segments(found))
    # All texts at once: where no name recurs, which is nearly always, this is all it costs.
    known = find_known(BETWEEN_TEXTS.join(segment.text for segment in segments), names)
    if not known:
        return findings
    merged = list(findings)
    for index, names_there in _by_text(segments, known).items():
        # A name within what was found already is part of that: of an address, say.
        in_url = _not_within(merged[index], [name for name in names_there if name.step == "url"])
        others = _not_within(merged[index], [name for name in names_there if name.step != "url"])
        beside = [*merged[index], *in_url, *_not_within(in_url, others)]
        merged[index] = resolve_overlaps(found.texts[index].value, beside)
    return merged


def _not_within(outer: Sequence[Finding], inner: Iterable[Finding]) -> list[Finding]:
    """Return the findings of ``inner`` that lie in none of ``outer``, which is sorted by start."""
    starts = [finding.start for finding in outer]
    left = []
    for finding in inner:
        before = bisect_right(starts, finding.start) - 1
        if before < 0 or outer[before].end < finding.end:
            left.append(finding)
    return left


def _names(found: Survey) -> Iterator[str]:
    for whole in found.wholes:
        if whole.action.entity == "PERSON":
            values = whole.value if isinstance(whole.value, list) else [whole.value]
            yield from (value for value in values if isinstance(value, str) and _is_name(value))


def _is_name(value: str) -> bool:
    # What redaction wrote is none: a token, or a name that was masked.
    return any(map(str.isalpha, value)) and not WRITTEN.fullmatch(value)


def _segments(found: Survey) -> Iterator[Segment]:
    for index, (place, text) in enumerate(zip(found.places, found.texts, strict=True)):
        if place.above is not None or place.step not in NAMING:
            yield Segment(index, text.value, None)
            if "%" in text.value:
                yield from (Segment(index, part.text, part) for part in url_parts(text.value))


def _by_text(segments: Sequence[Segment], known: Iterable[Finding]) -> dict[int, list[Finding]]:
    """Return the findings in the joined segments by text, with offsets of that text."""
    starts = list(accumulate((len(segment.text) + 1 for segment in segments), initial=0))
    by_text: dict[int, list[Finding]] = {}
    for finding in known:
        at = bisect_right(starts, finding.start) - 1
        segment = segments[at]
        by_text.setdefault(segment.text_index, []).append(segment.of_text(finding, starts[at]))
    return by_text
