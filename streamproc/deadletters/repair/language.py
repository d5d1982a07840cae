"""The language of repairs, version 1: what may stand in their YAML file.

An example of all of it::

version: 1
name: numbers-for-ids
repairs:
  - name: ids-are-texts
    when: {stages: [decode], codes: [wrong_type], paths: [userId]}
    steps:
      - cast: {path: userId, to: string}
  - name: old-app
    text: {encoding: cp1252, mend: [nan]}
    where: {path: context.app.version, equals: "1.4"}
    steps:
      - rename: {path: properties.Total, to: total}
      - remove: {path: "properties.products[*].debug"}
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from streamproc.expected import NAME
from streamproc.rules.conditions import Condition, Expression, Scalar
from streamproc.rules.operators import Statement

__all__ = [
    "ITEMS",
    "Cast",
    "Encoding",
    "Mend",
    "Place",
    "Remove",
    "Rename",
    "Repair",
    "Repairs",
    "Replace",
    "Set",
    "Step",
    "Text",
    "When",
]

ITEMS: Final = "*"
"""A step of a place that is all items of a list."""

Encoding: TypeAlias = Literal["utf-8", "cp1252", "latin-1", "utf-16"]
Mend: TypeAlias = Literal["nan", "control_characters", "surrogates", "wrapped"]
Target: TypeAlias = Literal["string", "integer", "number", "boolean", "timestamp"]
Unit: TypeAlias = Literal["seconds", "milliseconds", "microseconds"]
StageName: TypeAlias = Literal[
    "decode", "plan", "detect", "redact", "enrich", "transform", "row", "publish"
]

_STEP: Final = re.compile(r"(?:[^.\[\]*]+)(?:\[\*\])?")


def _place(written: object) -> object:
    if isinstance(written, tuple):
        return written
    if isinstance(written, list):
        if not written or not all(isinstance(key, str) and key for key in written):
            raise PydanticCustomError("place", "expected a list of keys")
        if written[0] == ITEMS:
            raise PydanticCustomError("place", "expected a key first: an event is no list")
        return tuple(written)
    steps: list[str] = []
    for part in written.split(".") if isinstance(written, str) else [""]:
        if not _STEP.fullmatch(part):
            raise PydanticCustomError(
                "place",
                "expected keys joined by dots, [*] after a list's; or a list of keys, where one "
                "has a dot",
            )
        steps.append(part.removesuffix("[*]"))
        steps += [ITEMS] if part.endswith("[*]") else []
    return tuple(steps)


def _one_key(place: tuple[str, ...]) -> tuple[str, ...]:
    if place[-1] == ITEMS:
        raise PydanticCustomError("place", "expected a key in the end, not [*]")
    return place


Place = Annotated[
    tuple[str, ...],
    BeforeValidator(_place),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^[^.\[\]*]+(\[\*\])?(\.[^.\[\]*]+(\[\*\])?)*$"},
                {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            ]
        }
    ),
]
"""A place in an event: the keys from its root as they are spelled, joined by dots, `[*]` for all
items of a list; or a list of keys, where one of them has a dot in it."""

KeyPlace = Annotated[Place, AfterValidator(_one_key)]

Key = Annotated[str, Field(min_length=1, max_length=200)]
Words = Annotated[frozenset[Annotated[str, Field(min_length=1)]], Field(min_length=1)]


class When(Statement):
    """Which dead letters; all that is said has to hold."""

    stages: Annotated[frozenset[StageName], Field(min_length=1)] | None = None
    """Where they failed."""
    codes: Words | None = None
    """Why."""
    paths: Words | None = None
    """On which field: as `dead list` shows it, indexes of lists written as `[*]` or as numbers."""
    rulesets: Words | None = None
    """Fingerprint of the ruleset that was in force."""


class Text(Statement):
    """How the bytes are read, where they are not JSON in UTF-8."""

    encoding: Encoding = "utf-8"
    """What the bytes are; a byte order mark is left out."""
    mend: frozenset[Mend] = frozenset()
    """`nan`: NaN and Infinity become null. `control_characters`: may stand in texts.
    `surrogates`: halves of UTF-16 pairs become U+FFFD. `wrapped`: an event that is in a text, or
    alone in a list, is taken out."""


class Cast(Statement):
    """Make a value of another type of the one that is there; what cannot be stays as it is."""

    path: Place
    to: Target
    """`timestamp` is a text in ISO 8601, in UTC."""
    unit: Unit = "milliseconds"
    """What a number counts that is cast to a timestamp, since 1970."""
    format: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """How a text is written that is cast to a timestamp, as Python's `strptime` has it:
    `%d/%m/%Y %H:%M`. UTC where it does not say."""


class Remove(Statement):
    """Leave a field out, whatever it holds."""

    path: Place


class Replace(Statement):
    """Put a constant in the place of a value, or of what an expression finds in it."""

    path: Place
    value: Scalar | None = None
    """What the field holds then."""
    pattern: Expression | None = None
    """What is looked for in a text, instead: each find is replaced."""
    by: str | None = None
    """By what finds of `pattern` are replaced, literally; may be empty."""

    @model_validator(mode="after")
    def _one_way(self) -> Replace:
        if (self.value is None) == (self.pattern is None) or (self.pattern is None) != (
            self.by is None
        ):
            raise PydanticCustomError("replace", "expected a value, or a pattern and by")
        return self


class Set(Statement):
    """Give a field a value where it is absent, null or an empty text; else it stays."""

    path: KeyPlace
    value: Scalar


class Rename(Statement):
    """Give a field another key, where that is not taken."""

    path: KeyPlace
    to: Key
    """The new key; the field stays in its object."""


class Step(Statement):
    """One step: one of these."""

    cast: Cast | None = None
    remove: Remove | None = None
    replace: Replace | None = None
    set: Set | None = None
    rename: Rename | None = None

    @model_validator(mode="after")
    def _one_step(self) -> Step:
        said = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(said) != 1:
            raise PydanticCustomError(
                "step", "expected one of {names}", {"names": ", ".join(type(self).model_fields)}
            )
        return self


class Repair(Statement):
    """One repair: which letters, which of their events, and what is done to them."""

    name: Annotated[str, Field(pattern=NAME)]
    """By which it is counted."""
    when: When = Field(default_factory=When)
    """Which dead letters; all, where it is left out."""
    where: Condition | None = None
    """Which of their events, once read; as conditions of rules are written."""
    text: Text = Field(default_factory=Text)
    """How the bytes are read."""
    steps: Annotated[tuple[Step, ...], Field(max_length=100)] = ()
    """What is done, in order."""

    @model_validator(mode="after")
    def _does_something(self) -> Repair:
        if not self.steps and self.text == Text():
            raise PydanticCustomError("repair", "expected steps, or text: it does nothing")
        return self


class Repairs(Statement):
    """A file of repairs; of several that could be meant the first is done."""

    version: Literal[1]
    """The version of the language."""
    name: Annotated[str, Field(pattern=NAME)]
    """Of the file; in the audit log."""
    repairs: Annotated[tuple[Repair, ...], Field(min_length=1, max_length=200)]

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that name what is done; on every record that went through it."""
        said: Any = self.model_dump(mode="json", by_alias=True)
        return hashlib.sha256(json.dumps(_sorted(said), sort_keys=True).encode()).hexdigest()[:16]


def _sorted(said: Any) -> Any:
    """Return ``said`` with lists that were sets in one order."""
    if isinstance(said, dict):
        unordered = {"stages", "codes", "paths", "rulesets", "mend"}
        return {
            key: sorted(value) if key in unordered and value else _sorted(value)
            for key, value in said.items()
        }
    return [_sorted(each) for each in said] if isinstance(said, list) else said
