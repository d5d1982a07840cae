"""What a ruleset can say and hardly means: rules that never decide, and rules that keep too much.

A rule is told to be superfluous only where that is certain. For that one rule is taken to be in
force whenever another is if its topics, sources, types and names are at least those of the other,
and its condition is none, the same, or one of those that the other's ``all`` is made of. Patterns
of names are compared as texts, but for ``*`` and for names without signs. Its fields are at least
those of the other if every path of the latter is covered (:class:`.automaton.Coverage`); several
rules together may cover what none does alone. Rules that take some findings of their entities only
cover nothing. Where a rule decides a value as a whole, others decide at most what is in its keys.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from streamproc.rules.automaton import Coverage
from streamproc.rules.conditions import Condition
from streamproc.rules.consistency import NEVER_OBJECTS, Remark
from streamproc.rules.document import nearest
from streamproc.rules.language import Rule, Ruleset
from streamproc.rules.operators import Keep
from streamproc.rules.paths import ANY, ANY_DEPTH, FieldPath, letters_of

__all__ = ["Planned", "left_to_default", "remarks"]

Planned = Collection[tuple[str, str | None]]
"""Types and names of the events of a tracking plan; None as name for all of a type."""

ROOTS: Final[Mapping[str, str]] = {
    letters_of(name): name
    for name in (
        *("anonymousId", "category", "channel", "context", "event", "groupId", "integrations"),
        *("messageId", "name", "previousId", "properties", "traits", "userId", "writeKey"),
    )
}
"""Fields of events by the spec, beside those that hold a type or a time; by their letters."""

WIDE: Final = tuple(map(FieldPath.parse, ("properties.**", "traits.**", "context.**")))


def remarks(ruleset: Ruleset, planned: Planned | None = None) -> Iterator[Remark]:
    """Yield what to look at again.

    Args:
        ruleset: Which is in order.
        planned: The events of the tracking plan, where there is one.
    """
    rules = ruleset.rules
    yield from _undecided(rules)
    for index, rule in enumerate(rules):
        yield from ((("rules", index, *where), told) for where, told in _of_rule(rule, ruleset))
        for at, pattern in enumerate(rule.events or ()):
            if planned is not None and not _is_planned(pattern, rule, planned):
                told = "is no event of the tracking plan"
                names = [name for _, name in planned if name]
                yield ("rules", index, "events", at), told + nearest(pattern, names)


def left_to_default(ruleset: Ruleset) -> list[str]:
    """Return the entities that are searched and that only ``operators.default`` speaks of."""
    spoken = frozenset().union(*(rule.entities or () for rule in ruleset.rules))
    return sorted(ruleset.entities - spoken - ruleset.operators.keys())


# -- rules that never decide ----------------------------------------------------------------------


class _Fields:
    """The fields of all rules."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        paths = [(at, path) for at, rule in enumerate(rules) for path in rule.fields]
        self.own = Coverage(paths)
        self.below = Coverage((at, FieldPath((*path.steps, ANY, ANY_DEPTH))) for at, path in paths)


def _undecided(rules: Sequence[Rule]) -> Iterator[Remark]:
    """Yield the rules, and the fields of rules, that others always decide before them."""
    fields = _Fields(rules)
    for index, rule in enumerate(rules):
        before = {at for at, other in enumerate(rules[:index]) if _whenever(other, rule)}
        first = [{at for at in before if same(rules[at])} for same in _kinds(rule)]
        whole = {
            at
            for at, other in enumerate(rules)
            if other.entity and at != index and _whenever(other, rule)
        }
        unreached = [
            at
            for at, path in enumerate(rule.fields)
            if (rule.entity is None and fields.own.covers(path, whole))
            or all(fields.own.covers(path, each) for each in first)
            or fields.below.covers(path, whole)
        ]
        at_them = set().union(*first, () if rule.entity else whole)
        blame = _Blame(rules, fields, at_them, whole)
        if len(unreached) == len(rule.fields):
            yield ("rules", index), f"never decides a value: {blame.of(rule.fields)}"
            continue
        for at in unreached:
            told = f"never decides this: {blame.of(rule.fields[at : at + 1])}"
            yield ("rules", index, "fields", at), told


class _Blame(NamedTuple):
    """Who decides in the place of a rule: some at its fields, some above them."""

    rules: Sequence[Rule]
    fields: _Fields
    at_them: Collection[int]
    above: Collection[int]

    def of(self, paths: Sequence[FieldPath]) -> str:
        """Return who does, as far as a rule does alone."""
        names = [
            self.rules[at].name
            for at in sorted({*self.at_them, *self.above})
            if any(self._decides(at, path) for path in paths)
        ]
        if not names:
            return "other rules do, together"
        return f"{', '.join(names[:3])} {'does' if len(names) == 1 else 'do'}"

    def _decides(self, at: int, path: FieldPath) -> bool:
        if at in self.at_them and self.fields.own.covers(path, {at}):
            return True
        return at in self.above and self.fields.below.covers(path, {at})


def _kinds(rule: Rule) -> Sequence[Callable[[Rule], bool]]:
    """Return tests that tell which earlier rules decide what ``rule`` does; each has to be met."""
    if rule.entity is not None:
        return [lambda other: other.entity is not None]
    if rule.without is not None:
        return [lambda other: other.without is not None]

    def of(entity: str) -> Callable[[Rule], bool]:
        return lambda other: entity in (other.entities or ()) and not any(other.narrowing)

    return [of(entity) for entity in sorted(rule.entities or ())]


def _whenever(wider: Rule, rule: Rule) -> bool:
    """Return whether ``wider`` is certainly in force whenever ``rule`` is."""
    return (
        all(
            said is None or (own is not None and own <= said)
            for said, own in (
                (wider.topics, rule.topics),
                (wider.sources, rule.sources),
                (wider.types, rule.types),
            )
        )
        and _names_all(wider.events, rule.events)
        and _implied(wider.when, rule.when)
    )


def _names_all(wider: Sequence[str] | None, names: Sequence[str] | None) -> bool:
    if wider is None:
        return True
    return names is not None and all(
        any(_matches_all(pattern, name) for pattern in wider) for name in names
    )


def _matches_all(pattern: str, other: str) -> bool:
    return pattern in {"*", other} or (
        not set("*?[").intersection(other) and fnmatchcase(other, pattern)
    )


def _implied(wider: Condition | None, condition: Condition | None) -> bool:
    if wider is None or wider == condition:
        return True
    return condition is not None and any(_implied(wider, each) for each in condition.every or ())


# -- single rules ---------------------------------------------------------------------------------


def _of_rule(rule: Rule, ruleset: Ruleset) -> Iterator[Remark]:
    for at, path in enumerate(rule.fields):
        if odd := _odd(path):
            yield ("fields", at), odd
    if isinstance(rule.operator, Keep) and not rule.scoped and not any(rule.narrowing):
        coverage = Coverage((0, path) for path in rule.fields)
        if any(coverage.covers(path, {0}) for path in WIDE):
            told = "keeps every finding of its entities, wherever it is: say which, or where"
            yield ("operator",), told
    yield from _never_found(rule, ruleset)


def _odd(path: FieldPath) -> str:
    first = path.steps[0]
    if first in NEVER_OBJECTS:
        return "is not reached by rules: decoding has seen that it is a type of event, or a time"
    if first in ROOTS or not first.isalnum():
        return ""
    near = difflib.get_close_matches(first, ROOTS, n=1, cutoff=0.8)
    return f"is no field of the event spec; did you mean {ROOTS[near[0]]}?" if near else ""


def _never_found(rule: Rule, ruleset: Ruleset) -> Iterator[Remark]:
    if rule.entities is None or rule.maximum_score is None:
        return
    least = min(ruleset.scores.get(name, ruleset.minimum_score) for name in rule.entities)
    if rule.maximum_score < least:
        told = f"leaves no finding: the ruleset leaves out those below {least:g}"
        yield ("maximum_score",), told


def _is_planned(pattern: str, rule: Rule, planned: Planned) -> bool:
    # A type whose events are all planned by one schema may have any name.
    return any(
        (name is None or fnmatchcase(name, pattern)) and (not rule.types or kind in rule.types)
        for kind, name in planned
        if name is not None or kind in {"track", "page", "screen"}
    )
