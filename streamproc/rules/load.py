"""From a YAML file to a ruleset: every problem at once, each with its line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from streamproc.errors import ConfigError, Problem
from streamproc.rules.language import SEARCHABLE, Rule, Ruleset
from streamproc.rules.operators import OPERATORS, DropEvent, Keep

__all__ = ["load_ruleset", "parse_ruleset"]

Location = tuple[str | int, ...]


def load_ruleset(place: Path) -> Ruleset:
    """Return the ruleset of a folder (its one ``*.yaml`` file) or of a file.

    Raises:
        ConfigError: With every problem of the file.
    """
    file = _ruleset_file(place) if place.is_dir() else place
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be read: {error.strerror}")) from None
    except UnicodeDecodeError:
        raise ConfigError(Problem(str(file), "", "is not UTF-8 text")) from None
    return parse_ruleset(text, str(file))


def _ruleset_file(folder: Path) -> Path:
    files = sorted(folder.glob("*.yaml"))
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        raise ConfigError(Problem(str(folder), "", f"expected one *.yaml file, found {found}"))
    return files[0]


def parse_ruleset(text: str, source: str) -> Ruleset:
    """Return the ruleset that ``text`` writes; ``source`` names it in problems.

    Raises:
        ConfigError: With every problem of the text.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
        content = yaml.load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ConfigError(Problem(source, "", f"is not YAML: {error.problem}", line)) from None
    except YAMLError:
        raise ConfigError(Problem(source, "", "is not YAML")) from None
    try:
        ruleset = Ruleset.model_validate(content)
    except ValidationError as error:
        found: Iterable[tuple[Location, str]] = (
            (item["loc"], _expected(item)) for item in error.errors()
        )
    else:
        found = _contradictions(ruleset)
    problems = [
        Problem(source, _written(location), message, _line(root, location))
        for location, message in found
    ]
    if problems:
        raise ConfigError(*problems)
    return ruleset


def _contradictions(ruleset: Ruleset) -> Iterator[tuple[Location, str]]:
    """Yield what each statement alone allows and all together do not."""
    if "default" not in ruleset.operators:
        yield ("operators",), "default is missing: what is done with a finding nothing speaks of"
    for entity, operator in ruleset.operators.items():
        at = ("operators", entity)
        if entity != "default" and entity not in ruleset.entities:
            yield at, f"is not among the entities searched{_nearest(entity, ruleset.entities)}"
        if isinstance(operator, DropEvent):
            yield at, "drop_event needs a rule: events are counted by the rule that drops them"
        if isinstance(operator, Keep) and entity == "default":
            yield at, "keep cannot be the default: name the entities that may stay"
    seen: dict[str, int] = {}
    for index, rule in enumerate(ruleset.rules):
        if rule.name in seen:
            yield ("rules", index, "name"), f"is the name of rules[{seen[rule.name]}] too"
        seen.setdefault(rule.name, index)
        yield from _contradictions_of(rule, index, ruleset)


def _contradictions_of(rule: Rule, index: int, ruleset: Ruleset) -> Iterator[tuple[Location, str]]:
    for entity in sorted((rule.entities or frozenset()) - ruleset.entities):
        near = _nearest(entity, ruleset.entities)
        yield ("rules", index, "entities"), f"{entity} is not among the entities searched{near}"
    # An entity that a rule declares may be any name, but a name that is nearly one of Presidio's is
    # a slip, and would silently make other tokens than findings of that entity get.
    if (
        rule.entity
        and rule.entity not in SEARCHABLE
        and (near := _nearest(rule.entity, SEARCHABLE))
    ):
        yield ("rules", index, "entity"), f"no such entity{near}"


def _nearest(word: str, known: Iterable[str], cutoff: float = 0.85) -> str:
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=cutoff)
    return f"; did you mean {near[0]}?" if near else ""


def _expected(item: Any) -> str:
    location: Location = item["loc"]
    match item["type"]:
        case "extra_forbidden":
            return f"no such key{_nearest(str(location[-1]), _keys_at(location), 0.6)}"
        case "unknown_entity":
            return f"no such entity{_nearest(str(item['input']), SEARCHABLE, 0.6)}"
        case "union_tag_invalid":
            return f"no such operator{_nearest(str(item['ctx']['tag']), OPERATORS, 0.6)}"
        case "missing":
            return "is missing"
    message: str = item["msg"]
    return message[0].lower() + message[1:]


def _keys_at(location: Location) -> Sequence[str]:
    """Return the keys that may stand where an unknown one was found."""
    for step in reversed(location[:-1]):
        if step in OPERATORS:
            return [key for key in OPERATORS[str(step)].model_fields if key != "name"]
    return list((Rule if location[0] == "rules" else Ruleset).model_fields)


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
