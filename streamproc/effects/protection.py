"""How much of a value a decision hides, and what of that another decision shows.

Operators are ordered by what is left of a value for who has no key:

====  ======================================  ==================================================
   4  ``drop_event``, ``drop``, ``redact``    nothing
   3  ``hash``, ``encrypt``, ``replace``      that there was something, and where it is the same
   2  ``format_preserve``, ``mask``           its form too
   1  ``generalise``, ``truncate_ip``,        something near it
      ``date_shift``
   0  ``keep``, or no decision at all         all of it
====  ======================================  ==================================================

What ``mask`` and ``format_preserve`` leave of a value is shown, so it has rank 0. What an operator
cannot read is replaced, so it has rank 3. Within one rank options are compared: a network of fewer
bits, a wider range, a key of the person's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Final, Literal, NamedTuple, TypeAlias

from streamproc.redact import Tokens
from streamproc.redact.decisions import Decision
from streamproc.redact.operators import rewritten
from streamproc.rules import (
    DateShift,
    Drop,
    DropEvent,
    Encrypt,
    FormatPreserve,
    Generalise,
    Hash,
    Keep,
    Mask,
    Operator,
    Redact,
    Replace,
    TruncateIp,
)

__all__ = ["KINDS", "LESS", "RANKS", "Cover", "Kind", "Shift", "covers_of", "shifts", "shows_more"]

RANKS: Final[Mapping[type, int]] = {
    DropEvent: 4,
    Drop: 4,
    Redact: 4,
    Hash: 3,
    Encrypt: 3,
    Replace: 3,
    FormatPreserve: 2,
    Mask: 2,
    Generalise: 1,
    TruncateIp: 1,
    DateShift: 1,
    Keep: 0,
}

Kind: TypeAlias = Literal["exposed", "weakened", "changed", "strengthened", "protected"]
"""What becomes of a value: shown where it was hidden; hidden less; hidden as much, otherwise;
hidden more; hidden where it was shown."""

KINDS: Final[Sequence[Kind]] = ("exposed", "weakened", "changed", "strengthened", "protected")
"""The worst first."""
LESS: Final[frozenset[Kind]] = frozenset({"exposed", "weakened"})


class Cover(NamedTuple):
    """A stretch of a value, half-open and in code points, and how well it is hidden there."""

    start: int
    end: int
    rank: int
    decision: Decision


class Shift(NamedTuple):
    """How a piece of a value fares under other rules, and who decides there before and after."""

    kind: Kind
    before: Decision | None
    after: Decision | None


def covers_of(text: str, decisions: Iterable[Decision], tokens: Tokens) -> list[Cover]:
    """Return how ``decisions`` hide ``text``; ``tokens`` does what masks and the like do."""
    return [cover for decision in decisions for cover in _covers(text, decision, tokens)]


def _covers(text: str, decision: Decision, tokens: Tokens) -> Iterator[Cover]:
    start, end, action, _ = decision
    operator, value = action.operator, text[decision.start : decision.end]
    rank = RANKS[type(operator)]
    if isinstance(operator, Drop | DropEvent):
        yield Cover(0, len(text), rank, decision)
        return
    if isinstance(operator, Mask | FormatPreserve | Generalise | TruncateIp):
        new = rewritten(action, value, tokens)
        if new == f"<{action.entity}>":
            yield Cover(start, end, RANKS[Replace], decision)
            return
        for place in _left(operator, value, new):
            yield Cover(start + place, start + place + 1, 0, decision)
    yield Cover(start, end, rank, decision)


def _left(operator: Operator, value: str, new: str) -> Iterable[int]:
    """Return where ``value`` is left as it is by an operator that leaves some of it."""
    letters = [place for place, letter in enumerate(value) if letter.isalnum()]
    if isinstance(operator, Mask):
        return [place for place in letters if new[place] == value[place] != operator.character]
    if isinstance(operator, FormatPreserve) and operator.keep_last:
        return letters[-operator.keep_last :]
    return ()


def shifts(text: str, before: Sequence[Cover], after: Sequence[Cover]) -> list[Shift]:
    """Return how the pieces of ``text`` fare, each pair of decisions once, by its worst.

    Pieces without a letter or digit do not count.
    """
    cuts = sorted({cut for cover in (*before, *after) for cut in cover[:2]})
    worst: dict[tuple[int, int], Shift] = {}
    hiding = zip(pairwise(cuts), _along(cuts, before), _along(cuts, after), strict=True)
    for (start, end), was, becomes in hiding:
        kind = _kind(was, becomes)
        if kind is not None and any(map(str.isalnum, text[start:end])):
            pair = (id(was and was.decision), id(becomes and becomes.decision))
            known = worst.get(pair)
            if known is None or KINDS.index(kind) < KINDS.index(known.kind):
                worst[pair] = Shift(kind, was and was.decision, becomes and becomes.decision)
    return list(worst.values())


def _along(cuts: Sequence[int], covers: Sequence[Cover]) -> Iterator[Cover | None]:
    """Yield, for each stretch between ``cuts``, what hides it; there may be thousands."""
    beginning: dict[int, list[tuple[int, Cover]]] = {}
    for item in enumerate(covers):
        beginning.setdefault(item[1].start, []).append(item)
    there: list[tuple[int, Cover]] = []
    for cut in cuts[:-1]:
        left = [item for item in there if item[1].end > cut]
        there = sorted([*left, *beginning.get(cut, ())], key=itemgetter(0))
        yield _best(cover for _, cover in there)


def _best(covers: Iterable[Cover]) -> Cover | None:
    """Return what hides best. What an operator leaves comes before the rest of its piece."""
    best: Cover | None = None
    for cover in covers:
        of_best = best is not None and best.decision is cover.decision
        if not of_best and (best is None or cover.rank > best.rank):
            best = cover
    return best


def _kind(was: Cover | None, becomes: Cover | None) -> Kind | None:
    rank, new_rank = was.rank if was else 0, becomes.rank if becomes else 0
    if rank and not new_rank:
        return "exposed"
    if new_rank and not rank:
        return "protected"
    if new_rank != rank:
        return "weakened" if new_rank < rank else "strengthened"
    if was is None or becomes is None or not rank:
        return None
    return _kind_of_options(was, becomes)


def _kind_of_options(was: Cover, becomes: Cover) -> Kind | None:
    one, other = _done(was), _done(becomes)
    if shows_more(one, other):
        return "weakened"
    if shows_more(other, one):
        return "strengthened"
    if _writes_the_same(one, other):
        return None
    if one != other:
        return "changed"
    # A token depends on the entity: with another one, joins with older rows are lost.
    of_entity = isinstance(one, Hash | FormatPreserve | Replace)
    entity, new_entity = was.decision.action.entity, becomes.decision.action.entity
    return "changed" if of_entity and entity != new_entity else None


def _done(cover: Cover) -> Operator:
    """Return what is done: what an operator cannot read is replaced, whatever its options."""
    operator = cover.decision.action.operator
    return operator if cover.rank == RANKS[type(operator)] else Replace()


def _writes_the_same(one: Operator, other: Operator) -> bool:
    """Return whether two masks differ only in how much they hide, which is compared elsewhere."""
    if not (isinstance(one, Mask) and isinstance(other, Mask)):
        return False
    return (one.character, one.skip) == (other.character, other.skip)


def shows_more(one: Operator, other: Operator) -> bool:
    """Return whether ``other`` leaves more of a value than ``one``, which is of the same kind."""
    if isinstance(one, TruncateIp) and isinstance(other, TruncateIp):
        return other.v4_bits > one.v4_bits or other.v6_bits > one.v6_bits
    if isinstance(one, Generalise) and isinstance(other, Generalise):
        if one.numbers is not None and other.numbers is not None:
            return other.numbers < one.numbers
        return (one.dates, other.dates) == ("year", "month")
    if isinstance(one, DateShift) and isinstance(other, DateShift):
        return other.days < one.days
    if isinstance(one, Encrypt) and isinstance(other, Encrypt):
        return one.per_subject and not other.per_subject
    return False
