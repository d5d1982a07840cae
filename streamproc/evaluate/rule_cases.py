"""Tests of a ruleset as data: an event, and what its manifest has to say.

A YAML list of cases::

    - name: properties.contact holds e-mail addresses
      event:
        type: track
        event: Tested
        userId: u-1
        properties: {contact: jane.roe@example.com}
      expect:
        - {path: properties.contact, entity: EMAIL_ADDRESS, rule: contacts, operator: hash}

The values of cases are invented, never taken from events: cases are files that people pass on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from streamproc.errors import ConfigError, Problem
from streamproc.events import Micros, Origin, Record
from streamproc.pipeline import Pipeline

__all__ = ["Expected", "RuleCase", "parse_cases", "run_cases", "write_cases"]


class Statement(BaseModel):
    """A mapping of the YAML file; a key that is not listed is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Expected(Statement):
    """An entry that the manifest has to have."""

    path: str
    entity: str
    rule: str
    operator: str


class RuleCase(Statement):
    """One case: an event, and the entries its manifest has to have among others."""

    name: str
    event: dict[str, Any]
    expect: tuple[Expected, ...]


CASES = TypeAdapter(tuple[RuleCase, ...])


def parse_cases(text: str, source: str) -> tuple[RuleCase, ...]:
    """Return the cases that ``text`` writes; ``source`` names it in problems.

    Raises:
        ConfigError: It is no YAML, or no list of cases.
    """
    try:
        return CASES.validate_python(YAML(typ="safe", pure=True).load(text))
    except YAMLError:
        raise ConfigError(Problem(source, "", "is not YAML")) from None
    except ValidationError as error:
        problems = [
            Problem(source, ".".join(map(str, item["loc"])), item["msg"]) for item in error.errors()
        ]
        raise ConfigError(*problems) from None


def write_cases(cases: Iterable[RuleCase], heading: str) -> str:
    """Return the YAML of ``cases`` below a comment."""
    yaml = YAML()
    yaml.width = 100
    written = StringIO()
    yaml.dump([case.model_dump(mode="json") for case in cases], written)
    comment = "".join(f"# {line}\n" for line in heading.splitlines())
    return f"{comment}\n{written.getvalue()}"


def run_cases(pipeline: Pipeline, cases: Iterable[RuleCase], source: str) -> Iterator[Problem]:
    """Yield a problem for each entry that a case expects and its event's manifest has not."""
    for number, case in enumerate(cases):
        record = Record(Origin("cases", 0, number), None, orjson.dumps(case.event), Micros(0))
        (redacted,) = pipeline.run([record]).redacted
        entries = redacted.manifest if redacted is not None else ()
        found = {(entry.path, entry.entity, entry.rule, entry.operator) for entry in entries}
        for place, expected in enumerate(case.expect):
            wanted = (expected.path, expected.entity, expected.rule, expected.operator)
            if wanted not in found:
                path = f"[{number}].expect[{place}]"
                yield Problem(source, path, f"{expected.path} was not decided so")
