"""A YAML file, with the line of everything in it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from streamproc.errors import ConfigError, Problem
from streamproc.expected import expected

__all__ = ["Document", "Location", "explained", "nearest", "read_text"]

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
            message = f"is not YAML: {error.problem}{_remedy(f'{error.context} {error.problem}')}"
            raise ConfigError(Problem(source, "", message, line)) from None
        except RecursionError:
            raise ConfigError(Problem(source, "", "is nested too deeply")) from None
        except YAMLError:
            raise ConfigError(Problem(source, "", "is not YAML")) from None
        except ValueError:
            message = "is not YAML: something looks like a date or a number, and is none"
            raise ConfigError(Problem(source, "", message)) from None
        return cls(source, content, root)

    def problems(self, error: ValidationError, explain: Callable[[Any], str]) -> Iterator[Problem]:
        """Yield what pydantic found wrong, each error in the words that ``explain`` has for it."""
        found = error.errors(include_url=False, include_input=False)
        lists = {item["loc"][:-1] for item in found}
        for item in found:
            # A list whose only item is wrong is not empty, though pydantic says so too.
            if item["type"] != "too_short" or item["loc"] not in lists:
                yield self.problem(item["loc"], explain(item))

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
    spelled = {name.casefold(): name for name in sorted(known)}
    near = difflib.get_close_matches(word.casefold(), spelled, n=1, cutoff=cutoff)
    return f"; did you mean {spelled[near[0]]}?" if near else ""


def explained(error: Any, keys: Iterable[str]) -> str:
    """Return what a pydantic error says, in the words of a problem.

    Args:
        error: One of the dicts of ``ValidationError.errors()``.
        keys: The keys that may stand where it happened.
    """
    if error["type"] == "extra_forbidden":
        return f"no such key{nearest(str(error['loc'][-1]), keys, 0.6)}"
    return expected(error)


def _written(location: Location) -> str:
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in location]
    return "".join(parts).removeprefix(".")


def _remedy(problem: str) -> str:
    """Return what to do about what people stumble over; empty where it is something else."""
    if "\\t" in problem:
        return "; indent with spaces"
    if "alias" in problem:
        return "; what starts with * needs quotes"
    if "escape" in problem:
        return "; between single quotes a backslash is a backslash"
    return "; it needs quotes" if "cannot start any token" in problem else ""


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
        return next(((key, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None
