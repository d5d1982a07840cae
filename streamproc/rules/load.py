"""From a YAML file to a ruleset: every problem at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from streamproc.errors import ConfigError, Problem
from streamproc.rules.beside import Beside
from streamproc.rules.conditions import Condition
from streamproc.rules.consistency import contradictions, unsearched
from streamproc.rules.document import Document, Location, explained, nearest, read_text
from streamproc.rules.language import Rule, Ruleset
from streamproc.rules.load_recognizers import Recognizers, load_recognizers
from streamproc.rules.mending import without_broken
from streamproc.rules.operators import OPERATORS
from streamproc.shipped import shipped

__all__ = ["load_ruleset", "parse_ruleset"]

NO_RECOGNIZERS = Recognizers()


def load_ruleset(place: Path) -> Ruleset:
    """Return the ruleset of a folder (its one ``*.yaml`` file) or of a file.

    Own recognizers are those of the folder ``recognizers`` beside the file, and those shipped; a
    file there replaces the shipped one of its name.

    Raises:
        ConfigError: With every problem of the recognizers, or of the ruleset.
    """
    file = _ruleset_file(place) if place.is_dir() else place
    text = read_text(file)
    folders = (file.parent / "recognizers", shipped("rules/recognizers"))
    return parse_ruleset(text, str(file), load_recognizers(*folders), file.parent)


def _ruleset_file(folder: Path) -> Path:
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
    document = Document.parse(text, source)
    beside = Beside(recognizers, folder)
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
    remarks = [*contradictions(ruleset, recognizers)]
    if not any(problem.path.startswith("entities") for problem in problems):
        remarks += unsearched(content, ruleset, recognizers)
    problems += (document.problem(*remark) for remark in remarks)
    if problems:
        raise ConfigError(*sorted(problems, key=lambda each: (each.line or 0, each.column or 0)))
    return ruleset


def _again(content: object, beside: Beside) -> Ruleset | None:
    try:
        return Ruleset.model_validate(content, context=beside)
    except ValidationError:
        return None


def _explained(item: Any) -> str:
    if item["type"] == "union_tag_invalid":
        hint = nearest(str(item["ctx"]["tag"]), OPERATORS, 0.6)
        return f"no such operator{hint or '; there are ' + ', '.join(OPERATORS)}"
    return explained(item, _keys_at(item["loc"]))


def _keys_at(location: Location) -> Iterable[str]:
    """Return the keys that may stand where an unknown one was found."""
    for step in reversed(location[:-1]):
        if step in OPERATORS:
            return [key for key in OPERATORS[str(step)].model_fields if key != "name"]
        if step == "when":
            return [field.alias or key for key, field in Condition.model_fields.items()]
    return (Rule if location[:1] == ("rules",) else Ruleset).model_fields
