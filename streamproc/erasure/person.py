"""All that names one person, by the links that are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from streamproc.events import Subject, Token
from streamproc.identity import View
from streamproc.identity.nodes import NOTHING, Node

__all__ = ["Kind", "Person", "person_of"]

Kind: TypeAlias = Literal["id", "device", "trait"]


@dataclass(frozen=True, slots=True)
class Person:
    """What names somebody.

    Attributes:
        tokens: By what each is: user ids, devices (anonymous ids) and traits.
        shared: Devices and traits that were stated with the person, and with others too, or with
            too many: they are nobody's own, and stay.
        known: Whether anything is linked at all.
    """

    tokens: dict[Token, Kind]
    shared: frozenset[Token]
    known: bool

    def __repr__(self) -> str:
        """Say how many tokens there are."""
        return f"Person({len(self.tokens)} tokens, {len(self.shared)} shared)"

    def count(self, kind: Kind) -> int:
        """Return how many tokens there are of a kind."""
        return sum(each == kind for each in self.tokens.values())


def person_of(view: View, given: Iterable[Token]) -> Person:
    """Return the person that ``given`` are tokens of, by ``view``.

    A device or a trait is the person's if the view says so of an event with nothing but that; one
    that several people share is not. What is given is always taken.
    """
    theirs = dict.fromkeys(given)
    known = any(view.graph.nodes.get(token) is not NOTHING for token in theirs)
    near: dict[Token, None] = {}
    identities: set[Token | None] = set()
    waiting = list(theirs)
    while waiting:
        for token in waiting:
            near |= dict.fromkeys(_near(view, token))
            identities.add(_identity(view, token))
        identities.discard(None)
        # What was met before belongs to them, too, once it turns out who they are.
        waiting = [
            each for each in near if each not in theirs and _identity(view, each) in identities
        ]
        theirs |= dict.fromkeys(waiting)
    tokens = {token: _kind(view.graph.nodes.get(token)) for token in theirs}
    nodes = ((each, view.graph.nodes.get(each)) for each in near if each not in theirs)
    shared = (each for each, node in nodes if _kind(node) != "id")
    return Person(tokens, frozenset(shared), known)


def _near(view: View, token: Token) -> Iterator[Token]:
    """Yield what a token was stated with, and who it belongs to."""
    node = view.graph.nodes.get(token)
    yield from view.graph.ids_of(token)
    for stated in (node.devices, node.known_by, node.traits, node.users):
        yield from (other for other, at in (stated or {}).items() if at is not None)
    if (identity := _identity(view, token)) is not None:
        yield identity


def _identity(view: View, token: Token) -> Token | None:
    return view.resolve(_subject(token, view.graph.nodes.get(token))).id


def _subject(token: Token, node: Node) -> Subject:
    """Return the subject of an event that has nothing but ``token``."""
    kind = _kind(node)
    if kind == "trait":
        return Subject(None, None, None, traits=((node.name, token),))
    return Subject(None, token, None) if kind == "device" else Subject(token, None, None)


def _kind(node: Node) -> Kind:
    if node.name:
        return "trait"
    is_user = node.joined is not None or node.devices != {} or node.known_by != {}
    is_device = node.users != {} or node.traits != {}
    return "device" if is_device and not is_user else "id"
