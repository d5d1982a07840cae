"""Tests of a ruleset as data: an event, and what has to become of it.

A YAML list of cases, in ``tests/*.yaml`` beside the ruleset::

    - name: e-mail addresses become tokens, wherever they stand
      topic: events.raw                     # left out: that of the settings
      event:
        type: track
        event: Tested
        userId: u-1
        properties: {contact: jane.roe@example.com, plan: team}
      expect:
        values:
          properties.contact: tok_*         # any token
          properties.plan: unchanged        # as it came
          properties.secret: absent         # not there any more
          properties.note: Mail <PERSON>!   # exactly this
          properties.card: {matches: '^[*]+1111$'}
          properties.word: {equals: absent} # exactly this, whatever it means elsewhere
        manifest:
          - {path: properties.contact, entity: EMAIL_ADDRESS, rule: contacts, operator: hash}

    - name: events of robots are left out
      event: {…}
      expect: {dropped: robots}             # by the rule of this name

    - name: what is no event is a dead letter
      event: "{"                            # a text is the record as it came
      expect: {dead: not_json}              # with this code

The manifest has to have the entries of a case, among others. The values of cases are invented,
never taken from events: cases are files that people pass on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import orjson
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from ruamel.yaml import YAML

from streamproc.errors import ConfigError
from streamproc.rules.document import (
    Document,
    Location,
    explained,
    read_text,
    refuse_misnamed,
)
from streamproc.rules.operators import Statement
from streamproc.rules.regexes import refusal

__all__ = [
    "ABSENT",
    "MISSING",
    "UNCHANGED",
    "Case",
    "Entry",
    "Expected",
    "Suite",
    "case_files",
    "load_cases",
    "parse_cases",
    "value_at",
    "write_cases",
]

ABSENT = "absent"
UNCHANGED = "unchanged"

MISSING: Any = object()
"""What :func:`value_at` returns where there is nothing."""

PATH = re.compile(r"[^.\[\]]+(?:\[\d+\])*(?:\.[^.\[\]]+(?:\[\d+\])*)*")
STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def _event(written: Any) -> Any:
    if not isinstance(written, dict | str):
        raise PydanticCustomError("case_event", "expected an event's fields, or a record's text")
    for path, value in _leaves(written, ""):
        if not _is_json(value):
            raise PydanticCustomError(
                "case_value", "{path} is no JSON value; a date needs quotes", {"path": path}
            )
    if not _is_json(written):
        raise PydanticCustomError("case_event", "is nested too deeply")
    return written


def _is_json(value: Any) -> bool:
    if isinstance(value, float) and not isfinite(value):
        return False  # would be written as null
    try:
        # Dates are refused too; what is left are long numbers and halves of characters.
        orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except TypeError:
        return False
    return True


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, below in value.items():
            if not isinstance(key, str):
                yield f"{path}.{key}".removeprefix("."), object()
            else:
                yield from _leaves(below, f"{path}.{key}".removeprefix("."))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _leaves(below, f"{path}[{index}]")
    else:
        yield path, value


def _wanted(written: Any) -> Any:
    if not isinstance(written, dict):
        return written
    if len(written) == 1:
        ((key, said),) = written.items()
        if key == "equals":
            return written
        if key == "matches" and isinstance(said, str):
            if reason := refusal(said, 0):
                raise PydanticCustomError("expression", "{reason}", {"reason": reason})
            return written
    raise PydanticCustomError(
        "case_wanted",
        "expected a value, absent, unchanged, tok_*, {shapes}",
        {"shapes": "{matches: an expression} or {equals: a value}"},
    )


Text = Annotated[str, Field(min_length=1)]


class Entry(Statement):
    """An entry that the manifest has to have."""

    path: Text
    entity: Text
    rule: Text
    operator: Text


class Expected(Statement):
    """What has to become of an event."""

    values: dict[Text, Annotated[Any, AfterValidator(_wanted)]] = {}  # noqa: RUF012 - frozen
    """Of the redacted event, by path: a value, or a word for what it has to be."""
    manifest: tuple[Entry, ...] = ()
    """Entries that its manifest has to have."""
    dropped: Text | None = None
    """The rule that has to drop it."""
    dead: Text | None = None
    """The code it has to be a dead letter with."""

    @model_validator(mode="after")
    def _one_outcome(self) -> Expected:
        row = bool(self.values or self.manifest)
        if row + (self.dropped is not None) + (self.dead is not None) != 1:
            raise PydanticCustomError(
                "case_outcome", "expected values and manifest, or dropped, or dead"
            )
        return self


class Case(Statement):
    """One case."""

    name: Text
    event: Annotated[Any, AfterValidator(_event)]
    """The event's fields; or a text, which is the record as it came."""
    expect: Expected
    topic: Text | None = None
    """The topic it came from; None for that of the settings."""


class Suite(NamedTuple):
    """The cases of a file.

    Attributes:
        source: The file's name.
        cases: Its cases, in order.
        lines: Where each begins, counted from 1.
    """

    source: str
    cases: tuple[Case, ...]
    lines: tuple[int | None, ...]


CASES = TypeAdapter(tuple[Case, ...])


def case_files(ruleset: Path) -> list[Path]:
    """Return the files of cases of a ruleset, by its file: ``tests/*.yaml`` beside it.

    Without those that have the name of another ruleset beside it, which they are of.

    Raises:
        ConfigError: There are files whose cases would never run.
    """
    refuse_misnamed(ruleset.parent / "tests")
    others = {file.name for file in ruleset.parent.glob("*.yaml") if file.name != ruleset.name}
    files = sorted((ruleset.parent / "tests").glob("*.yaml"))
    return [file for file in files if file.name not in others]


def load_cases(file: Path) -> Suite:
    """Return the cases of ``file``.

    Raises:
        ConfigError: With every problem of the file.
    """
    return parse_cases(read_text(file), str(file))


def parse_cases(text: str, source: str) -> Suite:
    """Return the cases that ``text`` writes; ``source`` names it in problems.

    Raises:
        ConfigError: With every problem of the text.
    """
    document = Document.parse(text, source)
    try:
        cases = CASES.validate_python(document.content if document.content is not None else ())
    except ValidationError as error:
        raise ConfigError(*document.problems(error, _explained)) from None
    if problems := [document.problem(*problem) for problem in _contradictions(cases)]:
        raise ConfigError(*problems)
    lines = tuple(document.problem((place,), "").line for place in range(len(cases)))
    return Suite(source, cases, lines)


def write_cases(cases: Iterable[Case], heading: str) -> str:
    """Return the YAML of ``cases`` below a comment."""
    yaml = YAML()
    yaml.width = 100
    written = StringIO()
    yaml.dump([case.model_dump(mode="json", exclude_defaults=True) for case in cases], written)
    comment = "".join(f"# {line}\n" for line in heading.splitlines())
    return f"{comment}\n{written.getvalue()}"


def value_at(body: Any, path: str) -> Any:
    """Return what is at ``path`` of ``body``; :data:`MISSING` where nothing is."""
    for index, key in STEP.findall(path):
        if key:
            body = body.get(key, MISSING) if isinstance(body, Mapping) else MISSING
        elif isinstance(body, list) and int(index) < len(body):
            body = body[int(index)]
        else:
            body = MISSING
    return body


def _contradictions(cases: tuple[Case, ...]) -> Iterator[tuple[Location, str]]:
    names: dict[str, int] = {}
    for place, case in enumerate(cases):
        if case.name in names:
            yield (place, "name"), f"is the name of [{names[case.name]}] too"
        names.setdefault(case.name, place)
        for path, wanted in case.expect.values.items():
            if not PATH.fullmatch(path):
                told = "expected keys joined by dots, list indexes in brackets: a.b[0].c"
                yield (place, "expect", "values", path), told
            elif _says_nothing(wanted, case.event, path):
                yield (place, "expect", "values", path), "the event has nothing there"


def _says_nothing(wanted: Any, event: Any, path: str) -> bool:
    # What is at a misspelled path is always absent: such a case would never fail.
    missing = value_at(event, path) is MISSING
    return missing and (wanted == UNCHANGED or (wanted == ABSENT and isinstance(event, dict)))


def _explained(item: Any) -> str:
    location = item["loc"]
    model = Entry if "manifest" in location else Expected if "expect" in location[:-1] else Case
    return explained(item, model.model_fields)
