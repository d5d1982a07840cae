"""A YAML file, with the line of everything in it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from streamproc.errors import ConfigError, Problem

__all__ = ["Document", "Location", "expected", "nearest", "read_text"]

Location: TypeAlias = tuple[str | int, ...]
"""A place in a file, as pydantic gives it: keys and indexes from the top."""


@dataclass(frozen=True)
class Document:
    """A YAML document.

    Attributes:
        source: The file's name, for problems.
        content: What it holds: dicts, lists, texts and numbers.
    """

    source: str
    content: Any
    _root: Node | None

    @classmethod
    def parse(cls, text: str, source: str) -> Document:
        """Return the document that ``text`` writes.

        Raises:
            ConfigError: The text is not YAML.
        """
        yaml = YAML(typ="safe", pure=True)
        try:
            root = yaml.compose(text)
            content = yaml.constructor.construct_document(root) if root else None
        except MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            raise ConfigError(Problem(source, "", f"is not YAML: {error.problem}", line)) from None
        except YAMLError:
            raise ConfigError(Problem(source, "", "is not YAML")) from None
        return cls(source, content, root)

    def problem(self, location: Location, message: str) -> Problem:
        """Return ``message`` about what is at ``location``, with its path and line."""
        return Problem(self.source, _written(location), message, _line(self._root, location))


def read_text(file: Path) -> str:
    """Return the text of ``file``.

    Raises:
        ConfigError: It cannot be read, or is not UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be read: {error.strerror}")) from None
    except UnicodeDecodeError:
        raise ConfigError(Problem(str(file), "", "is not UTF-8 text")) from None


def nearest(word: str, known: Iterable[str], cutoff: float = 0.85) -> str:
    """Return a hint at the one of ``known`` that is most like ``word``; empty where none is."""
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=cutoff)
    return f"; did you mean {near[0]}?" if near else ""


def expected(error: Any, keys: Iterable[str]) -> str:
    """Return what a pydantic error says, in the words of a problem.

    Args:
        error: One of the dicts of ``ValidationError.errors()``.
        keys: The keys that may stand where it happened.
    """
    match error["type"]:
        case "extra_forbidden":
            return f"no such key{nearest(str(error['loc'][-1]), keys, 0.6)}"
        case "missing":
            return "is missing"
    message: str = error["msg"]
    return message[0].lower() + message[1:]


def _written(location: Location) -> str:
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in location]
    return "".join(parts).removeprefix(".")


def _line(node: Node | None, location: Location) -> int | None:
    """Return the line of the innermost part of ``location`` that the file has."""
    line = None
    for step in location:
        found = _child(node, step)
        if found is None:
            break
        key, node = found
        line = key.start_mark.line + 1
    return line


def _child(node: Node | None, step: str | int) -> tuple[Node, Node] | None:
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None
