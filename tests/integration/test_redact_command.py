"""``streamproc redact``, in this process, and as one where that makes a difference."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import commands
import pytest
from commands import Done
from redaction import RING

from streamproc.redact import write_key_ring
from streamproc.settings import ENV_PREFIX
from streamproc.shipped import shipped

EMAIL = "jane@example.com"
ROBOTS = "  - {name: robots, entity: ROBOT, fields: [robot], operator: drop_event}"
EVENT = {"type": "track", "event": "Tested", "userId": "u", "properties": {"note": f"to {EMAIL}"}}


@pytest.fixture
def environment(tmp_path: Path, pytestconfig: pytest.Config) -> dict[str, str]:
    assert pytestconfig.cache
    ring = tmp_path / "ring.json"
    ring.touch(mode=0o600)
    ring.write_text(write_key_ring(RING.active, RING.secrets))
    return {
        "STREAMPROC_KEYS_FILE": str(ring),
        "STREAMPROC_WORKER_DIRECTORY": str(pytestconfig.cache.mkdir("patterns")),
    }


def run(environment: Mapping[str, str], *arguments: str | Path, given: bytes = b"") -> Done:
    folder = Path(environment["STREAMPROC_WORKER_DIRECTORY"])
    return commands.run(environment, folder, "redact", *arguments, given=given)


def process(environment: Mapping[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "streamproc", "redact", *arguments]
    return subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, env={**kept, **environment}
    )


def lines(output: bytes) -> list[Any]:
    return [json.loads(line) for line in output.splitlines()]


def jsonl(*events: Mapping[str, Any]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def test_lines_come_out_redacted_in_order(environment: dict[str, str]) -> None:
    events = [{**EVENT, "messageId": f"m-{number}"} for number in range(1_200)]
    done = run(environment, given=jsonl(*events))
    assert (done.returncode, done.stderr) == (0, b"")
    assert [event["messageId"] for event in lines(done.stdout)] == [e["messageId"] for e in events]
    assert EMAIL.encode() not in done.stdout


def test_a_file_is_read_and_the_manifest_stands_beside_the_event(
    environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(jsonl(EVENT))
    (line,) = lines(run(environment, "--manifest", file).stdout)
    assert line["event"]["properties"]["note"].startswith("to tok_k1_")
    assert [(entry["path"], entry["operator"]) for entry in line["manifest"]] == [
        ("properties.note", "hash")
    ]


def test_what_is_refused_is_told_without_values_and_the_exit_code_says_so(
    environment: dict[str, str],
) -> None:
    given = jsonl(EVENT) + b"\n" + f'{{"type": "{EMAIL}"}}\n'.encode() + jsonl(EVENT)
    done = run(environment, given=given)
    assert done.returncode == 3
    assert len(lines(done.stdout)) == 2
    (letter,) = lines(done.stderr)
    assert (letter["line"], letter["stage"], letter["code"]) == (3, "decode", "unknown_type")
    assert EMAIL.encode() not in done.stderr


def test_events_that_rules_drop_are_counted_rule_by_rule(
    environment: dict[str, str], tmp_path: Path
) -> None:
    rules = shipped("rules/default.yaml").read_text().replace("rules:", f"rules:\n{ROBOTS}", 1)
    (tmp_path / "rules.yaml").write_text(rules)
    done = run(environment, "--rules", tmp_path, given=jsonl(EVENT, {**EVENT, "robot": "yes"}))
    assert (done.returncode, len(lines(done.stdout))) == (0, 1)
    assert lines(done.stderr) == [{"rule": "robots", "dropped": 1}]


def test_without_a_key_ring_one_is_made_and_told(environment: dict[str, str]) -> None:
    del environment["STREAMPROC_KEYS_FILE"]
    done = run(environment, given=jsonl(EVENT))
    assert done.returncode == 0
    assert b"No key ring is configured" in done.stderr


def test_keys_of_one_run_leave_nothing_in_the_store_of_people_s_keys(
    environment: dict[str, str], tmp_path: Path
) -> None:
    rules = shipped("rules/default.yaml").read_text()
    per_subject = "EMAIL_ADDRESS: {encrypt: {per_subject: true}}"
    (tmp_path / "rules.yaml").write_text(rules.replace("EMAIL_ADDRESS: hash", per_subject))
    store = tmp_path / "subjects.db"
    environment = {**environment, "STREAMPROC_KEYS_SUBJECTS": str(store)}
    del environment["STREAMPROC_KEYS_FILE"]
    done = run(environment, "--rules", tmp_path, given=jsonl(EVENT))
    (event,) = lines(done.stdout)
    assert event["properties"]["note"].startswith("to enc_k1_")
    assert not store.exists()


def test_rules_that_are_wrong_are_told_and_nothing_is_read(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text("version: 1\nname: x\nentities: [EMAIL]\n")
    done = run(environment, "--rules", tmp_path, given=jsonl(EVENT))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"rules.yaml:3:12: entities[0]: no such entity" in done.stderr


def test_a_file_that_is_not_there_is_told(environment: dict[str, str]) -> None:
    done = run(environment, "none.jsonl")
    assert done.returncode == 2
    assert b"none.jsonl" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_reader_that_has_enough_ends_it_quietly(
    environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(jsonl(EVENT) * 5_000)
    with process(environment, str(file)) as command:
        assert command.stdout
        assert command.stderr
        assert command.stdout.readline()
        command.stdout.close()
        assert command.stderr.read() == b""


def test_the_same_events_are_redacted_the_same_whatever_stands_beside_them(
    environment: dict[str, str],
) -> None:
    notes = ("call {} back tomorrow please", "{}", "/u/{}?e={}", "it is <{}>, or {}")
    events = [
        {
            **EVENT,
            "messageId": f"m-{number}",
            "properties": {"note": note.format(who, who), who: [who], "name": "Jane Doe"},
        }
        for number, (note, who) in enumerate(product(notes, (EMAIL, "Jane Doe", "192.0.2.7")))
    ]
    given = [json.dumps(event).encode() + b"\n" for event in events]
    other = b"".join(reversed(given * 60))
    first, second = (
        process({**environment, "PYTHONHASHSEED": seed}, "--manifest").communicate(stream, 120)[0]
        for seed, stream in (("1", b"".join(given)), ("2", other))
    )
    assert first
    assert second.splitlines()[-len(given) :] == first.splitlines()[::-1]
