"""What each statement of a ruleset alone allows, and all together do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from streamproc.rules.conditions import Condition
from streamproc.rules.document import Location, nearest
from streamproc.rules.language import SEARCHABLE, Rule, Ruleset
from streamproc.rules.load_recognizers import Recognizers
from streamproc.rules.operators import DropEvent, Hash, Keep, Operator
from streamproc.rules.paths import ANY_DEPTH, letters_of
from streamproc.rules.scope import NAMED

__all__ = ["Remark", "contradictions", "namesakes", "unsearched"]

Remark = tuple[Location, str]
"""Where in a ruleset, and what there is to say."""

NEVER_OBJECTS: Final = frozenset(
    map(letters_of, ("type", "timestamp", "originalTimestamp", "sentAt", "receivedAt"))
)
"""Fields of which decoding has seen that they are a type of event, or a time."""


def unsearched(
    written: Mapping[str, Any], ruleset: Ruleset, recognizers: Recognizers
) -> Iterator[Remark]:
    """Yield each entity or group that something is done with, and nobody searches for.

    Args:
        written: The ruleset as it stands in the file, where groups are groups.
        ruleset: The same, read.
        recognizers: Of which the groups are.
    """
    named: list[Remark] = [
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


def namesakes(written: Any) -> Iterator[Remark]:
    """Yield each rule of a name that another has; ``written`` need not be in order otherwise."""
    rules = written.get("rules") if isinstance(written, dict) else None
    seen: dict[str, int] = {}
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        name = rule.get("name") if isinstance(rule, dict) else None
        if isinstance(name, str) and (first := seen.setdefault(name, index)) != index:
            yield ("rules", index, "name"), f"is the name of rules[{first}] too"


def contradictions(ruleset: Ruleset, recognizers: Recognizers) -> Iterator[Remark]:
    """Yield what no ruleset can mean."""
    if "default" not in ruleset.operators:
        yield ("operators",), "default is missing: what is done with a finding nothing speaks of"
    for entity, operator in ruleset.operators.items():
        for message in _misplaced(operator, entity):
            yield ("operators", entity), message
    searchable = SEARCHABLE | recognizers.entities
    for index, rule in enumerate(ruleset.rules):
        for location, message in (*_of_entity(rule, searchable), *_of_scope(rule), *_of_rule(rule)):
            yield ("rules", index, *location), message


def _misplaced(operator: Operator, entity: str) -> Iterator[str]:
    """Yield what an operator needs that stands in ``operators``, and can have only in a rule."""
    if isinstance(operator, DropEvent):
        yield "drop_event needs a rule: events are counted by the rule that drops them"
    if isinstance(operator, Hash) and operator.join:
        yield "join needs a rule with entity: a field's whole value"
    if isinstance(operator, Keep) and entity == "default":
        yield "keep cannot be the default: name the entities that may stay"


def _of_entity(rule: Rule, searchable: frozenset[str]) -> Iterator[Remark]:
    # An entity that a rule declares may be any name, but a name that is nearly one of those found
    # is a slip, and would silently make other tokens than findings of that entity get. NATIONAL_ID
    # is no slip for TR_NATIONAL_ID.
    entity = rule.entity
    if entity and entity not in searchable:
        alike = (name for name in searchable if not name.endswith(f"_{entity}"))
        if near := nearest(entity, alike):
            yield ("entity",), f"no such entity{near}"


def _of_rule(rule: Rule) -> Iterator[Remark]:
    for at, path in enumerate(rule.fields):
        first, *rest = path.steps
        if first in NEVER_OBJECTS and set(rest) - {ANY_DEPTH}:
            yield ("fields", at), "cannot exist: this field of an event is a text, never an object"
    lowest, highest = rule.minimum_score, rule.maximum_score
    if lowest is not None and highest is not None and lowest > highest:
        yield ("minimum_score",), "is above maximum_score: no finding has both"


def _of_scope(rule: Rule) -> Iterator[Remark]:
    if rule.events and rule.types and rule.types.isdisjoint(NAMED):
        yield ("events",), f"only {', '.join(NAMED)} have names, and types has none of them"
    if rule.when is not None:
        for location in _impossible(rule.when):
            yield ("when", *location), "can never hold: it says a thing and its opposite"


def _impossible(condition: Condition) -> Iterator[Location]:
    """Yield where what has to hold together cannot."""
    for key, conditions in (("all", condition.every), ("any", condition.some)):
        for index, each in enumerate(conditions or ()):
            yield from ((key, index, *location) for location in _impossible(each))
    if condition.opposite is not None:
        yield from (("not", *location) for location in _impossible(condition.opposite))
    together = list(_together(condition))
    for at, (location, each) in enumerate(together):
        if any(_opposed(each, other) for _, other in together[:at]):
            yield location


def _together(condition: Condition) -> Iterator[tuple[Location, Condition]]:
    """Yield the tests that all have to hold for ``all`` to hold."""
    for index, each in enumerate(condition.every or ()):
        inner = _together(each) if each.every else [((), each)]
        yield from ((("all", index, *location), test) for location, test in inner)


def _opposed(one: Condition, other: Condition) -> bool:
    if one == other.opposite or other == one.opposite:
        return True
    if one.identified is not None and other.identified is not None:
        return one.identified is not other.identified
    same = one.path is not None and one.path == other.path
    return same and False in {one.exists, other.exists} and one.exists is not other.exists
