"""Which rules are in force for an event: by where it comes from, what it is, and what it says.

Most rules are for every event. Of the others, all but conditions depends on four things of an event
(topic, source, type, name), which come back: which rules they leave is remembered by them, so that
a rule that is for other events costs nothing, and only conditions of rules that are left are asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate
from typing import NamedTuple, TypeAlias

from streamproc.events import Event
from streamproc.rules.conditions import Test, compiled
from streamproc.rules.language import Rule

__all__ = ["Active", "Scope"]

Active: TypeAlias = int
"""The rules in force: bit ``i`` is set for the rule of index ``i``. A number, because it is hashed
for every event."""

Kind: TypeAlias = tuple[str, str | None, str, str | None]
"""What all but conditions depend on: an event's topic, source, type and name."""

KEPT = 10_000
"""Most kinds of events whose rules are remembered; names of events come from outside."""

NAMED = {"track": "event", "page": "name", "screen": "name"}
"""Where the types of the event spec keep an event's name."""


class Left(NamedTuple):
    """What is left of the rules for one kind of event: those in force, and those to ask."""

    always: Active
    asked: Sequence[tuple[Active, Test]]


class Scope:
    """The scopes of a ruleset's rules, made ready to ask. For one thread at a time."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Compile the conditions and names of ``rules``."""
        self._rules = rules
        self._everything = (1 << len(rules)) - 1
        self._scoped = any(rule.scoped for rule in rules)
        self._tests = [None if rule.when is None else compiled(rule.when) for rule in rules]
        self._names = [
            re.compile("|".join(map(translate, rule.events))) if rule.events else None
            for rule in rules
        ]
        self._left: dict[Kind, Left] = {}

    def active(self, event: Event) -> Active:
        """Return the rules in force for ``event``."""
        if not self._scoped:
            return self._everything
        body = event.body
        kind = _kind_of(event)
        left = self._left.get(kind)
        if left is None:
            left = self._leave(*kind)
            if len(self._left) < KEPT:
                self._left[kind] = left
        if not left.asked:
            return left.always
        active = left.always
        for bit, test in left.asked:
            if test(body):
                active |= bit
        return active

    def failed(self, index: int, event: Event) -> str | None:
        """Return the key by which the rule of ``index`` is not in force; None where it is."""
        failed = self._failed(index, *_kind_of(event))
        if failed is not None:
            return failed
        test = self._tests[index]
        return None if test is None or test(event.body) else "when"

    def _leave(self, topic: str, source: str | None, kind: str, name: str | None) -> Left:
        indexes = range(len(self._rules))
        reached = [i for i in indexes if self._failed(i, topic, source, kind, name) is None]
        tests = self._tests
        return Left(
            sum(1 << index for index in reached if tests[index] is None),
            [(1 << index, test) for index in reached if (test := tests[index]) is not None],
        )

    def _failed(
        self, index: int, topic: str, source: str | None, kind: str, name: str | None
    ) -> str | None:
        rule, pattern = self._rules[index], self._names[index]
        if rule.topics and topic not in rule.topics:
            return "topics"
        if rule.sources and source not in rule.sources:
            return "sources"
        if rule.types and kind not in rule.types:
            return "types"
        named = pattern is None or (name is not None and pattern.match(name) is not None)
        return None if named else "events"


def _kind_of(event: Event) -> Kind:
    body = event.body
    source, name = body.get("writeKey"), body.get(NAMED.get(event.type, ""))
    return (
        event.origin.topic,
        source if isinstance(source, str) else None,
        event.type,
        name if isinstance(name, str) else None,
    )
