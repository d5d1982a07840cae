"""Why a rule does not decide: where it lost, and to what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from streamproc.events import Event
from streamproc.redact.decisions import Decision
from streamproc.rules import Rule
from streamproc.rules.conditions import TESTS, Condition, compiled
from streamproc.rules.narrowing import Narrowing

__all__ = ["Loss", "losses", "out_of_scope"]

APART: Final = frozenset({"message-id", "identifiers"})


class Loss(NamedTuple):
    """A rule that speaks of a field and does not decide there.

    Attributes:
        rule: Its name.
        because: Why, in words of the ruleset; never of the event.
    """

    rule: str
    because: str


def out_of_scope(rule: Rule, key: str, event: Event) -> str:
    """Return why ``rule`` is not in force for ``event``: ``key`` of it says so."""
    if key == "when":
        assert rule.when is not None
        return f"not when {_written(_unmet(rule.when, event.body))}"
    said = getattr(rule, key)
    names = said if isinstance(said, tuple) else sorted(said)
    return f"only {key} {', '.join(names)}"


def losses(
    rules: Sequence[Rule], elsewhere: Mapping[str, str], text: str, decision: Decision | None
) -> Iterator[Loss]:
    """Yield the rules that do not decide about a value, in their order, each with the reason.

    Rules that leave out steps of the search decide nothing, and are not among them.

    Args:
        rules: Those that speak of the field.
        elsewhere: Those not in force, each with why.
        text: The value.
        decision: What is decided about a piece of it; None where nothing is.
    """
    for rule in rules:
        if rule.without is not None or (decision and rule.name == decision.action.rule):
            continue
        if rule.name in elsewhere:
            yield Loss(rule.name, elsewhere[rule.name])
        elif decision is None:
            yield Loss(rule.name, "nothing to decide" if rule.entity else "nothing found for it")
        else:
            yield Loss(rule.name, _beaten(rule, text, decision))


def _beaten(rule: Rule, text: str, decision: Decision) -> str:
    finding = decision.finding
    if decision.action.rule in APART:
        return "ids stay apart, whatever rules say"
    if finding is None:
        return "later in order" if rule.entity else f"{decision.action.rule} takes the whole field"
    if rule.entities is None or finding.entity not in rule.entities:
        return "for other entities"
    narrowing = Narrowing.of(rule)
    failed = narrowing.failed(finding, text) if narrowing else None
    return "later in order" if failed is None else f"narrowed away by {failed}"


def _unmet(condition: Condition, body: Mapping[str, Any]) -> Condition:
    """Return the innermost part of ``condition`` that alone keeps it from holding."""
    for part in condition.every or ():
        if not compiled(part)(body):
            return _unmet(part, body)
    return condition


def _written(condition: Condition) -> str:
    said = condition.model_dump(by_alias=True, exclude_none=True, exclude={"path"}, mode="json")
    ((test, value),) = said.items()
    if test in TESTS:
        assert condition.path is not None
        return f"{condition.path} {test} {_told(value)}"
    parts = {"all": condition.every, "any": condition.some}.get(test)
    if parts:
        return f"{test} of ({'; '.join(map(_written, parts))})"
    if condition.opposite is not None:
        return f"not ({_written(condition.opposite)})"
    return f"{test} {_told(value)}"


def _told(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(sorted(map(_told, value)))
    return str(value).lower() if isinstance(value, bool) else str(value)
