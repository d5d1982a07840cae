"""``streamproc dead`` where no broker is asked."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from commands import Done, run

from streamproc.cli.dead import COMMANDS, dead
from streamproc.deadletters import generate_key_pair
from streamproc.shipped import shipped


def asked(folder: Path, *arguments: str | Path, audit: bool = True) -> Done:
    variables = {"STREAMPROC_KAFKA_BROKERS": "127.0.0.1:1"}
    if audit:
        variables["STREAMPROC_AUDIT_FILE"] = str(folder / "audit.log")
    return run(variables, folder, "dead", *arguments)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_says_what_the_list_says_of_it(name: str) -> None:
    found = dead.get_command(click.Context(dead), name)
    assert found is not None
    assert found.name == name
    assert (found.help or "").splitlines()[0] == COMMANDS[name][1]


def test_the_schema_that_is_printed_is_the_shipped_one(tmp_path: Path) -> None:
    written = shipped("schemas/repair.json").read_text(encoding="utf-8")
    assert json.loads(asked(tmp_path, "schema").stdout) == json.loads(written)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "17"], "expected a partition and an offset, such as 3-1042"),
        (["open", "0-1", "--reason", " ", "--force"], "expected 1 to 500 characters"),
        (["open", "0-1", "--reason", "x" * 501, "--force"], "expected 1 to 500 characters"),
        (["open", "0-1"], "Missing option '--reason'"),
        (["replay"], "say which letters: by ids, --code and the like, or --all"),
        (["replay", "--all", "--rate", "0"], "0 is not in the range"),
        (["purge", "--reason", "old"], "Missing option '--before'"),
        (["repair", "no-such-file.yaml"], "'no-such-file.yaml' does not exist"),
    ],
)
def test_what_is_asked_for_wrongly_is_told(tmp_path: Path, arguments: list[str], told: str) -> None:
    done = asked(tmp_path, *arguments)
    assert done.returncode == 2
    assert told in " ".join(done.stderr.decode().split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["open", "0-1", "--reason", "ticket 7", "--force"],
        ["replay", "--all"],
        ["purge", "--before", "2026-01-01", "--reason", "old"],
    ],
)
def test_nothing_is_done_without_an_audit_log(tmp_path: Path, arguments: list[str]) -> None:
    done = asked(tmp_path, *arguments, audit=False)
    assert done.returncode == 2
    assert b"audit.file: no audit log is configured" in done.stderr


def test_files_of_private_keys_are_told_apart_from_others(tmp_path: Path) -> None:
    good, open_to_all, other = tmp_path / "good", tmp_path / "open", tmp_path / "other"
    for file in (good, open_to_all, other):
        file.touch(0o600)
        file.write_text(generate_key_pair().private)
    open_to_all.chmod(0o640)
    other.write_text("not a key")
    missing = tmp_path / "missing"

    def told(file: Path) -> str:
        return asked(tmp_path, "replay", "--all", "--private-key", file).stderr.decode()

    assert "others may read it; run chmod 600 on it" in told(open_to_all)
    assert "expected base64 of 32 bytes" in told(other)
    assert "cannot be read: No such file or directory" in told(missing)
