"""A ruleset with all the files it is made of, so that it means the same wherever it is read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from streamproc.errors import ConfigError, Problem
from streamproc.rules import Ruleset, load_ruleset
from streamproc.rules.document import read_text
from streamproc.shipped import shipped

__all__ = ["MOST_BYTES", "open_bundle", "read_bundle"]

MOST_BYTES: Final = 4 * 1_024 * 1_024
"""What the files of a ruleset may have together: half of what a record of the topic may."""

RECOGNIZERS: Final = "recognizers"


def read_bundle(place: Path) -> dict[str, str]:
    """Return the texts of all files that decide what the ruleset of ``place`` does, by name.

    The ruleset itself, the files beside it that it may name, and its recognizers: those shipped
    with this version among them, because another version may ship others.

    Args:
        place: The ruleset's folder, or its file.

    Raises:
        ConfigError: A file cannot be read, or all of them are too large together.
    """
    try:
        files = _files(place)
    except OSError as error:
        raise ConfigError(Problem(str(place), "", f"cannot be read: {error.strerror}")) from None
    texts = {name: read_text(file) for name, file in sorted(files.items())}
    if (size := sum(len(text.encode()) for text in texts.values())) > MOST_BYTES:
        told = f"expected at most {MOST_BYTES:,} bytes of rules and recognizers, found {size:,}"
        raise ConfigError(Problem(str(place), "", told))
    return texts


def open_bundle(files: Mapping[str, str], place: str = "") -> Ruleset:
    """Return the ruleset that ``files`` write.

    Args:
        files: As :func:`read_bundle` returns them.
        place: The folder they are from, for problems.

    Raises:
        ConfigError: With every problem.
    """
    with tempfile.TemporaryDirectory(prefix="streamproc-rules-") as name:
        folder = Path(name)
        for file, text in files.items():
            path = folder.joinpath(*_steps(file))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        try:
            return load_ruleset(folder)
        except ConfigError as error:
            raise ConfigError(*_renamed(error, name, place)) from None


def _files(place: Path) -> dict[str, Path]:
    folder = place if place.is_dir() else place.parent
    files = _beside(folder)
    if place.is_file():
        files = {name: file for name, file in files.items() if file.suffix == ".txt"}
        files[place.name] = place
    recognizers = {
        str(PurePosixPath(RECOGNIZERS, each.name)): each for each in _recognizers(folder)
    }
    return files | recognizers


def _beside(folder: Path) -> dict[str, Path]:
    """Return the file of the ruleset in ``folder``, and the lists it may name, from below too."""
    found = [*folder.glob("*.yaml"), *_lists(folder)]
    return {file.relative_to(folder).as_posix(): file for file in found if file.is_file()}


def _lists(folder: Path) -> Iterator[Path]:
    for below, folders, files in os.walk(folder):
        # Kubernetes keeps what it mounts in such folders, and links to it; each has its own time.
        folders[:] = (name for name in folders if not name.startswith(".."))
        yield from (Path(below, name) for name in files if name.endswith(".txt"))


def _recognizers(folder: Path) -> Iterator[Path]:
    own = sorted(folder.joinpath(RECOGNIZERS).glob("*.yaml"))
    taken = {file.name for file in own}
    yield from own
    shipped_ones = sorted(shipped(f"rules/{RECOGNIZERS}").glob("*.yaml"))
    yield from (file for file in shipped_ones if file.name not in taken)


def _steps(file: str) -> tuple[str, ...]:
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ConfigError(Problem(file, "", "expected a name below the ruleset's folder"))
    return path.parts


def _renamed(error: ConfigError, temporary: str, place: str) -> Iterator[Problem]:
    for problem in error.problems:
        named = problem.source.removeprefix(temporary).removeprefix("/")
        source = str(Path(place, named)) if place or not named else named
        yield replace(problem, source=source)
