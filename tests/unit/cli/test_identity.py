from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from streamproc.cli import main
from streamproc.shipped import shipped


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["identity", *arguments])


def test_the_shipped_configuration_is_in_order() -> None:
    told = run("check")

    assert told.exit_code == 0
    assert told.output.startswith("In order: 1 trait, ")


def test_every_problem_of_a_configuration_is_told(tmp_path: Path) -> None:
    file = tmp_path / "identity.yaml"
    file.write_text("version: 2\nlimits: {ids_per_person: none}\n")

    told = run("check", str(file))
    assert told.exit_code == 2
    assert told.stderr.splitlines() == [
        "streamproc: 2 problems",
        f"  {file}:1:10: version: expected 1",
        f"  {file}:2:26: limits.ids_per_person: expected a whole number",
    ]
    plain = run("check", str(file), "--json")
    assert plain.exit_code == 2
    assert [each["line"] for each in json.loads(plain.output)["problems"]] == [1, 2]


def test_a_configuration_in_order_is_told_as_json() -> None:
    told = json.loads(run("check", "--json").output)

    assert (told["in_order"], told["traits"]) == (True, ["email"])


def test_the_schema_is_the_one_that_is_shipped() -> None:
    written = shipped("schemas/identity.json").read_text(encoding="utf-8")

    assert run("schema").output == written


def test_somebody_is_named_by_a_token_or_by_what_the_configuration_knows() -> None:
    told = run("show", "jane@example.com")

    assert told.exit_code == 2
    assert "expected a token, or one of user, device, account, email with = and its value" in (
        told.output
    )
    assert "jane" not in told.output


EVENTS = [
    {"type": "page", "anonymousId": "laptop"},
    {"type": "identify", "userId": "u-1", "anonymousId": "laptop"},
    {"type": "group", "userId": "u-1", "groupId": "acme"},
    {"type": "track", "event": "Seen", "anonymousId": "null"},
    {"type": "track"},
]


def test_whom_events_belong_to_is_tried_without_a_broker_and_without_a_value(
    tmp_path: Path,
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, EVENTS)))

    told = run("try", str(file), "--json")
    assert told.exit_code == 3
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert [(row["then"], row["by"], row["account"], row["in_the_end"]) for row in rows] == [
        ("identity 1", "anonymous_id", "", "identity 2"),
        ("identity 2", "user_id", "", "identity 2"),
        ("identity 2", "user_id", "account 1", "identity 2"),
        ("", "none", "", ""),
    ]
    assert told.stderr.splitlines() == [
        "line 5: missing_field at userId",
        "1 ids, traits or accounts named nobody: generic.",
    ]
    shown = run("try", str(file)).output
    assert "4 events, 1 identity." in shown
    assert not any(value in shown for value in ("laptop", "u-1", "acme"))
