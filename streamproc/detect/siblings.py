"""Names that an event states in one field, found again in its free texts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import permutations
from unicodedata import combining, normalize

from streamproc.events import Finding

__all__ = ["find_known", "name_words"]

_ENTITY, _SCORE, _RECOGNIZER, _STEP = "PERSON", 0.85, "SiblingName", "sibling"

_SHORTEST = 3
"""Code points of the shortest name looked for; shorter ones are in too many words' company."""

_NO_NAMES = frozenset(
    {"account", "admin", "and", "company", "corp", "customer", "demo", "example", "gmbh", "group"}
    | {"guest", "inc", "limited", "llc", "ltd", "name", "none", "null", "org", "team", "test"}
    | {"the", "unknown", "user", "von", "van", "der", "den", "del", "dos", "bin"}
)
"""Words of what stands in a field for names but names nobody: looked for with the others only."""

_PUNCTUATION = ".,;:()\"'"
_VOWELS = frozenset("aeiouy")
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

_BETWEEN_NAMES = re.compile(r",?\s+|[,._-]")
"""What may stand between two names that are one person's: ``Jane Doe``, ``Doe, Jane``, ``j.d``."""

_MOST_JOINED = 8
"""Names of an event that are looked for joined, as the work grows with their square. An event that
states more of them is about many people, and has account names for none."""

_WORD_STARTS = frozenset(
    {"bl", "br", "ch", "cl", "cr", "dr", "dw", "fl", "fr", "gh", "gl", "gn", "gr", "kn", "ph", "pl"}
    | {"pn", "pr", "ps", "rh", "sc", "sh", "sk", "sl", "sm", "sn", "sp", "sq", "st", "sv", "sw"}
    | {"th", "tr", "ts", "tw", "wh", "wr"}
)
"""Two consonants that English words begin with: an initial and a surname that begin so may be one,
such as ``price`` of a P. Rice."""


def find_known(text: str, values: Sequence[str]) -> tuple[Finding, ...]:
    """Return where names of ``values`` stand in ``text``, sorted by start, not overlapping.

    Names are found as whole words, in any case, with their accents and without; ``values`` of
    several words as a whole and word by word. Names that follow each other are one finding, with a
    short name or an initial beside them: ``Doe, Jane``, ``jane.doe``, ``Jane Li``, ``J. Doe``. Two
    in one word are found too (``janedoe``), and an initial with a name unless that may be a word
    (``jdoe``). Costs 1 µs a name where none is found.

    Args:
        text: A free text of the event.
        values: Names from other fields of the same event: first, last or full.

    Returns:
        Findings of ``PERSON``, score 0.85, recognizer ``SiblingName``, step ``sibling``.
    """
    folded = text.casefold()
    given = tuple(values)
    if not any(name in folded for name in _long_names(given)):
        return ()  # whatever else is looked for has one of these in it
    pattern = _prepared(given)
    offsets = _offsets(text, folded)
    spans = (
        (offsets[match.start()], offsets[match.end()])
        for match in pattern.finditer(folded)
        if match[0] not in _ALSO_WORDS or text[offsets[match.start()]].isupper()
    )
    return tuple(
        Finding(start, end, _ENTITY, _SCORE, _RECOGNIZER, _STEP)
        for start, end in _joined(text, spans)
    )


def name_words(value: str) -> Sequence[str]:
    """Return words, case folded, one of which is in every text that ``value`` is found in.

    To look for them first costs less than :func:`find_known` does.
    """
    long = _long_names((value,))
    return [name for name in long if " " not in name] or long


@lru_cache(maxsize=1024)  # names come back
def _long_names(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in _names(values) if len(name) >= _SHORTEST)


@lru_cache(maxsize=1024)  # and compiling them takes a millisecond
def _prepared(values: tuple[str, ...]) -> re.Pattern[str]:
    return _pattern(_names(values))


def _names(values: Iterable[str]) -> list[str]:
    """Return the words of ``values``, and of each all as one, with accents and without."""
    names: dict[str, None] = {}
    for value in values:
        folded = value.casefold()
        for form in (folded,) if folded.isascii() else (folded, _without_accents(folded)):
            words = form.split()
            if len(words) > 1:
                names[" ".join(words)] = None
            for word in words:
                names[word.strip(_PUNCTUATION)] = None
    return [name for name in names if name and name not in _NO_NAMES]


def _without_accents(value: str) -> str:
    return "".join(c for c in normalize("NFKD", value) if not combining(c))


def _pattern(names: Iterable[str]) -> re.Pattern[str]:
    """Return what finds ``names`` in folded text, alone, joined, and with others beside them."""
    long = {name for name in names if len(name) >= _SHORTEST}
    words = {name for name in long if name.isalpha()}
    whole = _any_of(long | set(_account_names(words)))
    initial = _any_of({word[0] for word in words})
    short = _any_of({name for name in names if len(name) < _SHORTEST})
    # An initial alone may be the article of "a smith": there is a dot to it, or what joins names.
    before = rf"(?:{initial})(?:\.\s?|[_-])|(?:{short})[\s._-]"
    after = rf"[\s._-](?:{short}|(?:{initial})\.)|[._-](?:{initial})"
    return re.compile(rf"(?<![^\W_])(?:{before})?(?:{whole})(?:(?:{after})(?![^\W_]))?(?![^\W_])")


def _any_of(names: Collection[str]) -> str:
    # Longest first: an alternative that is found hides the shorter ones at that place.
    return "|".join(map(re.escape, sorted(names, key=lambda name: (-len(name), name)))) or r"(?!)"


def _account_names(words: Collection[str]) -> Iterator[str]:
    if len(words) > _MOST_JOINED:
        return
    for one, other in permutations(sorted(words), 2):
        yield one + other
        start = one[0] + other[0]
        if start not in _WORD_STARTS and not _VOWELS.intersection(start):
            yield one[0] + other


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
