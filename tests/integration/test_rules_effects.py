"""``streamproc rules test``, ``explain`` and ``diff``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import commands
import pytest
from brokers import Broker
from commands import Done

from streamproc.canaries.leaks import Finder
from streamproc.demo import generate
from streamproc.shipped import shipped

RULES = """\
version: 1
name: own
entities: [EMAIL_ADDRESS]
operators: {default: replace}
rules:
  - {name: notes, fields: ["**.note"], entity: NOTE, operator: redact}
"""
EVENT = '{"type": "track", "event": "A", "userId": "u-1", "properties": {"%s": "jane@example.com"}}'
CASE = """\
- name: notes are left out
  event: {type: track, event: A, userId: u-1, properties: {note: Jane}}
  expect: {values: {properties.note: %s}}
"""


@pytest.fixture
def environment(pytestconfig: pytest.Config) -> dict[str, str]:
    assert pytestconfig.cache
    return {"STREAMPROC_WORKER_DIRECTORY": str(pytestconfig.cache.mkdir("patterns"))}


def run(
    environment: Mapping[str, str], folder: Path, *arguments: str | Path, given: bytes = b""
) -> Done:
    return commands.run(environment, folder, "rules", *arguments, given=given)


def write(folder: Path, rules: str = RULES, cases: str | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "rules.yaml").write_text(rules)
    if cases is not None:
        (folder / "tests").mkdir()
        (folder / "tests" / "rules.yaml").write_text(cases)
    return folder


# -- test ------------------------------------------------------------------------------------------


def test_the_shipped_rules_pass_their_cases_and_all_are_reached(
    environment: dict[str, str], tmp_path: Path
) -> None:
    done = run(environment, tmp_path, "test", shipped("rules"), "--cover", "--json")

    told = json.loads(done.stdout)
    assert (done.returncode, told["coverage"]["not_reached"]) == (0, []), told
    assert all(case["passed"] for case in told["cases"])


def test_a_case_that_fails_is_shown_with_its_line_and_written_for_machines(
    environment: dict[str, str], tmp_path: Path
) -> None:
    place = write(tmp_path / "own", cases=CASE % "unchanged")
    done = run(environment, tmp_path, "test", place, "--junit", "report.xml")

    assert done.returncode == 1
    assert b"own/tests/rules.yaml:1: notes are left out" in done.stdout
    assert b'expected  unchanged: "Jane"\n    got       ""' in done.stdout
    (failure,) = ET.parse(tmp_path / "report.xml").getroot().iter("failure")
    assert "properties.note" in str(failure.get("message"))


def test_a_rule_that_no_case_reaches_fails_only_when_told_to(
    environment: dict[str, str], tmp_path: Path
) -> None:
    cases = "- {name: any, event: {}, expect: {dead: missing_type}}"
    place = write(tmp_path / "own", cases=cases)

    told = run(environment, tmp_path, "test", place)
    covered = run(environment, tmp_path, "test", place, "--cover")

    assert (told.returncode, covered.returncode) == (0, 1)
    assert b"Not reached: notes." in told.stdout


@pytest.mark.parametrize(
    ("cases", "told"),
    [(None, b"no cases"), ("- {}", b"[0].name: is missing"), ("- [", b"is not YAML")],
)
def test_cases_that_are_none_are_told_and_nothing_runs(
    environment: dict[str, str], tmp_path: Path, cases: str | None, told: bytes
) -> None:
    done = run(environment, tmp_path, "test", write(tmp_path / "own", cases=cases))

    assert (done.returncode, told in done.stderr) == (2, True), done.stderr


# -- explain ---------------------------------------------------------------------------------------


def test_an_event_is_explained_without_its_values(
    environment: dict[str, str], tmp_path: Path
) -> None:
    event = (EVENT % "mail").encode()

    told = run(environment, tmp_path, "explain", given=event)
    made = run(environment, tmp_path, "explain", "--json", "--path", "properties", given=event)

    (field,) = json.loads(made.stdout)["fields"]
    assert (told.returncode, made.returncode) == (0, 0)
    assert b"aaaa@aaaaaaa.aaa" in told.stdout
    assert (field["path"], field["pieces"][0]["operator"]) == ("properties.mail", "hash")
    assert b"jane" not in told.stdout + told.stderr + made.stdout + made.stderr


def test_what_is_no_event_is_explained_too(environment: dict[str, str], tmp_path: Path) -> None:
    done = run(environment, tmp_path, "explain", given=b'{"type": "jane"}')

    assert (done.returncode, b"unknown_type" in done.stdout) == (3, True)
    assert b"jane" not in done.stdout + done.stderr


# -- diff ------------------------------------------------------------------------------------------


def compared(
    environment: Mapping[str, str], folder: Path, after: str, *arguments: str, given: bytes
) -> tuple[int, dict[str, Any]]:
    before, then = write(folder / "before"), write(folder / "after", after)
    done = run(environment, folder, "diff", before, then, *arguments, "--json", given=given)
    assert done.returncode in {0, 1}, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_path_that_one_event_in_ten_thousand_has_is_named(
    environment: dict[str, str], tmp_path: Path
) -> None:
    lines = [EVENT % "mail"] * 9_999 + [EVENT.replace("%s", "note")]
    lines.insert(7_000, lines.pop())
    given = "\n".join(lines).encode()
    without = RULES[: RULES.index("rules:")]
    kept = without + (
        "rules: [{name: ours, fields: ['**.note'], entities: [EMAIL_ADDRESS], operator: keep}]"
    )

    code, made = compared(environment, tmp_path, kept, "--events", "-", given=given)

    assert (code, made["events"]) == (1, 10_000)
    (change,) = made["changes"]
    assert (change["kind"], change["path"]) == ("exposed", "properties.note")
    assert (change["values"], change["events"]) == (1, 1)


def test_nothing_is_less_protected_by_the_same_rules(
    environment: dict[str, str], tmp_path: Path
) -> None:
    given = (EVENT % "note").encode()
    code, made = compared(environment, tmp_path, RULES, "--events", "-", given=given)

    assert (code, made["changes"], made["less_protected"]) == (0, [], False)


def test_no_value_of_many_events_is_told(environment: dict[str, str], tmp_path: Path) -> None:
    records = list(generate(400, 3))
    given = b"\n".join(record.value.replace(b"\n", b" ") for record in records)
    (tmp_path / "events.jsonl").write_bytes(given)
    place = write(tmp_path / "own")
    outputs = []
    for rules in ((shipped("rules"), place), (place, shipped("rules"))):
        for form in ([], ["--json"]):
            done = run(environment, tmp_path, "diff", *rules, "--events", "events.jsonl", *form)
            assert done.returncode in {0, 1}
            outputs += [done.stdout, done.stderr]
    finder = Finder([each for record in records for each in record.planted])

    assert b"exposed" in b"".join(outputs)
    assert [finder.find(output) for output in outputs] == [[]] * 8


@pytest.mark.parametrize("arguments", [[], ["--events", "-", "--topic", "t"]])
def test_events_come_from_one_place(
    environment: dict[str, str], tmp_path: Path, arguments: list[str]
) -> None:
    place = write(tmp_path / "own")

    done = run(environment, tmp_path, "diff", place, place, *arguments)

    assert (done.returncode, b"either --events or --topic" in done.stderr) == (2, True)


def test_all_problems_of_both_rulesets_are_told(
    environment: dict[str, str], tmp_path: Path
) -> None:
    one, other = (write(tmp_path / name, "version: 2") for name in ("one", "other"))

    done = run(environment, tmp_path, "diff", one, other, "--events", "-")

    assert done.returncode == 2
    assert b"one/rules.yaml" in done.stderr
    assert b"other/rules.yaml" in done.stderr


@pytest.mark.kafka
def test_the_last_records_of_a_topic_are_compared_beside_its_readers(
    environment: dict[str, str], tmp_path: Path, kafka: Broker
) -> None:
    topic = kafka.topics("diff").raw
    lines = [EVENT % name for name in ("note", "mail", "mail", "mail")]
    kafka.produce(topic, [(None, line.encode(), 0) for line in lines] + [(None, b"{", 1)])
    own = environment | {"STREAMPROC_KAFKA_BROKERS": kafka.bootstrap}
    without = RULES[: RULES.index("rules:")] + "rules: []\n"

    code, made = compared(own, tmp_path, without, "--topic", topic, "--sample", "3", given=b"")
    whole_code, whole = compared(own, tmp_path, without, "--topic", topic, given=b"")

    assert (code, made["events"], made["refused"]) == (0, 3, {"not_json": 1})
    assert (whole_code, whole["events"]) == (1, 4)
    assert whole["changes"][0]["kind"] == "weakened"
