"""Files of repairs: read strictly, and what is wrong with them told with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema_rs import validator_for
from ruamel.yaml import YAML

from streamproc.deadletters.repair import load_repairs, parse_repairs
from streamproc.deadletters.repair.schema import repair_schema
from streamproc.errors import ConfigError
from streamproc.shipped import shipped

SCHEMA = json.loads(shipped("schemas/repair.json").read_text(encoding="utf-8"))
VALIDATOR = validator_for(SCHEMA)

WHOLE = """\
version: 1
name: all-of-it
repairs:
  - name: texts
    when: {stages: [decode, plan], codes: [wrong_type], paths: [userId], rulesets: [f00d]}
    where: {all: [{path: type, equals: track}, {not: {path: event, exists: false}}]}
    steps:
      - cast: {path: userId, to: string}
      - cast: {path: sentAt, to: timestamp, unit: seconds}
      - cast: {path: sentAt, to: timestamp, format: "%d/%m/%Y"}
      - remove: {path: "properties.products[*].debug"}
      - replace: {path: event, value: Seen}
      - replace: {path: context.page.url, pattern: "session=[a-z0-9]+", by: ""}
      - set: {path: type, value: track}
      - rename: {path: [properties, "a.b"], to: a_b}
  - name: bytes
    text: {encoding: cp1252, mend: [nan, wrapped, surrogates, control_characters]}
"""


def problems(text: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(ConfigError) as raised:
        parse_repairs(text, "repair.yaml")
    return [(each.line, each.path, each.message) for each in raised.value.problems]


def one(body: str) -> str:
    return f"version: 1\nname: own\nrepairs:\n  - name: first\n{body}"


def test_everything_of_the_language_is_read_and_in_the_schema() -> None:
    repairs = parse_repairs(WHOLE, "repair.yaml")
    assert [repair.name for repair in repairs.repairs] == ["texts", "bytes"]
    VALIDATOR.validate(YAML(typ="safe", pure=True).load(WHOLE))


def test_the_shipped_schema_is_up_to_date() -> None:
    assert repair_schema() == SCHEMA  # else: streamproc dead schema > schemas/repair.json


def test_the_fingerprint_is_of_what_is_done_not_of_how_it_is_written() -> None:
    repairs = parse_repairs(WHOLE, "repair.yaml")
    spelled = WHOLE.replace("[decode, plan]", "[plan, decode]").replace("name: all", "name:   all")
    assert parse_repairs(spelled, "other.yaml").fingerprint == repairs.fingerprint
    changed = WHOLE.replace("unit: seconds", "unit: microseconds")
    assert parse_repairs(changed, "repair.yaml").fingerprint != repairs.fingerprint


@pytest.mark.parametrize(
    ("body", "line", "path", "message"),
    [
        ("    steps: [{cats: {path: a, to: string}}]\n", 5, "repairs[0].steps[0].cats", "cast"),
        ("    steps: [{cast: {path: a, to: text}}]\n", 5, "repairs[0].steps[0].cast.to", "string"),
        ("    steps: [{cast: {path: a..b, to: string}}]\n", 5, "cast.path", "joined by dots"),
        ("    steps: [{cast: {path: 'a[0]', to: string}}]\n", 5, "cast.path", "joined by dots"),
        ("    steps: [{set: {path: 'a[*]', value: 1}}]\n", 5, "set.path", "expected a key"),
        ("    steps: [{replace: {path: a}}]\n", 5, "steps[0].replace", "a pattern and by"),
        ("    steps: [{replace: {path: a, pattern: '('}}]\n", 5, "pattern", "regular expression"),
        (
            "    steps: [{replace: {path: a, pattern: '(a+)+$', by: x}}]\n",
            5,
            "pattern",
            "takes more",
        ),
        ("    steps: [{}]\n", 5, "repairs[0].steps[0]", "expected one of cast, remove"),
        (
            "    when: {codes: [wrong_typ]}\n    steps: [{remove: {path: a}}]\n",
            5,
            "codes",
            "wrong_type?",
        ),
        (
            "    when: {stages: [load]}\n    steps: [{remove: {path: a}}]\n",
            5,
            "stages[0]",
            "expected",
        ),
        ("    text: {encoding: latin1}\n", 5, "text.encoding", "latin-1"),
        ("    where: {path: a}\n    steps: [{remove: {path: a}}]\n", 5, "where", "one test"),
        ("    when: {}\n", 4, "repairs[0]", "does nothing"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    body: str, line: int, path: str, message: str
) -> None:
    (found,) = problems(one(body))
    assert found[0] == line
    assert found[1].endswith(path)
    assert message in found[2]


def test_two_repairs_of_one_name_are_refused() -> None:
    twice = WHOLE.replace("name: bytes", "name: texts")
    assert problems(twice) == [(16, "repairs[1].name", "is the name of repairs[0] too")]


def test_a_file_that_is_not_yaml_is_told_with_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "repair.yaml"
    file.write_text("version: 1\nname: [own\n")
    with pytest.raises(ConfigError, match=r"repair\.yaml:\d+:\d+: "):
        load_repairs(file)
