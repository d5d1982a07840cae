"""The folder of transformations, read: which there are, in which order, and a fingerprint."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from streamproc.errors import ConfigError, Problem

__all__ = ["FUNCTIONS", "LIBRARIES", "Code", "Phase", "Transformation", "load_code"]

Phase: TypeAlias = Literal["before", "after"]
"""Of redaction."""

FUNCTIONS: Final = {"transform_event": 2, "transform_batch": 2}
"""What a transformation defines, one of them, and with how many arguments."""

LIBRARIES: Final = "libraries"


@dataclass(frozen=True, slots=True)
class Transformation:
    """One file.

    Attributes:
        name: The file's name without ``.py``; events that it drops are counted by it.
        phase: Whether it sees events before or after they are redacted.
        file: Where it is.
        function: What it defines.
    """

    name: str
    phase: Phase
    file: Path
    function: str


@dataclass(frozen=True, slots=True)
class Code:
    """A folder of transformations.

    Attributes:
        folder: Where it is.
        transformations: In the order they run, those before redaction first.
        fingerprint: Of every file's name and content, libraries included.
    """

    folder: Path
    transformations: Sequence[Transformation]
    fingerprint: str

    def of(self, phase: Phase) -> Sequence[Transformation]:
        """Return the transformations of ``phase``, in their order."""
        return [each for each in self.transformations if each.phase == phase]


def load_code(folder: Path) -> Code:
    """Read the folder; nothing in it is run.

    Raises:
        ConfigError: With every problem: a file that is no Python, or defines neither of the two
            functions or both; a file where none is expected.
    """
    problems: list[Problem] = []
    found: list[Transformation] = []
    digest = hashlib.sha256()
    for file in _files(folder, problems):
        try:
            source = file.read_bytes()
        except OSError as error:
            problems.append(Problem(str(file), "", f"cannot be read: {error.strerror}"))
            continue
        relative = file.relative_to(folder)
        digest.update(f"{relative}\0{len(source)}\0".encode() + source)
        function = _function(file, source, problems, library=relative.parts[0] == LIBRARIES)
        if function is not None:
            phase: Phase = "before" if relative.parts[0] == "before" else "after"
            found.append(Transformation(file.stem, phase, file, function))
    problems += _doubled(found)
    if problems:
        raise ConfigError(*problems)
    found.sort(key=lambda each: (each.phase != "before", each.name))
    return Code(folder, found, digest.hexdigest()[:16])


def _files(folder: Path, problems: list[Problem]) -> Iterator[Path]:
    if not folder.is_dir():
        problems.append(Problem(str(folder), "", "is no folder"))
        return
    rooms = {*get_args(Phase), LIBRARIES}
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in {"tests", "__pycache__"}:
            continue
        if entry.is_dir() and entry.name in rooms:
            yield from sorted(file for file in entry.rglob("*.py"))
        elif entry.suffix == ".py" or entry.is_dir():
            message = "expected in one of the folders " + ", ".join(sorted(rooms))
            problems.append(Problem(str(entry), "", message))


def _function(file: Path, source: bytes, problems: list[Problem], *, library: bool) -> str | None:
    try:
        tree = ast.parse(source, file.name)
    except (SyntaxError, ValueError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        problems.append(Problem(str(file), "", "is no Python", line))
        return None
    if library:
        return None
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    named = [node for node in defined if node.name in FUNCTIONS]
    if len(named) != 1:
        problems.append(
            Problem(
                str(file),
                "",
                "expected one of transform_event(event, metadata) and "
                f"transform_batch(events, metadata), found {len(named) or 'none'}",
            )
        )
        return None
    arguments = named[0].args
    if len(arguments.posonlyargs) + len(arguments.args) != FUNCTIONS[named[0].name]:
        message = f"expected {FUNCTIONS[named[0].name]} arguments"
        problems.append(Problem(str(file), named[0].name, message, named[0].lineno))
        return None
    return named[0].name


def _doubled(found: Sequence[Transformation]) -> Iterator[Problem]:
    names: set[str] = set()
    for each in found:
        if each.name in names:
            yield Problem(str(each.file), "", f"there is another transformation {each.name}")
        names.add(each.name)
