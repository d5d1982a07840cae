"""From a YAML file to a ruleset: every problem at once, each with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError

from streamproc.errors import ConfigError, Problem
from streamproc.rules.beside import Beside
from streamproc.rules.conditions import Condition
from streamproc.rules.consistency import Remark, contradictions, namesakes, unsearched
from streamproc.rules.document import (
    Document,
    Location,
    explained,
    read_text,
    refuse_misnamed,
)
from streamproc.rules.language import Rule, Ruleset
from streamproc.rules.load_recognizers import Recognizers, load_recognizers
from streamproc.rules.mending import without_broken
from streamproc.rules.models import in_order
from streamproc.rules.operators import OPERATORS
from streamproc.shipped import shipped

__all__ = ["load_documented", "load_ruleset", "parse_ruleset", "ruleset_file"]

NO_RECOGNIZERS = Recognizers()

Further: TypeAlias = Callable[[Ruleset], Iterable[Remark]]


def _nothing(_ruleset: Ruleset) -> Iterable[Remark]:
    return ()


def load_ruleset(place: Path) -> Ruleset:
    """Return the ruleset of a folder (its one ``*.yaml`` file) or of a file.

    Own recognizers are those of the folder ``recognizers`` beside the file, and those shipped; a
    file there replaces the shipped one of its name.

    Raises:
        ConfigError: With every problem of the recognizers, or of the ruleset.
    """
    return load_documented(place)[0]


def load_documented(place: Path, further: Further = _nothing) -> tuple[Ruleset, Document]:
    """Return the same, and the file it was read from.

    Args:
        place: The folder or the file.
        further: Yields what else is wrong with a ruleset, to be told with all other problems.

    Raises:
        ConfigError: As :func:`load_ruleset`.
    """
    file = ruleset_file(place)
    text = read_text(file)
    folders = (file.parent / "recognizers", shipped("rules/recognizers"))
    return _read(text, str(file), Beside(load_recognizers(*folders), file.parent), further)


def ruleset_file(place: Path) -> Path:
    """Return the file of the ruleset of a folder, or ``place`` where that is a file.

    Raises:
        ConfigError: The folder holds none, or several, or one that would be passed over.
    """
    return _ruleset_file(place) if place.is_dir() else place


def _ruleset_file(folder: Path) -> Path:
    refuse_misnamed(folder)
    files = sorted(folder.glob("*.yaml"))
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        raise ConfigError(Problem(str(folder), "", f"expected one *.yaml file, found {found}"))
    return files[0]


def parse_ruleset(
    text: str,
    source: str,
    recognizers: Recognizers = NO_RECOGNIZERS,
    folder: Path | None = None,
) -> Ruleset:
    """Return the ruleset that ``text`` writes.

    Args:
        text: The YAML.
        source: Names it in problems.
        recognizers: Own recognizers, whose entities and groups it may name.
        folder: Where the lists are that it may name.

    Raises:
        ConfigError: With every problem of the text: what is wrong with the rest of it is told
            beside what cannot be read.
    """
    return _read(text, source, Beside(recognizers, folder), _nothing)[0]


def _read(text: str, source: str, beside: Beside, further: Further) -> tuple[Ruleset, Document]:
    document = Document.parse(text, source)
    problems: list[Problem] = []
    content = document.content
    try:
        ruleset = Ruleset.model_validate(content, context=beside)
    except ValidationError as error:
        problems += document.problems(error, _explained)
        places = [item["loc"] for item in error.errors(include_url=False, include_input=False)]
        content = without_broken(content, places)
        found = _again(content, beside)
        if found is None:
            raise ConfigError(*problems) from None
        ruleset = found
    remarks = [*namesakes(document.content), *contradictions(ruleset, beside.recognizers)]
    remarks += further(ruleset)
    if not any(problem.path.startswith("entities") for problem in problems):
        remarks += unsearched(content, ruleset, beside.recognizers)
    problems += (document.problem(*remark) for remark in remarks)
    if problems:
        raise ConfigError(*in_order(problems))
    return ruleset, document


def _again(content: object, beside: Beside) -> Ruleset | None:
    try:
        return Ruleset.model_validate(content, context=beside)
    except ValidationError:
        return None


def _explained(item: Any) -> str:
    return explained(item, _keys_at(item["loc"]))


def _keys_at(location: Location) -> Iterable[str]:
    """Return the keys that may stand where an unknown one was found."""
    for step in reversed(location[:-1]):
        if step in OPERATORS:
            return [key for key in OPERATORS[str(step)].model_fields if key != "name"]
        if step == "when":
            return [field.alias or key for key, field in Condition.model_fields.items()]
    return (Rule if location[:1] == ("rules",) else Ruleset).model_fields
