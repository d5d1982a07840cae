"""What YAML allows and files of settings cannot have: before any of it is made into values.

A node that aliases name again and again is one node here, but would be many values: nine lines can
write a billion of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from ruamel.yaml.error import StreamMark
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

__all__ = ["DEEPEST", "MOST_VALUES", "TOO_DEEP", "Fault", "Location", "faults", "scalars"]

Location: TypeAlias = tuple[str | int, ...]
"""A place in a file, as pydantic gives it: keys and indexes from the top."""

MOST_VALUES: Final = 100_000
"""Most values of a file, those that aliases repeat included. 200 rules have 6,000."""

DEEPEST: Final = 50
"""Most levels of lists and mappings."""
TOO_DEEP: Final = "is nested too deeply"

_TOO_LARGE = f"expected at most {MOST_VALUES:,} values, those that aliases repeat included"

STANDARD: Final = "tag:yaml.org,2002:"
READ: Final = frozenset(
    STANDARD + name
    for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge", "value")
)

TEXT_KEYS: Final = frozenset(STANDARD + name for name in ("str", "merge", "value"))

PLAIN_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)|-?[0-9]*\.[0-9]*|[-+]?\.(?i:inf|nan)")
"""Numbers that are written as they are read. Others are mostly no numbers: the ZIP code 02134 would
be 2134, the telephone number +15550100 would have no plus, the part number 12e5 would be 1200000,
and none would ever equal the text it is meant to be."""


class Fault(NamedTuple):
    """Something wrong: where by keys and indexes, where in the text, and what."""

    location: Location
    mark: StreamMark
    message: str


def faults(root: Node) -> Iterator[Fault]:
    """Yield what no file can have, each with where it stands.

    That is keys that stand twice or are no texts, tags that are not read, numbers that are not
    written as they are read, anchors that name two things, and aliases that grow without end.
    """
    yield from _swollen(root)
    anchors: dict[str, Node] = {}
    deep = False
    for location, node in _walk(root):
        if len(location) > DEEPEST and not deep:
            deep = True
            yield Fault(location[:3], node.start_mark, TOO_DEEP)
        if node.anchor and (before := anchors.setdefault(node.anchor, node)) is not node:
            told = f"&{node.anchor} names something else in line {before.start_mark.line + 1}"
            yield Fault(location, node.start_mark, told)
        if node.tag not in READ:
            yield Fault(location, node.start_mark, "expected no tag: what starts with ! is quoted")
        elif isinstance(node, MappingNode):
            yield from _of_keys(location, node)
        elif isinstance(node, ScalarNode) and _misread(node):
            told = "is read as another number than it shows: a text needs quotes"
            yield Fault(location, node.start_mark, told)


def scalars(root: Node, *, keys: bool = False) -> Iterator[tuple[Location, ScalarNode]]:
    """Yield every text, number and the like; with ``keys``, every key too."""
    for location, node in _walk(root):
        if isinstance(node, ScalarNode):
            yield location, node
        elif keys and isinstance(node, MappingNode):
            yield from ((location, key) for key, _ in node.value if isinstance(key, ScalarNode))


def _walk(root: Node) -> Iterator[tuple[Location, Node]]:
    """Yield every node once, in the order of the text, with the first place it is at."""
    seen: set[int] = set()
    waiting: list[tuple[Location, Node]] = [((), root)]
    while waiting:
        location, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield location, node
        waiting += reversed(list(_children(location, node)))


def _children(location: Location, node: Node) -> Iterator[tuple[Location, Node]]:
    if isinstance(node, SequenceNode):
        yield from (((*location, index), item) for index, item in enumerate(node.value))
    elif isinstance(node, MappingNode):
        yield from (((*location, _spelled(key)), value) for key, value in node.value)


def _spelled(key: Node) -> str:
    return str(key.value) if isinstance(key, ScalarNode) else "?"


def _misread(node: ScalarNode) -> bool:
    is_number = node.tag in {f"{STANDARD}int", f"{STANDARD}float"}
    return is_number and not PLAIN_NUMBER.fullmatch(node.value)


def _of_keys(location: Location, node: MappingNode) -> Iterator[Fault]:
    first: dict[tuple[str | None, str], Node] = {}
    for key, _ in node.value:
        if not isinstance(key, ScalarNode) or key.tag not in TEXT_KEYS:
            yield Fault(location, key.start_mark, "expected a text as key")
        elif (before := first.setdefault((key.tag, key.value), key)) is not key:
            told = f"stands here twice, the first time in line {before.start_mark.line + 1}"
            yield Fault((*location, key.value), key.start_mark, told)


def _swollen(root: Node) -> Iterator[Fault]:
    """Yield the aliases that are too much, and those that are of something they are in."""
    sizes: dict[int, int | None] = {}
    loops: list[Fault] = []

    def size(location: Location, node: Node) -> int:
        known = sizes.get(id(node), 0)
        if known is None:
            told = "is an alias of something it stands in"
            loops.append(Fault(location, node.start_mark, told))
            return 1
        if not known:
            sizes[id(node)] = None  # under way: who comes by again is within it
            known = 1 + sum(size(where, each) for where, each in _children(location, node))
            sizes[id(node)] = known
            if known > MOST_VALUES and not too_large:
                too_large.append(Fault(location, node.start_mark, _TOO_LARGE))
        return known

    too_large: list[Fault] = []
    size((), root)
    yield from loops
    yield from too_large
