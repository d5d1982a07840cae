"""Where one ruleset hides less than another, by what the two say: no event is needed.

For rows that are there already: whether the rules of then were weaker than those of now. What is
not certain counts as weaker. Fields are taken as the paths of both rulesets name them, with ``*``
and ``**`` standing for keys that nobody names; a field that one path names by how it begins and
another by how it ends is looked at too. Conditions of rules are taken to hold or not independently
of each other.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import product
from typing import Any, Final, NamedTuple, TypeAlias

from streamproc.effects.protection import RANKS, shows_more
from streamproc.rules import FormatPreserve, Keep, Mask, Operator, Recognizers, Rule, Ruleset
from streamproc.rules.automaton import Keys, State, advanced, closed
from streamproc.rules.paths import ANY, ANY_DEPTH, KEY, FieldPath

__all__ = [
    "ANY_VALUE",
    "EVERYWHERE",
    "Choice",
    "Weakness",
    "choices_at",
    "least_rank",
    "weaknesses",
]

EVERYWHERE: Final = "**"
ANY_VALUE: Final = "*"
"""In the place of an entity: the value as such, whatever is found in it."""
UNNAMED: Final[frozenset[str]] = frozenset()
MOST_CONDITIONS: Final = 8
"""Conditions of one field that are tried in all combinations; beyond, all are taken to differ."""
NOT_HIDDEN: Final = "nothing"
SCOPE: Final = {"topics", "sources", "types", "events", "when"}
NARROWING: Final = {"texts", "matching", "near", "minimum_score", "maximum_score"}


class Weakness(NamedTuple):
    """Something that one ruleset hides less than another.

    Attributes:
        path: The field, as a rule's path names it, in letters that count.
        entity: What is found there; ``*`` for the value as such.
        was: What the weaker ruleset does with it, in a word.
        now: What the other does.
    """

    path: str
    entity: str
    was: str
    now: str


class Choice(NamedTuple):
    """What may be done with a finding or value.

    Attributes:
        condition: When, as a text that two rulesets may have in common; empty for always.
        operator: What; None where it is left as it is.
    """

    condition: str
    operator: Operator | None


Rules: TypeAlias = Sequence[Rule]
Pair: TypeAlias = tuple[Rules, Rules]


def weaknesses(before: Ruleset, now: Ruleset) -> Sequence[Weakness]:
    """Return what ``before`` may hide less than ``now``; nothing where it is as strong.

    What is so in every field is said once, of :data:`EVERYWHERE`.
    """
    if before.fingerprint == now.fingerprint:
        return ()
    found: dict[Weakness, None] = dict.fromkeys(_of_search(before, now))
    told: set[tuple[Any, ...]] = set()
    for path, rules in _fields(before, now):
        for entity, was, becomes in _decided(before, now, rules):
            if (entity, was, becomes) not in told and (pair := _weaker(was, becomes)) is not None:
                found[Weakness(path, entity, *map(_said, pair))] = None
            if path == EVERYWHERE:
                told.add((entity, was, becomes))
        if (left := _left_out(*rules)) is not None:
            found[Weakness(path, ANY_VALUE, *left)] = None
    return list(found)


def choices_at(ruleset: Ruleset, rules: Iterable[Rule], entity: str) -> tuple[Choice, ...]:
    """Return what ``ruleset`` may do with ``entity`` in a field that ``rules`` speak of, in order.

    The last is what is done when no condition holds.
    """
    rules = tuple(rules)
    chosen: list[Choice] = []
    for rule in rules:
        if rule.entity is not None:
            chosen.append(Choice(_condition(rule, SCOPE), rule.operator))
            if not chosen[-1].condition:
                return tuple(chosen)
    if entity not in ruleset.entities:
        return (*chosen, Choice("", None))
    for rule in rules:
        if rule.entities is not None and entity in rule.entities:
            chosen.append(Choice(_condition(rule, SCOPE | NARROWING), rule.operator))
            if not chosen[-1].condition:
                return tuple(chosen)
    return (*chosen, Choice("", ruleset.operator_for(entity)))


def least_rank(choices: Iterable[Choice]) -> int:
    """Return how well the weakest of ``choices`` hides what it decides."""
    return min(_least(choice.operator) for choice in choices)


# -- fields ---------------------------------------------------------------------------------------


def _fields(before: Ruleset, now: Ruleset) -> Iterator[tuple[str, Pair]]:
    """Yield each field with the rules of both that speak of it; those with the same rules once."""
    paths = list(dict.fromkeys(p for each in (before, now) for r in each.rules for p in r.fields))
    keys = Keys(paths)
    walks = (_Walk(before, keys), _Walk(now, keys))
    seen: set[tuple[tuple[int, ...], ...]] = set()
    for path in (FieldPath((ANY_DEPTH,)), *paths, *_overlaps(paths)):
        for depth in (0, 1):
            steps = _concrete(path, depth)
            matching = tuple(walk.matching(steps) for walk in walks)
            if steps and matching not in seen:
                seen.add(matching)
                yield _written(path), (walks[0].rules(matching[0]), walks[1].rules(matching[1]))


def _overlaps(paths: Sequence[FieldPath]) -> Iterator[FieldPath]:
    """Yield where what begins like one path may end like another."""
    beginnings = [each.steps for each in paths if each.steps[-1] == ANY_DEPTH != each.steps[0]]
    endings = [each.steps for each in paths if each.steps[0] == ANY_DEPTH != each.steps[-1]]
    for start, end in product(beginnings, endings):
        yield FieldPath((*start[:-1], *end))


def _concrete(path: FieldPath, depth: int) -> tuple[str, ...]:
    """Return the steps of a field of ``path``: ``**`` stands for ``depth`` keys without a name."""
    steps: list[str] = []
    for step in path.steps:
        steps += [ANY] * depth if step == ANY_DEPTH else [step]
    return tuple(steps)


def _written(path: FieldPath) -> str:
    return ".".join(
        f"/{step[len(KEY) :]}/" if step.startswith(KEY) else step for step in path.steps
    )


class _Walk:
    """Runs fields over the paths of a ruleset; steps that were taken once are remembered."""

    def __init__(self, ruleset: Ruleset, keys: Keys) -> None:
        self._rules = ruleset.rules
        self._keys = keys
        start = ((number, p.steps) for number, rule in enumerate(self._rules) for p in rule.fields)
        self._start: State[int] = closed(frozenset(start))
        self._known: dict[tuple[State[int], frozenset[str]], State[int]] = {}

    def matching(self, steps: Iterable[str]) -> tuple[int, ...]:
        state = self._start
        for step in steps:
            named = self._named(step)
            after = self._known.get((state, named))
            if after is None:
                after = self._known[state, named] = advanced(state, named)
            state = after
        return tuple(sorted({number for number, left in state if not left}))

    def rules(self, matching: Iterable[int]) -> Rules:
        return [self._rules[number] for number in matching]

    def _named(self, step: str) -> frozenset[str]:
        if step == ANY:
            return UNNAMED
        return frozenset({step}) if step.startswith(KEY) else self._keys.steps(step)


# -- what is decided ------------------------------------------------------------------------------


def _decided(
    before: Ruleset, now: Ruleset, rules: Pair
) -> Iterator[tuple[str, tuple[Choice, ...], tuple[Choice, ...]]]:
    """Yield what both do with the value as such; and with each entity, where that is not the same.

    Where the value as such is hidden less already, entities in it are not told apart.
    """
    was, becomes = choices_at(before, rules[0], ANY_VALUE), choices_at(now, rules[1], ANY_VALUE)
    yield ANY_VALUE, was, becomes
    if _weaker(was, becomes) is None:
        for entity in sorted(before.entities | now.entities):
            was, becomes = choices_at(before, rules[0], entity), choices_at(now, rules[1], entity)
            if was != becomes:
                yield entity, was, becomes


def _weaker(
    before: Sequence[Choice], now: Sequence[Choice]
) -> tuple[Operator | None, Operator | None] | None:
    """Return what is done before and now where before hides less; None if it never does."""
    if before == now:
        return None
    conditions = sorted({each.condition for each in (*before, *now)} - {""})
    if len(conditions) > MOST_CONDITIONS:
        pairs: Iterable[tuple[Operator | None, Operator | None]] = (
            (one.operator, other.operator) for one, other in product(before, now)
        )
    else:
        pairs = (
            (_first(before, holding), _first(now, holding)) for holding in _subsets(conditions)
        )
    return next((pair for pair in pairs if _hides_less(*pair)), None)


def _subsets(conditions: Sequence[str]) -> Iterator[frozenset[str]]:
    for held in product((False, True), repeat=len(conditions)):
        yield frozenset(each for each, holds in zip(conditions, held, strict=True) if holds)


def _first(choices: Sequence[Choice], holding: frozenset[str]) -> Operator | None:
    return next(c.operator for c in choices if not c.condition or c.condition in holding)


def _condition(rule: Rule, keys: set[str]) -> str:
    said = rule.model_dump(mode="python", include=keys, exclude_none=True)
    return json.dumps(said, sort_keys=True, default=sorted) if said else ""


# -- operators ------------------------------------------------------------------------------------


def _hides_less(one: Operator | None, other: Operator | None) -> bool:
    """Return whether ``one`` leaves something of a value that ``other`` does not."""
    if one == other or other is None or isinstance(other, Keep):
        return False
    if isinstance(one, Mask) and isinstance(other, Mask):
        return _masks_less(one, other)
    if isinstance(one, FormatPreserve) and isinstance(other, FormatPreserve):
        return one.keep_last > other.keep_last
    if _least(one) < RANKS[type(other)]:
        return True
    return one is not None and shows_more(other, one)


def _masks_less(one: Mask, other: Mask) -> bool:
    if _counts_what_goes(one) or _counts_what_goes(other):
        # What is left of a value whose length nobody knows can be compared for one kind only.
        same_kind = _counts_what_goes(one) and _counts_what_goes(other)
        return not same_kind or one.first < other.first or one.last < other.last
    return one.keep_first > other.keep_first or one.keep_last > other.keep_last


def _counts_what_goes(mask: Mask) -> bool:
    return bool(mask.first or mask.last)


def _least(operator: Operator | None) -> int:
    """Return the rank of what is hidden least: what a mask leaves is not hidden at all."""
    if operator is None:
        return 0
    if isinstance(operator, Mask) and (
        operator.keep_first or operator.keep_last or _counts_what_goes(operator)
    ):
        return 0
    if isinstance(operator, FormatPreserve) and operator.keep_last:
        return 0
    return RANKS[type(operator)]


def _said(operator: Operator | None) -> str:
    return NOT_HIDDEN if operator is None else operator.name


# -- the search -----------------------------------------------------------------------------------


def _of_search(before: Ruleset, now: Ruleset) -> Iterator[Weakness]:
    """Yield the entities that ``before`` searches for and finds less of."""
    then, today = _recognizers(before), _recognizers(now)
    for entity in sorted(before.entities & now.entities):
        was = before.minimum_scores.get(entity, before.minimum_score)
        becomes = now.minimum_scores.get(entity, now.minimum_score)
        if was > becomes:
            yield Weakness(EVERYWHERE, entity, f"found from {was} on", f"found from {becomes} on")
        if then.get(entity) != today.get(entity):
            yield Weakness(EVERYWHERE, entity, "found by other recognizers", "found by these")


def _recognizers(ruleset: Ruleset) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for definition in ruleset.recognizers:
        said = json.dumps(asdict(definition), sort_keys=True, default=sorted)
        for entity in Recognizers((definition,)).entities:
            found.setdefault(entity, []).append(said)
    return found


def _left_out(before: Rules, now: Rules) -> tuple[str, str] | None:
    """Return what ``before`` leaves out of the search that ``now`` may not; None if nothing."""
    was = [rule for rule in before if rule.without is not None]
    becomes = [rule for rule in now if rule.without is not None]
    if [_step_choice(rule) for rule in was] == [_step_choice(rule) for rule in becomes]:
        return None
    always = next((rule.without for rule in becomes if not rule.scoped), None)
    may = frozenset[str]().union(*(rule.without or () for rule in was))
    sure = (always or frozenset()).intersection(*(rule.without or () for rule in becomes))
    if missing := sorted(may - sure):
        return f"searched without {', '.join(missing)}", "searched with it"
    return None


def _step_choice(rule: Rule) -> tuple[str, frozenset[str] | None]:
    return _condition(rule, SCOPE), rule.without
