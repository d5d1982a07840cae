from __future__ import annotations

import pytest

from streamproc.events import Event, EventType, Micros, Origin, RawBody, Times
from streamproc.rules import Scope, parse_ruleset

RULESET = """
version: 1
name: scoped
entities: [EMAIL_ADDRESS]
operators: {default: replace}
rules:
  - {name: always, fields: [a], entity: A, operator: hash}
  - {name: topic, topics: [mobile], fields: [a], entity: A, operator: hash}
  - {name: source, sources: [key-1, key-2], fields: [a], entity: A, operator: hash}
  - {name: type, types: [track, page], fields: [a], entity: A, operator: hash}
  - {name: event, events: ["Order *", Home], fields: [a], entity: A, operator: hash}
  - name: condition
    types: [track]
    when: {path: properties.total, above: 10}
    fields: [a]
    entity: A
    operator: hash
"""


def event(kind: EventType = "identify", topic: str = "web", **body: object) -> Event:
    times = Times(None, None, Micros(0), Micros(0))
    raw = RawBody(dict(body))  # type: ignore[arg-type]  # any JSON
    return Event(Origin(topic, 0, 0), None, kind, "m", times, raw, b"")


@pytest.fixture
def scope() -> Scope:
    return Scope(parse_ruleset(RULESET, "rules.yaml").rules)


def names(scope: Scope, given: Event) -> list[str]:
    rules = parse_ruleset(RULESET, "rules.yaml").rules
    active = scope.active(given)
    return [rule.name for index, rule in enumerate(rules) if active >> index & 1]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (event(), ["always"]),
        (event(topic="mobile"), ["always", "topic"]),
        (event(writeKey="key-2"), ["always", "source"]),
        (event(writeKey=["key-2"]), ["always"]),
        (event("page", name="Home"), ["always", "type", "event"]),
        (event("track", event="Order Completed"), ["always", "type", "event"]),
        (event("track", event="order completed"), ["always", "type"]),
        (event("track", event=7), ["always", "type"]),
        (event("track", properties={"total": 11}), ["always", "type", "condition"]),
        (event("track", properties={"total": 10}), ["always", "type"]),
        (event("page", properties={"total": 11}), ["always", "type"]),
    ],
)
def test_the_rules_in_force_for_an_event(scope: Scope, given: Event, expected: list[str]) -> None:
    assert names(scope, given) == expected
    assert names(scope, given) == expected  # remembered, the same


def test_rules_without_a_scope_are_in_force_for_all() -> None:
    rules = parse_ruleset(RULESET, "rules.yaml").rules[:1]

    assert Scope(rules).active(event("track", "anywhere")) == 1
