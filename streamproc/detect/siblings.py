"""Names that an event states in one field, found again in its free texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from streamproc.events import Finding

__all__ = ["find_known"]

_ENTITY, _SCORE, _RECOGNIZER, _STEP = "PERSON", 0.85, "SiblingName", "sibling"

_SHORTEST = 3
"""Code points of the shortest name looked for; shorter ones are in too many words' company."""

_ALSO_WORDS = frozenset(
    {
        "april",
        "art",
        "august",
        "bill",
        "chase",
        "drew",
        "faith",
        "frank",
        "grace",
        "grant",
        "hope",
        "jack",
        "joy",
        "june",
        "mark",
        "may",
        "miles",
        "pat",
        "penny",
        "rich",
        "rob",
        "rose",
        "sky",
        "sue",
        "summer",
        "will",
    }
)
"""Given names that are English words too: looked for with a capital only."""

_BETWEEN_NAMES = re.compile(r",?\s+|,")
"""What may stand between two names that are one person's: ``Jane Doe``, ``Doe, Jane``."""


def find_known(text: str, values: Sequence[str]) -> tuple[Finding, ...]:
    """Return where names of ``values`` stand in ``text``, sorted by start, not overlapping.

    Names are found as whole words, in any case; ``values`` of several words as a whole and word by
    word, and names that follow each other as one finding. Costs 1 µs a name where none is found.

    Args:
        text: A free text of the event.
        values: Names from other fields of the same event: first, last or full.

    Returns:
        Findings of ``PERSON``, score 0.85, recognizer ``SiblingName``, step ``sibling``.
    """
    folded = text.casefold()
    names = {name for value in values for name in _names(value.casefold()) if name in folded}
    if not names:
        return ()
    # Longest first: an alternative that is found hides the shorter ones at that place.
    pattern = "|".join(map(re.escape, sorted(names, key=lambda name: (-len(name), name))))
    offsets = _offsets(text, folded)
    matches = re.finditer(rf"(?<!\w)(?:{pattern})(?!\w)", folded)
    spans = (
        (offsets[match.start()], offsets[match.end()])
        for match in matches
        if match[0] not in _ALSO_WORDS or text[offsets[match.start()]].isupper()
    )
    return tuple(
        Finding(start, end, _ENTITY, _SCORE, _RECOGNIZER, _STEP)
        for start, end in _joined(text, spans)
    )


def _names(value: str) -> Iterator[str]:
    words = value.split()
    yield from (word for word in words if len(word) >= _SHORTEST)
    if len(words) > 1:
        yield " ".join(words)


def _offsets(text: str, folded: str) -> Sequence[int]:
    """Return, for each code point of ``folded`` and for its end, where it stands in ``text``."""
    if len(folded) == len(text):  # folding never shortens, so each code point became one
        return range(len(text) + 1)
    offsets = [i for i, character in enumerate(text) for _ in character.casefold()]
    return [*offsets, len(text)]


def _joined(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield ``spans`` with those that only white space or a comma parts made one."""
    held: tuple[int, int] | None = None
    for start, end in spans:
        if held and _BETWEEN_NAMES.fullmatch(text, held[1], start):
            held = held[0], end
            continue
        if held:
            yield held
        held = start, end
    if held:
        yield held
