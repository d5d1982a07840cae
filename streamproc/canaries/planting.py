"""Personal data planted in a generated event, and the record of where.

A generated event is first a tree whose leaves may be :class:`Personal` or :class:`Written`;
:func:`settle` turns it into plain JSON and lists what was planted at which path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import quote

from streamproc.events import Json, Path, path_text

__all__ = ["Kind", "Personal", "Planted", "Tree", "Written", "in_text", "in_url", "settle"]

Kind: TypeAlias = Literal[
    "address", "birth_date", "card", "email", "iban", "ip", "person", "phone", "ssn"
]


class Personal(NamedTuple):
    """A piece of personal data of an invented person, as it is written in the event."""

    kind: Kind
    value: str


class Written(NamedTuple):
    """A string with personal data somewhere in it."""

    text: str
    values: tuple[Personal, ...]


class Planted(NamedTuple):
    """One value that must not leave the raw topic.

    Attributes:
        kind: What it is.
        value: Its plain form, whatever encoding the event carries it in.
        path: Where it was put; a key that holds the value itself is written as ``*``.
        message_id: The event it was put into.
    """

    kind: Kind
    value: str
    path: str
    message_id: str


Leaf: TypeAlias = str | int | float | bool | Personal | Written | None
# Two mappings, because Mapping is invariant in its key.
Tree: TypeAlias = "Leaf | Mapping[str, Tree] | Mapping[str | Personal, Tree] | Sequence[Tree]"


def in_text(template: str, **values: Personal) -> Written:
    """Return ``template`` with each ``{name}`` replaced by the value of that name."""
    return _fill(template, values, str)


def in_url(template: str, **values: Personal) -> Written:
    """Return ``template`` as :func:`in_text` does, the values percent-encoded."""
    return _fill(template, values, lambda value: quote(value, safe=""))


def settle(tree: Tree, message_id: str) -> tuple[Json, tuple[Planted, ...]]:
    """Return ``tree`` as plain JSON, and everything planted in it, in document order."""
    found: list[Planted] = []

    def note(values: Sequence[Personal], path: Path) -> None:
        for kind, value in values:
            found.append(Planted(kind, value, path_text(path), message_id))

    def plain(node: Tree, path: Path) -> Json:
        # Order matters: Personal and Written are tuples, and so sequences too.
        if isinstance(node, Personal):
            note([node], path)
            return node.value
        if isinstance(node, Written):
            note(node.values, path)
            return node.text
        if isinstance(node, Mapping):
            return {
                key(name, path): plain(each, (*path, step(name))) for name, each in node.items()
            }
        if isinstance(node, list):
            return [plain(each, (*path, index)) for index, each in enumerate(node)]
        assert isinstance(node, str | int | float | bool | None)
        return node

    def key(name: str | Personal, path: Path) -> str:
        if isinstance(name, Personal):
            note([name], (*path, "*"))
            return name.value
        return name

    return plain(tree, ()), tuple(found)


def step(name: str | Personal) -> str:
    """Return a key as a path shows it."""
    return "*" if isinstance(name, Personal) else name


def _fill(template: str, values: Mapping[str, Personal], write: Callable[[str], str]) -> Written:
    text = template.format_map({name: write(value) for name, (_, value) in values.items()})
    return Written(text, tuple(values.values()))
