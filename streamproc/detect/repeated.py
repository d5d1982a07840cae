"""Names that a text states once and writes again: found there too.

A model that finds ``Jane Roe`` in one line of a log misses her in the next, and in a table it finds
nobody. Two things in the same text say who is a person:

- an e-mail address made of a name: ``jane.roe7@example.com`` makes ``Jane Roe``, ``Roe, Jane`` and
  ``Dr. Roe`` names, if all words of the address stand in the text with a capital;
- a name that was found: it is one wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from unicodedata import combining, normalize

from streamproc.events import Finding

__all__ = ["repeated_names"]

_ENTITY, _SCORE, _RECOGNIZER, _STEP = "PERSON", 0.85, "RepeatedName", "sibling"
_WORD = re.compile(r"[^\W\d_](?:['\u2019]?[^\W\d_])*")
_LOCAL = re.compile(r"[^\W_][\w.+'\u2019-]*(?=@|%40)")
_BETWEEN = re.compile(r"(?:[ \u00a0]|,\s?|\+|%20|-|\.\s?)")
"""What may stand between two words of one name."""
_SHORTEST = 2
"""Letters of the shortest word of a name; initials are not told from other letters."""
_SHORTEST_ALONE = 3
"""Letters of the shortest name of one word that is looked for again."""
_LONGEST = 4
"""Words of the longest name that is looked for again; longer ones are more than a name."""

_NOBODY = frozenset(
    """
    abuse account accounts admin alert alerts app billing booking bookings bot care careers cc
    center centre client company contact corp customer customers data demo desk dev dept email
    enquiries event events example feedback finance group hello help helpdesk hotel hr inbox info
    it jobs legal mail manager marketing media news newsletter no noreply notification
    notifications office online order orders payment payments portal press privacy product
    project reply reservations returns sales security server service services shop site social
    staff store student subscriptions success support system team tech test tester update user
    web webmaster work you your
    """.split()  # noqa: SIM905 - eighty words read better as words
)
"""Words of an address that is an office's or a machine's, not a person's."""
_NO_NAMES = (
    _NOBODY
    | frozenset(["dear", "dr", "employee", "hey", "hi", "miss", "mr", "mrs", "ms", "mx"])
    | frozenset(["patient", "prof", "professor", "sir"])
)
"""Words that a model takes for a part of the name they stand before."""


class _Word(NamedTuple):
    """A word of a text, as a name is written: with a capital, or of a script that has none."""

    start: int
    end: int
    folded: str


def repeated_names(text: str, findings: Sequence[Finding]) -> list[Finding]:
    """Return where names that ``findings`` speak of stand in ``text`` beside.

    Costs 0.2 µs where no finding speaks of any, else 1 µs a word of the text.

    Args:
        text: The text.
        findings: What was found in it, in any order; they may overlap.

    Returns:
        Findings of ``PERSON``, score 0.85, recognizer ``RepeatedName``, step ``sibling``; sorted by
        start, not overlapping. None is within a finding of ``PERSON``, and none in one of anything
        else.
    """
    persons = [f for f in findings if f.entity == _ENTITY]
    addresses = [_address(text, f) for f in findings if f.entity == "EMAIL_ADDRESS"]
    if not persons and not addresses:
        return []
    others = [f for f in findings if f.entity not in (_ENTITY, "EMAIL_ADDRESS")]
    taken = _covered(text, [*others, *addresses])
    words = [word for word in _words(text) if 1 not in taken[word.start : word.end]]
    again = {name for f in persons if (name := _name(text[f.start : f.end]))}
    made = {name for f in addresses if (name := _made_of(text[f.start : f.end]))}
    spans = sorted([*_written_again(text, words, again), *_of_addresses(text, words, made)])
    known = _covered(text, persons)
    return [
        Finding(start, end, _ENTITY, _SCORE, _RECOGNIZER, _STEP)
        for start, end in _joined(text, spans)
        if 0 in known[start:end]
    ]


def _words(text: str) -> Iterator[_Word]:
    for match in _WORD.finditer(text):
        if not match[0][0].islower():
            yield _Word(match.start(), match.end(), _folded(match[0]))


def _covered(text: str, findings: Iterable[Finding]) -> bytearray:
    """Return for each code point of ``text`` 1 if one of ``findings`` covers it, else 0."""
    covered = bytearray(len(text))
    for finding in findings:
        covered[finding.start : finding.end] = b"\1" * (finding.end - finding.start)
    return covered


@lru_cache(maxsize=8192)
def _folded(word: str) -> str:
    """Return ``word`` without case, accents and apostrophes: as addresses are made."""
    plain = "".join(c for c in normalize("NFKD", word.casefold()) if not combining(c))
    return plain.replace("'", "").replace("\u2019", "")


# -- names of addresses ---------------------------------------------------------------------------


def _address(text: str, finding: Finding) -> Finding:
    """Return ``finding`` without what a URL has before the address, such as ``Roe&email=``."""
    local = _LOCAL.search(text, finding.start, finding.end)
    return finding._replace(start=local.start()) if local else finding


def _made_of(address: str) -> tuple[str, ...]:
    """Return the words before the sign of an address that is a person's; mostly none."""
    local = _LOCAL.match(address)
    own = local[0].partition("+")[0] if local else ""
    words = tuple(_folded(match[0]) for match in _WORD.finditer(own))
    return words if _NOBODY.isdisjoint(words) else ()


def _of_addresses(
    text: str, words: Sequence[_Word], made: Iterable[tuple[str, ...]]
) -> Iterator[tuple[int, int]]:
    """Yield where the words stand that addresses are ``made`` of."""
    there = {word.folded for word in words}
    known: set[str] = set()
    joined: set[str] = set()
    for name in made:
        if len(name) == 1:
            joined.update(name)  # janeroe
        elif there.issuperset(name):
            known.update(part for part in name if len(part) >= _SHORTEST)
    for word in words:
        if word.folded in known:
            yield word.start, word.end
    for one, other in pairwise(words):
        pair = one.folded + other.folded, other.folded + one.folded
        if not joined.isdisjoint(pair) and _is_between(text, one, other):
            yield one.start, other.end


def _is_between(text: str, one: _Word, other: _Word) -> bool:
    return _BETWEEN.fullmatch(text, one.end, other.start) is not None


# -- names that were found ------------------------------------------------------------------------


def _name(found: str) -> tuple[str, ...]:
    """Return the words of what was found, if it can be nothing but a name; else nothing."""
    if any(map(str.isdigit, found)):
        return ()
    words = [match[0] for match in _WORD.finditer(found)]
    if any(word[0].islower() for word in words):
        return ()
    name = tuple(folded for word in words if (folded := _folded(word)) not in _NO_NAMES)
    too_short = len(name) == 1 and len(name[0]) < _SHORTEST_ALONE
    return () if too_short or len(name) > _LONGEST else name


def _written_again(
    text: str, words: Sequence[_Word], names: Collection[tuple[str, ...]]
) -> Iterator[tuple[int, int]]:
    """Yield where the words of one of ``names`` follow each other."""
    firsts = {name[0] for name in names}
    for at, word in enumerate(words):
        if word.folded in firsts:
            for length in range(1, _LONGEST + 1):
                run = words[at : at + length]
                if tuple(one.folded for one in run) in names and _is_one_name(text, run):
                    yield word.start, run[-1].end


def _is_one_name(text: str, words: Sequence[_Word]) -> bool:
    return all(_is_between(text, one, other) for one, other in pairwise(words))


def _joined(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield ``spans`` with those that overlap or follow each other as names do made one."""
    held: tuple[int, int] | None = None
    for start, end in spans:
        if held and (start <= held[1] or _BETWEEN.fullmatch(text, held[1], start)):
            held = held[0], max(held[1], end)
            continue
        if held:
            yield held
        held = start, end
    if held:
        yield held
