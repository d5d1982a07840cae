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
        self._left: dict[tuple[str, object, str, object], Left] = {}

    def active(self, event: Event) -> Active:
        """Return the rules in force for ``event``."""
        if not self._scoped:
            return self._everything
        body = event.body
        source, name = body.get("writeKey"), body.get(NAMED.get(event.type, ""))
        source = source if isinstance(source, str) else None
        name = name if isinstance(name, str) else None
        kind = (event.origin.topic, source, event.type, name)
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

    def _leave(self, topic: str, source: str | None, kind: str, name: str | None) -> Left:
        reached = [
            index
            for index, rule in enumerate(self._rules)
            if (not rule.topics or topic in rule.topics)
            and (not rule.sources or source in rule.sources)
            and (not rule.types or kind in rule.types)
            and self._is_named(index, name)
        ]
        tests = self._tests
        return Left(
            sum(1 << index for index in reached if tests[index] is None),
            [(1 << index, test) for index in reached if (test := tests[index]) is not None],
        )

    def _is_named(self, index: int, name: str | None) -> bool:
        pattern = self._names[index]
        return pattern is None or (name is not None and pattern.match(name) is not None)
