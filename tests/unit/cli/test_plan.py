from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.cli import main
from streamproc.demo import Mix, generate
from streamproc.shipped import shipped

EXAMPLE = str(shipped("schemas/events"))
EMAIL = "jane@example.com"


def run(*arguments: str, events: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["plan", *arguments], input=events)


def lines(*events: dict[str, object]) -> bytes:
    return b"\n".join(orjson.dumps({"type": "track", "userId": EMAIL, **event}) for event in events)


def test_a_plan_in_order_says_so() -> None:
    told = run("check", EXAMPLE)
    assert (told.exit_code, told.output) == (0, "store is in order: 15 schemas.\n")


def test_a_plan_as_json_has_its_events() -> None:
    told = json.loads(run("check", EXAMPLE, "--json").output)
    assert told["name"] == "store"
    assert {"type": "track", "name": "Order Completed"} in told["events"]
    assert {"type": "page", "name": None} in told["events"]


def test_every_problem_of_a_plan_is_told(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("version: 2\nname: x\n")
    told = run("check", str(tmp_path))
    assert told.exit_code == 2
    assert "plan.yaml:1:10: version: expected 1" in told.output
    assert "expected a schema" in told.output


def test_the_plan_is_that_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no tracking plan is configured" in run("check").output
    monkeypatch.setenv("STREAMPROC_TRACKING_PLAN_DIRECTORY", EXAMPLE)
    assert run("check").exit_code == 0


def test_events_that_are_as_planned_are_counted() -> None:
    events = b"\n".join(made.value for made in generate(40, 2, Mix(malformed=0)))
    told = run("test", "--plan", EXAMPLE, events=events)
    assert (told.exit_code, told.stdout) == (0, "")
    assert told.stderr == "40 events, 0 not as planned.\n"


def wrong(path: str, code: str, action: str) -> dict[str, str]:
    return {"path": path, "code": code, "action": action}


def test_what_becomes_of_the_others_is_told_without_their_values(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(
        "version: 1\nname: x\nviolations: {wrong_type: dead_letter, required_missing: drop}\n"
    )
    (tmp_path / "track.json").write_text(
        '{"required": ["n"], "properties": {"n": {"type": "number"}}, "maxProperties": 1}'
    )
    events = lines(
        {"event": EMAIL, "properties": {"n": 1}},
        {"event": EMAIL, "properties": {"n": EMAIL}},
        {"event": EMAIL},
        {"event": EMAIL, "properties": {"n": 1, EMAIL: EMAIL}},
    )

    told = run("test", "--plan", str(tmp_path), events=events + b"\n\n{")

    assert told.exit_code == 1
    assert [json.loads(line) for line in told.stdout.splitlines()] == [
        {"line": line, "becomes": becomes, "violations": [violation]}
        for line, becomes, violation in (
            (2, "dead_letter", wrong("properties.n", "wrong_type", "dead_letter")),
            (3, "drop", wrong("properties.n", "required_missing", "drop")),
            (4, "row", wrong("properties", "other", "mark")),
            (6, "dead_letter", wrong("", "not_json", "dead_letter")),
        )
    ]
    assert EMAIL not in told.output
