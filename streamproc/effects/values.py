"""The values of an event that rules decide, each with all that is decided about it.

What is decided about an object, a list, or a field by its key is spread over the values in it, so
that two rulesets can be held against each other value by value. So is what is decided inside a
document that one of them opens and the other does not.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

from streamproc.effects.examine import Document, Place, document_of, places_of
from streamproc.effects.protection import Cover, covers_of
from streamproc.redact import Survey, Tokens
from streamproc.redact.decisions import Decision
from streamproc.redact.survey import Leaf, Opened, text_of
from streamproc.rules import Drop, Redact
from streamproc.rules.plan import PLAIN_KEY

__all__ = ["Decided", "Position", "Value", "decided", "flatten"]

Position: TypeAlias = tuple[Place, bool]
"""The place of a value, and whether it is the key there."""


class Value(NamedTuple):
    """A value.

    Attributes:
        path: As manifests write it, without list indexes.
        text: The value itself, as a text; never shown.
        covers: How it is hidden.
    """

    path: str
    text: str
    covers: list[Cover]

    def __repr__(self) -> str:
        """Name the value by its path."""
        return f"Value({self.path})"


class Decided(NamedTuple):
    """What is decided about an event.

    Attributes:
        values: The values that anything is decided about, by where they are.
        documents: The documents that were opened, by where they are.
    """

    values: dict[Position, Value]
    documents: dict[Place, Opened]


def decided(
    found: Survey, decisions: Iterable[tuple[Leaf, Sequence[Decision]]], tokens: Tokens
) -> Decided:
    """Return what ``decisions`` decide about the values of the event of ``found``."""
    places = places_of(found)
    documents = {(*places[id(item.leaf.holder)], document_of(item)): item for item in found.opened}
    made = Decided({}, documents)
    for leaf, of_leaf in decisions:
        place = (*places[id(leaf.holder)], leaf.step)
        if not isinstance(leaf.value, dict | list):
            text = text_of(leaf.value)
            _cover(made, (place, leaf.is_key), Value(leaf.site.path, text, []), of_leaf, tokens)
        for decision in of_leaf:
            for position, value in _spread(leaf, decision, place):
                whole = (decision._replace(start=0, end=len(value.text)),)
                _cover(made, position, value, whole, tokens)
    return made


def flatten(made: Decided, others: Container[Place], *, least: bool) -> None:
    """Count what is decided inside documents as decided about the texts that hold them.

    A piece counts where it is found as it is; where it is not, because it is encoded, it counts for
    the whole document.

    Args:
        made: What is decided; changed.
        others: The documents that the other ruleset opens too, and that stay as they are.
        least: Not to count pieces that are not found.
    """
    inside = _by_document(made.values)
    for place, item in reversed(made.documents.items()):  # those in other documents come last
        if place in others:
            continue
        inner = [made.values.pop(each) for each in inside.pop(place, ())]
        leaf = item.leaf
        position = ((*place[:-1], leaf.step), leaf.is_key)
        if inner and position not in made.values:
            made.values[position] = Value(leaf.site.path, leaf.value, [])
            inside.setdefault(_innermost(position), []).append(position)
        if inner:
            made.values[position].covers.extend(_moved(inner, item, least=least))


def _by_document(positions: Iterable[Position]) -> dict[Place, list[Position]]:
    """Return the positions in each document, by the innermost they are in."""
    inside: dict[Place, list[Position]] = {}
    for position in positions:
        inside.setdefault(_innermost(position), []).append(position)
    return inside


def _innermost(position: Position) -> Place:
    """Return the innermost document that ``position`` is in; an empty place if it is in none."""
    place, _ = position
    steps = range(len(place), 0, -1)
    return next((place[:at] for at in steps if isinstance(place[at - 1], Document)), ())


def _moved(inner: Iterable[Value], opened: Opened, *, least: bool) -> Iterator[Cover]:
    """Yield how what is decided inside ``opened`` hides the text that holds it."""
    unfound: list[Cover] = []
    known: set[tuple[str, str]] = set()
    for value in inner:
        for _, group in groupby(value.covers, key=lambda cover: id(cover.decision)):
            covers = list(group)
            start = min(cover.start for cover in covers)
            piece = value.text[start : max(cover.end for cover in covers)]
            if (way := (piece, covers[0].decision.action.rule)) in known:
                continue
            known.add(way)
            places = list(_occurrences(piece, opened))
            if not places:
                unfound += covers
            for at in places:
                for cover in covers:
                    offset = at - start
                    yield cover._replace(start=cover.start + offset, end=cover.end + offset)
    if unfound and not least:
        start, end = opened.document[:2]
        best = max(unfound, key=lambda cover: cover.rank)
        yield best._replace(start=start, end=end)


def _occurrences(piece: str, opened: Opened) -> Iterator[int]:
    text, (start, end) = opened.leaf.value, opened.document[:2]
    at = text.find(piece, start, end) if piece else -1
    while at >= 0:
        yield at
        at = text.find(piece, at + len(piece), end)


def _cover(
    made: Decided,
    position: Position,
    value: Value,
    decisions: Iterable[Decision],
    tokens: Tokens,
) -> None:
    covers = covers_of(value.text, decisions, tokens)
    made.values.setdefault(position, value).covers.extend(covers)


def _spread(leaf: Leaf, decision: Decision, place: Place) -> Iterator[tuple[Position, Value]]:
    """Yield the values within a field that is decided as a whole, or dropped for its key."""
    operator = decision.action.operator
    if leaf.is_key:
        if isinstance(operator, Drop):
            yield from _within(leaf.holder[leaf.step], place, leaf.site.path, keys=True)
    elif isinstance(leaf.value, dict | list):
        keys = isinstance(operator, Drop | Redact)
        yield from _within(leaf.value, place, leaf.site.path, keys=keys)


def _within(value: Any, place: Place, path: str, *, keys: bool) -> Iterator[tuple[Position, Value]]:
    """Yield the values in ``value``, and with ``keys`` the keys that are no plain words."""
    if isinstance(value, dict):
        for key, below in value.items():
            plain = PLAIN_KEY.fullmatch(key) is not None
            inner = f"{path}.{key if plain else '*'}"
            if keys and not plain:
                yield ((*place, key), True), Value(inner, key, [])
            yield from _within(below, (*place, key), inner, keys=keys)
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _within(below, (*place, index), path, keys=keys)
    elif value is not None and value != "":
        yield (place, False), Value(path, text_of(value), [])
