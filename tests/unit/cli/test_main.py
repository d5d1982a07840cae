from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from redaction import RING

import streamproc
from streamproc.cli import COMMANDS, main
from streamproc.redact import write_key_ring

HEAVY = (
    "aiohttp",
    "confluent_kafka",
    "duckdb",
    "fastavro",
    "faust",
    "hyperscan",
    "presidio_analyzer",
    "pydantic",
    "rich",
    "spacy",
    "structlog",
)
"""Imported by some command, and none of it by a page of help."""

ASK_FOR_HELP = """
import json, sys
from streamproc.cli import COMMANDS, main

for command in ([], *([name] for name in COMMANDS)):
    main([*command, "--help"], standalone_mode=False)
print(json.dumps(sorted(sys.modules)))
"""

BAD_SETTINGS = "[worker]\nretries = 0\n"
BAD_RULES = "version: 1\nname: own\nentities: [EMAIL]\noperators: {default: redact}\nrules: []\n"

pytestmark = pytest.mark.usefixtures("own_logging")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def command(name: str) -> click.Command:
    assert isinstance(main, click.Group)
    found = main.get_command(click.Context(main), name)
    assert found is not None
    return found


def keep_rules(folder: Path, text: str) -> None:
    (folder / "rules").mkdir()
    (folder / "rules" / "own.yaml").write_text(text)


def keep_ring(folder: Path) -> None:
    file = folder / "ring.json"
    file.touch(mode=0o600)
    file.write_text(write_key_ring(RING.active, RING.secrets))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_says_what_the_list_says_of_it(name: str) -> None:
    found = command(name)

    assert found.name == name
    assert (found.help or "").splitlines()[0] == COMMANDS[name][1]


def test_help_lists_every_command_and_imports_none_of_what_they_need() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK_FOR_HELP], capture_output=True, text=True, check=True
    )
    *text, modules = done.stdout.splitlines()

    for name, (_, line) in COMMANDS.items():
        assert any(name in each and line in each for each in text)
    assert set(json.loads(modules)).isdisjoint(HEAVY)


def test_help_of_all_is_what_a_call_without_arguments_prints() -> None:
    assert run().output.strip() == run("-h").output.strip() == run("--help").output.strip()


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads(
        (Path(streamproc.__file__).parent.parent / "pyproject.toml").read_text()
    )["project"]

    assert run("--version").output.endswith(f" {project['version']}\n")


def test_a_command_that_there_is_not_is_told() -> None:
    result = run("wroker")

    assert result.exit_code == 2
    assert "No such command 'wroker'" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["worker"],
        ["load"],
        ["redact"],
        ["demo", "--count", "1"],
        ["topics", "apply"],
        ["topics", "show"],
        ["settings"],
    ],
    ids=" ".join,
)
def test_bad_settings_end_every_command_with_2_file_path_and_expectation(
    folder: Path, arguments: list[str]
) -> None:
    (folder / "streamproc.toml").write_text(BAD_SETTINGS)

    result = run(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "streamproc: 1 problem",
        "  streamproc.toml: worker.retries: expected 1 or more",
    ]


@pytest.mark.parametrize("name", ["worker", "redact"])
def test_bad_rules_end_a_command_with_2_file_path_and_expectation(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_rules(folder, BAD_RULES)
    keep_ring(folder)
    monkeypatch.setenv("STREAMPROC_RULES_DIRECTORY", "rules")
    monkeypatch.setenv("STREAMPROC_KEYS_FILE", "ring.json")

    result = run(name)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[0] == "streamproc: 1 problem"
    assert result.stderr.splitlines()[1].startswith(
        "  rules/own.yaml:3:12: entities[0]: no such entity"
    )


def test_a_worker_without_a_key_ring_ends_with_2_and_how_to_make_one() -> None:
    result = run("worker")

    assert result.exit_code == 2
    told = "no key ring is configured; make one with `streamproc keys generate`"
    assert result.stderr.splitlines() == [
        "streamproc: 1 problem",
        f"  settings: keys.file: {told}",
    ]


@pytest.mark.parametrize("name", ["worker", "redact"])
def test_a_key_ring_that_is_not_there_ends_a_command_with_2(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMPROC_KEYS_FILE", "none.json")

    result = run(name)

    assert result.exit_code == 2
    assert "  none.json: cannot be read: No such file or directory\n" in result.stderr


def test_every_problem_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_WORKER_RETRIES", "0")
    monkeypatch.setenv("STREAMPROC_WORKER_RETRYS", "1")

    result = run("settings")

    assert result.stderr.splitlines()[0] == "streamproc: 2 problems"
    assert len(result.stderr.splitlines()) == 3


def test_settings_of_another_file_are_used_where_one_is_named(folder: Path) -> None:
    (folder / "streamproc.toml").write_text(BAD_SETTINGS)
    (folder / "other.toml").write_text("[worker]\nretries = 7\n")

    result = run("--settings", "other.toml", "settings", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["worker.retries"] == {"value": 7, "source": "other.toml"}
