"""A YAML file, with the line of everything in it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, Final

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError
from ruamel.yaml.error import MarkedYAMLError, StreamMark
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode
from ruamel.yaml.reader import ReaderError

from streamproc.errors import ConfigError, Problem
from streamproc.expected import expected
from streamproc.rules.nodes import DEEPEST, TOO_DEEP, Fault, Location, faults, scalars

__all__ = [
    "MOST_BYTES",
    "Document",
    "Location",
    "explained",
    "nearest",
    "read_text",
    "refuse_misnamed",
]

MOST_BYTES: Final = 1_000_000
"""Most bytes of a file of rules: 17 times what 200 rules take, and read in seconds."""


@dataclass(frozen=True)
class Document:
    """A YAML document.

    Attributes:
        source: The file's name, for problems.
        content: What it holds: dicts, lists, texts and numbers.
        root: The same as nodes, which know where they stand; None where there is nothing.
    """

    source: str
    content: Any
    root: Node | None

    @classmethod
    def parse(cls, text: str, source: str) -> Document:
        """Return the document that ``text`` writes.

        Raises:
            ConfigError: The text is not YAML, or holds what no such file can (:mod:`.nodes`).
        """
        yaml = YAML(typ="safe", pure=True)
        yaml.composer.warn_double_anchors = False  # a fault, told with its place
        try:
            root = yaml.compose(text)
        except MarkedYAMLError as error:
            message = f"is not YAML: {error.problem}{_remedy(f'{error.context} {error.problem}')}"
            # Of a quotation without an end, the end of the file says nothing.
            mark = error.context_mark if "quoted scalar" in str(error.context) else None
            at = _at(mark or error.problem_mark)
            raise ConfigError(Problem(source, "", message, *at)) from None
        except RecursionError:
            raise ConfigError(Problem(source, "", TOO_DEEP, *_at(_too_deep(text)))) from None
        except ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise ConfigError(Problem(source, "", "is not YAML: not a character", line)) from None
        found = [*faults(root)] if root else []
        found += _unreadable(yaml, root) if root and not found else []
        if found:
            problems = (
                Problem(source, _written(fault.location), fault.message, *_at(fault.mark))
                for fault in found
            )
            raise ConfigError(*problems)
        content = yaml.constructor.construct_document(root) if root else None
        return cls(source, content, root)

    def problems(self, error: ValidationError, explain: Callable[[Any], str]) -> Iterator[Problem]:
        """Yield what pydantic found wrong, each error in the words that ``explain`` has for it."""
        found = error.errors(include_url=False, include_input=False)
        lists = {item["loc"][:end] for item in found for end in range(len(item["loc"]))}
        for item in found:
            # A list in whose only item something is wrong is not empty, though pydantic says so.
            if item["type"] != "too_short" or item["loc"] not in lists:
                at_key = item["type"] == "extra_forbidden"
                yield self.problem(item["loc"], explain(item), at_key=at_key)

    def problem(self, location: Location, message: str, *, at_key: bool = False) -> Problem:
        """Return ``message`` about what is at ``location``, with its path, line and column.

        Args:
            location: Where; what the file does not have is told of what it would stand in.
            message: What is wrong.
            at_key: Whether that is the key, not its value.
        """
        mark = _mark(self.root, location, at_key=at_key)
        return Problem(self.source, _written(location), message, *_at(mark))


def read_text(file: Path) -> str:
    """Return the text of ``file``, without a byte order mark and with plain ends of lines.

    Raises:
        ConfigError: It cannot be read, is not UTF-8, has more than :data:`MOST_BYTES`, or is no
            file at all but what never ends, such as a pipe.
    """
    try:
        found = file.stat()
        if not (S_ISREG(found.st_mode) or S_ISDIR(found.st_mode)):
            raise ConfigError(Problem(str(file), "", "cannot be read: Not a regular file"))
        if found.st_size > MOST_BYTES:
            told = f"expected at most {MOST_BYTES:,} bytes, found {found.st_size:,}"
            raise ConfigError(Problem(str(file), "", told))
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be read: {error.strerror}")) from None
    except UnicodeDecodeError:
        raise ConfigError(Problem(str(file), "", "is not UTF-8 text")) from None


def refuse_misnamed(folder: Path) -> None:
    """Refuse the files of ``folder`` that would be passed over without a word.

    Raises:
        ConfigError: There are files whose names end in ``.yml``.
    """
    if misnamed := sorted(folder.glob("*.yml")):
        raise ConfigError(
            *(Problem(str(file), "", "expected a name in .yaml") for file in misnamed)
        )


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
    if error["type"] == "union_tag_invalid":
        known = error["ctx"]["expected_tags"].replace("'", "").split(", ")
        hint = nearest(str(error["ctx"]["tag"]), known, 0.6)
        return f"no such operator{hint or '; there are ' + ', '.join(known)}"
    return expected(error)


def _written(location: Location) -> str:
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in location]
    return "".join(parts).removeprefix(".")


def _remedy(problem: str) -> str:
    """Return what to do about what people stumble over; empty where it is something else."""
    if "another document" in problem:
        return "; a file is one, without ---"
    if "\\t" in problem:
        return "; indent with spaces"
    if "alias" in problem:
        return "; what starts with * needs quotes"
    if "escape" in problem:
        return "; between single quotes a backslash is a backslash"
    return "; it needs quotes" if "cannot start any token" in problem else ""


def _at(mark: StreamMark | None) -> tuple[int | None, int | None]:
    return (None, None) if mark is None else (mark.line + 1, mark.column + 1)


def _mark(node: Node | None, location: Location, *, at_key: bool) -> StreamMark | None:
    """Return where the innermost part of ``location`` begins that the file has.

    Where its value begins in the line of its key, else where the key does.
    """
    mark = node.start_mark if node else None
    for step in location:
        found = _child(node, step)
        if found is None:
            break
        key, node = found
        same_line = key.start_mark.line == node.start_mark.line
        mark = node.start_mark if same_line and not at_key else key.start_mark
    return mark


def _too_deep(text: str) -> StreamMark | None:
    """Return where ``text`` is nested too deeply for the composer."""
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEEPEST:
            mark: StreamMark | None = event.start_mark
            return mark
    return None


def _unreadable(yaml: YAML, root: Node) -> Iterator[Fault]:
    for location, node in scalars(root):
        try:
            yaml.constructor.construct_object(node)
        except ConstructorError:
            yield Fault(location, node.start_mark, "is a sign of YAML's own; it needs quotes")
        except ValueError:
            told = "looks like a date or a number, and is none; it needs quotes"
            yield Fault(location, node.start_mark, told)


def _child(node: Node | None, step: str | int) -> tuple[Node, Node] | None:
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None
