"""From a YAML file to a ruleset: every problem at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from streamproc.errors import ConfigError, Problem
from streamproc.rules.document import Document, Location, explained, nearest, read_text
from streamproc.rules.language import SEARCHABLE, Rule, Ruleset
from streamproc.rules.load_recognizers import Recognizers, load_recognizers
from streamproc.rules.operators import OPERATORS, DropEvent, Hash, Keep, Operator
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
    return parse_ruleset(text, str(file), load_recognizers(*folders))


def _ruleset_file(folder: Path) -> Path:
    files = sorted(folder.glob("*.yaml"))
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        raise ConfigError(Problem(str(folder), "", f"expected one *.yaml file, found {found}"))
    return files[0]


def parse_ruleset(text: str, source: str, recognizers: Recognizers = NO_RECOGNIZERS) -> Ruleset:
    """Return the ruleset that ``text`` writes.

    Args:
        text: The YAML.
        source: Names it in problems.
        recognizers: Own recognizers, whose entities and groups it may name.

    Raises:
        ConfigError: With every problem of the text.
    """
    document = Document.parse(text, source)
    try:
        ruleset = Ruleset.model_validate(document.content, context=recognizers)
    except ValidationError as error:
        raise ConfigError(*document.problems(error, _explained)) from None
    found = (*_unsearched(document.content, ruleset, recognizers), *_contradictions(ruleset))
    slips = _slips(ruleset, SEARCHABLE | recognizers.entities)
    if problems := [document.problem(*problem) for problem in (*found, *slips)]:
        raise ConfigError(*problems)
    return ruleset


def _unsearched(
    written: Mapping[str, Any], ruleset: Ruleset, recognizers: Recognizers
) -> Iterator[tuple[Location, str]]:
    """Yield each entity or group that something is done with, and nobody searches for."""
    named: list[tuple[Location, str]] = [
        (("operators", name), name) for name in written["operators"] if name != "default"
    ]
    named += [(("minimum_scores", name), name) for name in written.get("minimum_scores") or ()]
    for index, rule in enumerate(written.get("rules", ())):
        names = enumerate(rule.get("entities") or ())
        named += [(("rules", index, "entities", at), name) for at, name in names]
    known = ruleset.entities.union(written["entities"])
    for location, name in named:
        if ruleset.entities.isdisjoint(recognizers.groups.get(name, {name})):
            yield location, f"{name} is not among the entities searched{nearest(name, known)}"


def _contradictions(ruleset: Ruleset) -> Iterator[tuple[Location, str]]:
    """Yield what each statement alone allows and all together do not."""
    if "default" not in ruleset.operators:
        yield ("operators",), "default is missing: what is done with a finding nothing speaks of"
    for entity, operator in ruleset.operators.items():
        for message in _misplaced(operator, entity):
            yield ("operators", entity), message
    seen: dict[str, int] = {}
    for index, rule in enumerate(ruleset.rules):
        if rule.name in seen:
            yield ("rules", index, "name"), f"is the name of rules[{seen[rule.name]}] too"
        seen.setdefault(rule.name, index)


def _misplaced(operator: Operator, entity: str) -> Iterator[str]:
    """Yield what an operator needs that stands in ``operators``, and can have only in a rule."""
    if isinstance(operator, DropEvent):
        yield "drop_event needs a rule: events are counted by the rule that drops them"
    if isinstance(operator, Hash) and operator.join:
        yield "join needs a rule with entity: a field's whole value"
    if isinstance(operator, Keep) and entity == "default":
        yield "keep cannot be the default: name the entities that may stay"


def _slips(ruleset: Ruleset, searchable: frozenset[str]) -> Iterator[tuple[Location, str]]:
    # An entity that a rule declares may be any name, but a name that is nearly one of those found
    # is a slip, and would silently make other tokens than findings of that entity get. NATIONAL_ID
    # is no slip for TR_NATIONAL_ID.
    for index, rule in enumerate(ruleset.rules):
        entity = rule.entity
        if entity and entity not in searchable:
            alike = (name for name in searchable if not name.endswith(f"_{entity}"))
            if near := nearest(entity, alike):
                yield ("rules", index, "entity"), f"no such entity{near}"


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
    return (Rule if location[:1] == ("rules",) else Ruleset).model_fields
