"""What a ruleset says about one field, worked out key by key.

The patterns of all rules are run side by side as one automaton. A step of it costs 400 µs with the
shipped rules and is remembered, a field 5: whoever walks over many events keeps these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from streamproc.events import Finding
from streamproc.rules.automaton import Keys, State, advanced, closed
from streamproc.rules.language import Rule, Ruleset
from streamproc.rules.narrowing import Narrowing
from streamproc.rules.operators import Operator

__all__ = ["Action", "Field", "LeafPolicy", "Plan", "Policies"]

KEPT_STEPS = 20_000
"""Most steps of the automaton that are remembered."""

PLAIN_KEY = re.compile(r"(?!(?:[^0-9]*[0-9]){5})(?!(?:[^-]*-){5})[A-Za-z_$][A-Za-z0-9_$-]{0,31}")
"""A word with at most four digits and four hyphens. Nothing that is searched for can be written so,
names apart; a MAC address has five hyphens."""

PLACEHOLDER = re.compile("<[A-Z][A-Z0-9_]*>")
"""What redaction writes for a finding. In a key it is none of its words: else ``<US_SSN>`` would
announce one, and an event that is redacted again would change."""

GENERIC_WORDS = frozenset(
    {"content", "data", "family", "first", "full", "given", "home", "item", "last", "middle"}
    | {"name", "number", "other", "primary", "secondary", "text", "value", "work"}
)
"""Keys that say nothing alone: ``phone.number`` is about a phone, ``driver.name`` about a person,
which the key above says."""


class Action(NamedTuple):
    """What is done with a finding or a value, and who says so.

    ``rule`` is the rule's name, or ``operators.<ENTITY>`` where no rule decides.
    """

    rule: str
    entity: str
    operator: Operator


class LeafPolicy:
    """What the ruleset says about one field.

    Attributes:
        rules: The rules that speak of the field, in their order.
        whole: What is done with the whole value, unsearched; None to search it.
        without: The steps that are not taken in the search.
    """

    __slots__ = ("_actions", "_chosen", "_narrowed", "_ruleset", "rules", "whole", "without")

    def __init__(self, ruleset: Ruleset, matching: Iterable[Rule]) -> None:
        """Decide by ``matching``, the rules that speak of the field, in their order."""
        chosen: list[Rule] = []
        self.rules = tuple(matching)
        self.whole: Action | None = None
        without: frozenset[str] | None = None
        for rule in self.rules:
            if rule.without is not None:
                without = rule.without if without is None else without
            elif rule.entity is None:
                chosen.append(rule)
            elif self.whole is None:
                assert rule.operator is not None
                self.whole = Action(rule.name, rule.entity, rule.operator)
        self.without: frozenset[str] = without or frozenset()
        self._chosen = [(rule, Narrowing.of(rule)) for rule in chosen]
        self._narrowed = any(narrowing is not None for _, narrowing in self._chosen)
        self._ruleset = ruleset
        self._actions: dict[str, Action] = {}

    def action(self, finding: Finding, text: str) -> Action:
        """Return what is done with ``finding``, which is in ``text``, in this field."""
        entity = finding.entity
        if self._narrowed:
            return self._decide(entity, lambda narrowing: narrowing.takes(finding, text))
        action = self._actions.get(entity)
        if action is None:
            action = self._actions[entity] = self._decide(entity, lambda _: True)
        return action

    def _decide(self, entity: str, takes: Callable[[Narrowing], bool]) -> Action:
        for rule, narrowing in self._chosen:
            assert rule.entities is not None
            if entity in rule.entities and (narrowing is None or takes(narrowing)):
                assert rule.operator is not None
                return Action(rule.name, entity, rule.operator)
        return Action(f"operators.{entity}", entity, self._ruleset.operator_for(entity))


Policies: TypeAlias = dict[tuple[int, ...], LeafPolicy]
"""By the indexes of the rules that speak of a field, what they say about it together."""


class Field(NamedTuple):
    """One field of events, by its path without list indexes.

    Attributes:
        policy: What the ruleset says about it.
        plain: Whether its key is a plain word, which cannot be personal data itself.
        context: The words of its key, lower case, that may say what its value is; those of the key
            above it too, where its own is generic.
        state: Where the automaton is: the index of each rule that may still match, and the steps
            that are left.
    """

    policy: LeafPolicy
    plain: bool
    context: tuple[str, ...]
    state: State[int]


class Plan:
    """A ruleset made ready to use. Safe to share between threads."""

    def __init__(
        self,
        ruleset: Ruleset,
        words: Callable[[str], tuple[str, ...]],
        active: int | None = None,
        policies: Policies | None = None,
    ) -> None:
        """Compile ``ruleset``.

        Args:
            ruleset: What is compiled.
            words: Splits a key into lower-case words.
            active: The rules that are in force (:mod:`.scope`); None for all.
            policies: To share with plans of the same ruleset: fields that the same rules speak of
                have the same policy then.
        """
        self.ruleset = ruleset
        self._words = words
        self._policies: Policies = {} if policies is None else policies
        rules = [
            (index, rule)
            for index, rule in enumerate(ruleset.rules)
            if active is None or active >> index & 1
        ]
        self._keys = Keys(path for _, rule in rules for path in rule.fields)
        self._next: dict[tuple[State[int], frozenset[str]], State[int]] = {}
        start = frozenset((index, path.steps) for index, rule in rules for path in rule.fields)
        self.root = self._field(closed(start), plain=True, context=())

    def below(self, field: Field, key: str) -> Field:
        """Return the field ``key`` of ``field``."""
        spoken = PLACEHOLDER.sub(" ", key) if "<" in key else key
        words = self._words(spoken)
        if all(word in GENERIC_WORDS or word.isdigit() for word in words):
            words = (*field.context, *words)
        state = self._after(field.state, self._keys.steps(spoken))
        return self._field(state, plain=PLAIN_KEY.fullmatch(key) is not None, context=words)

    def policy(self, path: Iterable[str | int]) -> LeafPolicy:
        """Return what the ruleset says about the field at ``path``; list indexes do not count."""
        field = self.root
        for step in path:
            if isinstance(step, str):
                field = self.below(field, step)
        return field.policy

    def _after(self, state: State[int], named: frozenset[str]) -> State[int]:
        # All keys that no rule names are one key to the automaton, so there are few steps to know.
        after = self._next.get((state, named))
        if after is None:
            after = advanced(state, named)
            if len(self._next) < KEPT_STEPS:
                self._next[state, named] = after
        return after

    def _field(self, state: State[int], *, plain: bool, context: tuple[str, ...]) -> Field:
        matching = tuple(sorted({index for index, steps in state if not steps}))
        policy = self._policies.get(matching)
        if policy is None:  # most fields are spoken of by no rule: they share one
            rules = [self.ruleset.rules[index] for index in matching]
            policy = self._policies[matching] = LeafPolicy(self.ruleset, rules)
        return Field(policy, plain, context, state)
