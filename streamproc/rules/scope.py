"""Which rules are in force for an event: by where it comes from, what it is, and what it says.

Most rules are for every event. Of the others, all but conditions depends on four things of an event
(topic, source, type, name), which come back: which rules they leave is remembered by them, so that
a rule that is for other events costs nothing, and only conditions of rules that are left are asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from typing import Any, NamedTuple, TypeAlias

from streamproc.events import Event
from streamproc.rules.conditions import compiled, compiled_together
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
    """What is left of the rules for one kind of event: those in force, and what to ask it."""

    always: Active
    asked: Callable[[Mapping[str, Any]], Active] | None


class Scope:
    """The scopes of a ruleset's rules, made ready to ask. For one thread at a time."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Compile the names of ``rules``; conditions are compiled by the kinds of events."""
        self._rules = rules
        self._everything = (1 << len(rules)) - 1
        self._scoped = any(rule.scoped for rule in rules)
        self._names = [
            re.compile("|".join(map(translate, rule.events))) if rule.events else None
            for rule in rules
        ]
        self._left: dict[Kind, Left] = {}

    def active(self, event: Event) -> Active:
        """Return the rules in force for ``event``."""
        if not self._scoped:
            return self._everything
        kind = _kind_of(event)
        left = self._left.get(kind)
        if left is None:
            left = self._leave(*kind)
            if len(self._left) < KEPT:
                self._left[kind] = left
        return left.always if left.asked is None else left.always | left.asked(event.body)

    def failed(self, index: int, event: Event) -> str | None:
        """Return the key by which the rule of ``index`` is not in force; None where it is."""
        failed = self._failed(index, *_kind_of(event))
        if failed is not None:
            return failed
        when = self._rules[index].when
        return None if when is None or compiled(when)(event.body) else "when"

    def _leave(self, topic: str, source: str | None, kind: str, name: str | None) -> Left:
        indexes = range(len(self._rules))
        reached = [i for i in indexes if self._failed(i, topic, source, kind, name) is None]
        conditions = {i: when for i in reached if (when := self._rules[i].when) is not None}
        always = sum(1 << i for i in reached if i not in conditions)
        if not conditions:
            return Left(always, None)
        return Left(always, compiled_together((1 << i, when) for i, when in conditions.items()))

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
