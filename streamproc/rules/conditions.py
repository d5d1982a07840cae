"""Conditions: when a rule is in force, by what the event says.

A condition is one of these, and they nest::

    {path: context.country, equals: DE}       a value at the path is DE
    {path: context.country, in: [DE, FR]}     … is one of them
    {path: properties.plan, matches: "^pro"}  … one in which the expression is found
    {path: traits.email, exists: true}        there is a value other than null, or there is none
    {path: properties.total, above: 100}      … a number above 100; also below, at_least, at_most
    {consent_denied: [marketing]}             the person has denied one of these categories
    {consent_given: [marketing]}              … has agreed to one of them, and not denied it
    {identified: true}                        the event has a user id; false: it has none
    {all: […]}, {any: […]}, {not: …}

Paths are those of fields (:mod:`.paths`); where one stands for several values, one of them is
enough. Compared are values as they came, before anything is redacted: texts with case, numbers by
size (1 equals 1.0); ``equals`` and ``in`` tell the text "1" from the number, and true from both. To
``matches`` a number is a text, and to ``above`` and the like a text that is a number is one: a rule
for people under 16 is also for those who are "15". A path that is not there makes every test of it
false but ``exists: false``.

Where consent is read is :mod:`.consent`. Who has not been asked has denied nothing and given
nothing: a rule for all who have not agreed says ``{not: {consent_given: [marketing]}}``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import isfinite
from typing import Annotated, Any, NamedTuple, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from streamproc.rules.consent import categories, denied, given
from streamproc.rules.operators import Statement
from streamproc.rules.paths import ANY, ANY_DEPTH, KEY, WrittenField, letters_of
from streamproc.rules.regexes import IGNORE_CASE, finder, refusal
from streamproc.rules.values import number_of, text_of

__all__ = ["Condition", "Expression", "Test", "Texts", "compiled", "compiled_together"]

Body: TypeAlias = Mapping[str, Any]
Test: TypeAlias = Callable[[Body], bool]
"""Tells of an event's body, as it came, whether a condition holds."""

SMALLEST, LARGEST = -(2**63), 2**64 - 1
"""Whole numbers that an event can hold: those of 64 bits, signed or not."""

WRITABLE = frozenset({str, int, float})


def _expression(written: str) -> str:
    if reason := refusal(written, 0):
        raise PydanticCustomError("expression", "{reason}", {"reason": reason})
    return written


def _scalar(written: object) -> object:
    whole = isinstance(written, int) and SMALLEST <= written <= LARGEST
    if whole or isinstance(written, str) or (isinstance(written, float) and isfinite(written)):
        return written
    raise PydanticCustomError(
        "scalar", "expected a text, true, false, or a number of 64 bits; a date needs quotes"
    )


Scalar = Annotated[bool | int | float | str, BeforeValidator(_scalar)]
Scalars = Annotated[tuple[Scalar, ...], Field(min_length=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Texts = Annotated[frozenset[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
Expression = Annotated[str, AfterValidator(_expression)]
Conditions = Annotated[tuple["Condition", ...], Field(min_length=1)]

TESTS = ("equals", "in", "matches", "exists", "above", "below", "at_least", "at_most")
ALONE = ("consent_denied", "consent_given", "identified", "all", "any", "not")


class Condition(Statement):
    """One condition; see the module for what it can say."""

    path: WrittenField | None = None
    """The field that is tested: a path, or `{key: "^card_"}` for every field of such a key."""
    equals: Scalar | None = None
    """A value at the path is this one."""
    among: Annotated[Scalars | None, Field(alias="in")] = None
    """A value at the path is one of these."""
    matches: Expression | None = None
    """In a text or number at the path this regular expression is found, case counting."""
    exists: bool | None = None
    """Whether there is a value at the path, null being none."""
    above: Number | None = None
    """A number at the path, or a text that is one, is larger."""
    below: Number | None = None
    """A number at the path, or a text that is one, is smaller."""
    at_least: Number | None = None
    """A number at the path, or a text that is one, is as large, or larger."""
    at_most: Number | None = None
    """A number at the path, or a text that is one, is as large, or smaller."""
    consent_denied: Texts | None = None
    """The person has denied consent to one of these categories."""
    consent_given: Texts | None = None
    """The person has agreed to one of these categories, and not denied it."""
    identified: bool | None = None
    """Whether the event has a user id."""
    every: Annotated[Conditions | None, Field(alias="all")] = None
    """All of these hold."""
    some: Annotated[Conditions | None, Field(alias="any")] = None
    """One of these holds."""
    opposite: Annotated[Condition | None, Field(alias="not")] = None
    """This does not hold."""

    @model_validator(mode="after")
    def _one_test(self) -> Condition:
        said = [name for name, value in self.model_dump(by_alias=True).items() if value is not None]
        tests = [name for name in said if name in TESTS]
        alone = [name for name in said if name in ALONE]
        if len(tests) + len(alone) != 1 or ("path" in said) != bool(tests):
            raise PydanticCustomError(
                "condition",
                "expected a path with one test ({tests}), or one of {alone}",
                {"tests": ", ".join(TESTS), "alone": ", ".join(ALONE)},
            )
        return self


def compiled(condition: Condition) -> Test:
    """Return the test that ``condition`` writes."""
    if condition.every is not None:
        tests = [compiled(each) for each in condition.every]
        return lambda body: all(test(body) for test in tests)
    if condition.some is not None:
        tests = [compiled(each) for each in condition.some]
        return lambda body: any(test(body) for test in tests)
    if condition.opposite is not None:
        opposite = compiled(condition.opposite)
        return lambda body: not opposite(body)
    return _of_person(condition) if condition.path is None else _of_path(condition)


def compiled_together(conditions: Iterable[tuple[int, Condition]]) -> Callable[[Body], int]:
    """Return what tells which of many conditions hold, as the sum of their numbers.

    Conditions on one path share the way to its values, and those that compare these with constants
    one look-up: 40 of them cost an event 3 µs, where 40 tests by themselves cost 124.
    """
    by_path: dict[tuple[str, ...], Asked] = {}
    alone: list[tuple[int, Test]] = []
    for number, condition in conditions:
        if condition.path is None:
            alone.append((number, compiled(condition)))
            continue
        asked = by_path.setdefault(condition.path.steps, Asked({}, [], []))
        if condition.exists is not None:
            asked.existing.append((number, condition.exists))
        elif (wanted := _wanted(condition)) is not None:
            for value in wanted:
                asked.equal[value] = asked.equal.get(value, 0) | number
        else:
            asked.others.append((number, _of_value(condition)))

    def holding(body: Body) -> int:
        found = 0
        for steps, asked in by_path.items():
            found |= asked.holding(list(_values(body, steps)))
        for number, test in alone:
            if test(body):
                found |= number
        return found

    return holding


class Asked(NamedTuple):
    """Conditions on the values of one path, each with its number, a power of two."""

    equal: dict[tuple[bool, str | float], int]
    others: list[tuple[int, Callable[[Any], bool]]]
    existing: list[tuple[int, bool]]

    def holding(self, values: Sequence[Any]) -> int:
        """Return the sum of the numbers of those that hold."""
        found = 0
        if self.equal:
            for value in values:
                if isinstance(value, str | int | float):
                    found |= self.equal.get(_comparable(value), 0)
        for number, holds in self.others:
            if any(map(holds, values)):
                found |= number
        for number, exists in self.existing:
            if any(value is not None for value in values) is exists:
                found |= number
        return found


def _of_person(condition: Condition) -> Test:
    if condition.consent_denied is not None:
        denying = categories(condition.consent_denied)
        return lambda body: not denying.isdisjoint(denied(body))
    if condition.consent_given is not None:
        agreeing = categories(condition.consent_given)
        return lambda body: not agreeing.isdisjoint(given(body))
    identified = condition.identified
    return lambda body: bool(body.get("userId")) is identified


def _of_path(condition: Condition) -> Test:
    assert condition.path is not None
    steps = condition.path.steps
    if condition.exists is not None:
        exists = condition.exists
        return lambda body: any(value is not None for value in _values(body, steps)) is exists
    holds = _of_value(condition)
    return lambda body: any(holds(value) for value in _values(body, steps))


def _of_value(condition: Condition) -> Callable[[Any], bool]:
    if condition.matches is not None:
        found = finder(condition.matches)
        return lambda value: type(value) in WRITABLE and found(text_of(value))
    wanted = _wanted(condition)
    if wanted is None:
        return _of_number(condition)
    return lambda value: isinstance(value, str | int | float) and _comparable(value) in wanted


def _wanted(condition: Condition) -> frozenset[tuple[bool, str | float]] | None:
    if condition.equals is not None:
        return frozenset({_comparable(condition.equals)})
    if condition.among is not None:
        return frozenset(map(_comparable, condition.among))
    return None


def _of_number(condition: Condition) -> Callable[[Any], bool]:
    above, below = condition.above, condition.below
    at_least, at_most = condition.at_least, condition.at_most

    def holds(value: Any) -> bool:
        number = number_of(value)
        if number is None:
            return False
        if above is not None:
            return number > above
        if below is not None:
            return number < below
        if at_least is not None:
            return number >= at_least
        assert at_most is not None
        return number <= at_most

    return holds


def _comparable(value: str | float) -> tuple[bool, str | float]:
    return isinstance(value, bool), value  # Python's True equals 1


def _values(value: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    """Yield what is at ``steps`` below ``value``; lists are looked into, and are no steps."""
    # With one ** each value is come by once; with more, in as many ways as there are to share its
    # depth out among them: a second for an event 60 deep, where four of them are.
    seen: set[tuple[int, int]] | None = set() if steps.count(ANY_DEPTH) > 1 else None
    waiting: list[tuple[Any, tuple[str, ...]]] = [(value, steps)]
    while waiting:
        value, steps = waiting.pop()
        if seen is not None:
            place = (id(value), len(steps))
            if place in seen:
                continue
            seen.add(place)
        if type(value) is list:
            waiting += [(item, steps) for item in value]
        if not steps:
            yield value
        elif steps[0] == ANY_DEPTH:
            waiting.append((value, steps[1:]))
            if type(value) is dict:
                waiting += [(item, steps) for item in value.values()]
        elif type(value) is dict:
            step, rest = steps[0], steps[1:]
            waiting += [
                (item, rest)
                for key, item in value.items()
                if step in (ANY, key) or _letters(key) == step or _is_found(step, key)
            ]


def _is_found(step: str, key: str) -> bool:
    if not step.startswith(KEY):
        return False
    found = _key_finder(step.removeprefix(KEY))
    return found(key) or found(_letters(key))


@lru_cache(maxsize=1_024)
def _key_finder(expression: str) -> Callable[[str], bool]:
    return finder(expression, IGNORE_CASE)


_letters = lru_cache(maxsize=4_096)(letters_of)
