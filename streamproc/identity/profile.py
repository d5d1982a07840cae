"""What is known of one token, laid open for who looks into it or takes something of it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from streamproc.events import Identity, Link, LinkKind, Micros, Subject, Token
from streamproc.identity.graph import Graph
from streamproc.identity.links import alias
from streamproc.identity.nodes import Node, Stated
from streamproc.identity.view import View

__all__ = ["Profile", "Statement", "cuts_between", "path_between", "profile_of"]

Relation: TypeAlias = Literal["alias", "user_id", "anonymous_id", "trait", "account"]


class Statement(NamedTuple):
    """That a token was stated with another one.

    Attributes:
        relation: What the other one is to it.
        token: The other one; None where there were too many, so that none of them counts.
        at: When that was first stated (of accounts last); None where it was taken back.
    """

    relation: Relation
    token: Token | None
    at: Micros | None


class Profile(NamedTuple):
    """What is known of a token.

    Attributes:
        token: The token.
        trait: Its name, if it is a trait.
        identity: Whom it belongs to.
        ids: All ids of its person; itself alone where that is quarantined.
        quarantined: Whether its person had too many ids.
        statements: What it was stated with.
    """

    token: Token
    trait: str
    identity: Identity
    ids: tuple[Token, ...]
    quarantined: bool
    statements: tuple[Statement, ...]


def profile_of(view: View, token: Token) -> Profile:
    """Return what is known of ``token``."""
    node = view.graph.nodes.get(token)
    if node.name:
        subject = Subject(None, None, None, traits=((node.name, token),))
    elif node.users or node.traits:
        subject = Subject(None, token, None)
    else:
        subject = Subject(token, None, None)
    return Profile(
        token=token,
        trait=node.name,
        identity=view.resolve(subject),
        ids=view.graph.ids_of(token),
        quarantined=node.quarantined,
        statements=tuple(_statements(view.graph, token, node)),
    )


def _statements(graph: Graph, token: Token, node: Node) -> Iterator[Statement]:
    for other, at in sorted(graph.aliases_of(token).items()):
        yield Statement("alias", other, at)
    held: Mapping[Relation, tuple[Stated | None, ...]] = {
        "user_id": (node.users,),
        "anonymous_id": (node.devices,),
        "trait": (node.traits, node.known_by),
        "account": (node.accounts,),
    }
    for relation, fields in held.items():
        for stated in fields:
            if stated is None:
                yield Statement(relation, None, None)
            for other, when in sorted((stated or {}).items()):
                yield Statement(relation, other, when)


KINDS: Final[Mapping[LinkKind, str]] = {
    # kind: where its left end has its right one
    "identify": "users",
    "trait": "users",
    "trait_device": "devices",
    "group": "accounts",
}


def cuts_between(graph: Graph, one: Token, other: Token) -> tuple[Link, ...]:
    """Return what takes back every link that there is between two tokens themselves."""
    cuts = []
    if other in graph.aliases_of(one):
        cuts.append(alias(one, other, Micros(0))._replace(cut=True))
    for left, right in ((one, other), (other, one)):
        node = graph.nodes.get(left)
        # A user id has devices, too: only of a trait are they what it was stated with.
        kinds: tuple[LinkKind, ...] = ("identify", "group")
        if node.name:
            kinds = ("trait", "trait_device")
        cuts += [
            Link(kind, left, right, node.name, cut=True)
            for kind in kinds
            if (getattr(node, KINDS[kind]) or {}).get(right) is not None
        ]
    return tuple(cuts)


def path_between(graph: Graph, one: Token, other: Token) -> tuple[Token, ...]:
    """Return the ids that aliases lead over from ``one`` to ``other``, both included.

    The shortest way; empty where there is none.
    """
    before: dict[Token, Token | None] = {one: None}
    waiting = [one]
    for each in waiting:
        if each == other:
            break
        for near in graph.aliases_of(each):
            if near not in before:
                before[near] = each
                waiting.append(near)
    path: list[Token] = []
    at: Token | None = other if other in before else None
    while at is not None:
        path.append(at)
        at = before[at]
    return tuple(reversed(path))
