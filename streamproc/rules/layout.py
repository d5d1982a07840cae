"""One layout for all rulesets; the words, the order and the comments of who wrote it stay.

Two columns a level. What was written in brackets stays so where it fits into a line and has no
comment within. A comment has a line of its own, and is as deep as what comes after it, or it
follows what is before it. Of empty lines one is left, and there is one between rules of several
lines. Texts are written as they were, and never folded.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from streamproc.errors import ConfigError, Problem
from streamproc.rules.document import Document
from streamproc.rules.nodes import scalars

__all__ = ["laid_out"]

WIDTH: Final = 100
"""Columns that what is in brackets may reach."""

COMMENT: Final = re.compile(r"(?<![^\s])#[^\n]*")
BLOCK_STYLES: Final = frozenset("|>")


def laid_out(text: str, source: str) -> str:
    """Return ``text`` in the layout of all rulesets.

    Guarantees that it says the same and has the same comments in the same order, and that it stays
    as it is when it is laid out again.

    Raises:
        ConfigError: It is not YAML, or holds what has no place in the layout.
    """
    before = Document.parse(text, source)
    if before.root is None:
        return text
    written = _Writer(text, before.root).write()
    after = Document.parse(written, source)
    assert after.root is not None
    if after.content != before.content or _texts(written, after.root) != _texts(text, before.root):
        raise ConfigError(Problem(source, "", "cannot be laid out without losing something"))
    return written


class Comment(NamedTuple):
    """A comment: where it begins, what it says, and whether it has a line of its own."""

    at: int
    text: str
    alone: bool


def _comments(text: str, root: Node) -> Iterator[Comment]:
    """Yield the comments of ``text``, which are outside of its scalars."""
    spans = deque(sorted(_span(text, node) for _, node in scalars(root, keys=True)))
    for found in COMMENT.finditer(text):
        while spans and spans[0][1] <= found.start():
            spans.popleft()
        if not spans or found.start() < spans[0][0]:
            line = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
            yield Comment(found.start(), found[0].rstrip(), not line.strip())


def _span(text: str, node: ScalarNode) -> tuple[int, int]:
    start, end = node.start_mark.index, node.end_mark.index
    if node.style in BLOCK_STYLES:  # its first line may end in a comment
        start = text.find("\n", start)
    return start, end


def _texts(text: str, root: Node) -> list[str]:
    return [comment.text for comment in _comments(text, root)]


class _Writer:
    """Writes one document."""

    def __init__(self, text: str, root: Node) -> None:
        self._text = text
        self._root = root
        self._comments = deque(_comments(text, root))
        self._places = [comment.at for comment in self._comments]
        self._lines: list[str] = []
        self._commented = 0  # lines there were when one got its comment
        self._anchored: set[int] = set()

    def write(self) -> str:
        """Return the document."""
        if isinstance(self._root, CollectionNode) and self._root.value:
            self._entries(self._root, 0)
        else:
            self._line(self._root.start_mark.index, 0, self._inline(self._root) or "")
        self._comments_before(len(self._text), 0)
        return "\n".join(self._lines) + "\n"

    def _entries(self, node: CollectionNode, depth: int, dash: str = "") -> None:
        """Write a list or a mapping; ``dash`` is before the first key of one that is in a list."""
        apart = any(self._inline(value) is None for value in self._rules(node))
        for index, entry in enumerate(node.value):
            key, value = entry if isinstance(node, MappingNode) else (None, entry)
            begin = "-" if key is None else self._key(key)
            at = (value if key is None else key).start_mark.index
            before, dash = dash, ""
            self._line(at, depth - len(before), before + begin, apart=apart and index > 0)
            self._value(value, depth, listed=key is None)

    def _value(self, node: Node, depth: int, *, listed: bool) -> None:
        """Write what follows a key or a dash."""
        inline = self._inline(node)
        if inline is not None and self._fits(node, inline):
            self._lines[-1] += f" {inline}".rstrip()
            self._anchored.update(_anchors(node))
        elif isinstance(node, ScalarNode):
            self._literal(node, depth + 2)
        elif isinstance(node, MappingNode) and listed and not node.anchor:
            self._lines.pop()
            self._entries(node, depth + 2, "- ")
        elif isinstance(node, CollectionNode):
            self._lines[-1] += f" &{node.anchor}" if node.anchor else ""
            self._anchored.update({id(node)} if node.anchor else ())
            self._entries(node, depth + 2)

    def _rules(self, node: Node) -> list[Node]:
        """Return the rules, where ``node`` is the list of them."""
        if not isinstance(self._root, MappingNode):
            return []
        found = (value for key, value in self._root.value if key.value == "rules")
        return node.value if node is next(found, None) else []

    # -- what fits into a line --

    def _fits(self, node: Node, inline: str) -> bool:
        return isinstance(node, ScalarNode) or len(self._lines[-1]) + 1 + len(inline) <= WIDTH

    def _inline(self, node: Node) -> str | None:
        """Return ``node`` in a line; None where it was not written so, or has comments within."""
        if node.anchor and id(node) in self._anchored:
            return f"*{node.anchor}"
        if isinstance(node, ScalarNode):
            return None if node.style == "|" and "\n" in node.value else self._scalar(node)
        assert isinstance(node, CollectionNode)
        if node.value and (not node.flow_style or self._has_comments(node)):
            return None
        anchor = _anchored(node)
        if isinstance(node, SequenceNode):
            items = [self._inline(item) for item in node.value]
            written = [item or "null" for item in items]
            return None if None in items else f"{anchor}[{', '.join(written)}]"
        assert isinstance(node, MappingNode)
        values = [self._inline(value) for _, value in node.value]
        pairs = zip(node.value, values, strict=True)
        written = [f"{self._key(key)} {value or 'null'}" for (key, _), value in pairs]
        return None if None in values else f"{anchor}{{{', '.join(written)}}}"

    def _has_comments(self, node: Node) -> bool:
        first = bisect_left(self._places, node.start_mark.index)
        return first < len(self._places) and self._places[first] < node.end_mark.index

    def _scalar(self, node: Node) -> str:
        """Return a scalar as it was written; where that takes several lines, what it says."""
        if node.anchor and id(node) in self._anchored:
            return f"*{node.anchor}"
        written = self._text[node.start_mark.index : node.end_mark.index]
        if "\n" not in written:
            return written
        return _anchored(node) + json.dumps(node.value, ensure_ascii=False)

    def _key(self, node: Node) -> str:
        """Return a key with its colon, which would be part of the name of an alias."""
        written = self._scalar(node)
        return f"{written} :" if written.startswith("*") else f"{written}:"

    def _literal(self, node: ScalarNode, depth: int) -> None:
        """Write a text of several lines as such; where it begins with a space, as JSON does."""
        lines = node.value.rstrip("\n").split("\n")
        end = len(node.value) - len(node.value.rstrip("\n"))
        self._anchored.update({id(node)} if node.anchor else ())
        if end > 1 or not lines[0] or lines[0] != lines[0].lstrip():
            self._lines[-1] += f" {_anchored(node)}{json.dumps(node.value, ensure_ascii=False)}"
            return
        self._lines[-1] += f" {_anchored(node)}|{'' if end else '-'}"
        self._comments_before(self._text.find("\n", node.start_mark.index), depth)
        self._lines += [" " * depth + line if line else "" for line in lines]

    # -- lines --

    def _line(self, at: int, depth: int, content: str, *, apart: bool = False) -> None:
        """Begin the line of what stands at ``at``, after the comments before it."""
        self._comments_before(at, depth, apart=apart)
        self._lines.append(" " * depth + content)

    def _comments_before(self, at: int, depth: int, *, apart: bool = False) -> None:
        own_lines = []
        while self._comments and self._comments[0].at < at:
            comment = self._comments.popleft()
            if not comment.alone and self._lines and self._commented != len(self._lines):
                self._lines[-1] += f" {comment.text}"
                self._commented = len(self._lines)
            else:
                own_lines.append(comment)
        for comment in own_lines:
            self._gap(comment.at, apart=apart)
            apart = False
            self._lines.append(" " * depth + comment.text)
        self._gap(at, apart=apart)

    def _gap(self, at: int, *, apart: bool) -> None:
        """Leave an empty line where there was one above what stands at ``at``."""
        line = self._text.rfind("\n", 0, at) + 1
        above = self._text[:line].rsplit("\n", 2)[-2:-1]
        empty = bool(above) and not above[0].strip() and not self._text[line:at].strip(" -")
        if self._lines and self._lines[-1] and (apart or empty):
            self._lines.append("")


def _anchored(node: Node) -> str:
    return f"&{node.anchor} " if node.anchor else ""


def _anchors(node: Node) -> Iterator[int]:
    """Yield what has a name in ``node``, itself included."""
    if node.anchor:
        yield id(node)
    if isinstance(node, SequenceNode):
        for item in node.value:
            yield from _anchors(item)
    elif isinstance(node, MappingNode):
        for _, value in node.value:
            yield from _anchors(value)
