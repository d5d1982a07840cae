from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli import main

CODE = "def transform_event(event, metadata):\n  log('seen')\n  return event\n"
CASES = """
- name: as it came
  event: {type: track, event: Seen, userId: u-1}
  expect: {values: {event: %s}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for room in ("after", "before", "tests"):
        (tmp_path / room).mkdir()
    (tmp_path / "after" / "own.py").write_text(CODE)
    return tmp_path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["transform", *map(str, arguments)], catch_exceptions=False)


def test_transformations_are_listed_in_their_order(folder: Path) -> None:
    (folder / "after" / "also.py").write_text("def transform_batch(events, m):\n  return events\n")

    told = json.loads(run("check", folder, "--json").stdout)

    assert [each["name"] for each in told["transformations"]] == ["also", "own"]
    assert told["transformations"][0] | {"name": ""} == {
        "name": "",
        "phase": "after",
        "function": "transform_batch",
    }


def test_what_cannot_be_imported_is_told_with_its_line(folder: Path) -> None:
    (folder / "after" / "own.py").write_text("\nimport nothing_of_the_kind\n" + CODE)

    result = run("check", folder)

    assert result.exit_code == 2
    assert f"{folder}/after/own.py:2: cannot be imported: ModuleNotFoundError" in result.stderr


def test_one_of_raw_events_has_to_be_named_by_the_rules(folder: Path) -> None:
    (folder / "before" / "raw.py").write_text(CODE)

    result = run("check", folder)

    assert result.exit_code == 2
    assert "raw_transformations of default does not name it" in result.stderr


@pytest.mark.parametrize(("wanted", "code"), [("Seen", 0), ("Other", 1)])
def test_cases_end_as_their_outcome_tells(folder: Path, wanted: str, code: int) -> None:
    (folder / "tests" / "own.yaml").write_text(CASES % wanted)
    report = folder / "report.xml"

    result = run("test", folder, "--json", "--junit", report)

    assert result.exit_code == code
    assert json.loads(result.stdout)["passed"] is (code == 0)
    assert 'name="streamproc transform test"' in report.read_text()
    assert ("<failure" in report.read_text()) is bool(code)


def test_what_is_logged_is_shown_where_it_is_asked_for(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "tests" / "own.yaml").write_text(CASES % "Seen")
    for options in ((), ("--log",)):
        assert run("test", folder, *options).exit_code == 0
    assert capfd.readouterr().out.count("seen") == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [(["test"], "tests: no cases"), (["check"], "transform.directory: no folder")],
)
def test_what_is_missing_is_told(folder: Path, arguments: list[str], problem: str) -> None:
    result = run(*arguments, *([folder] if arguments == ["test"] else []))

    assert result.exit_code == 2
    assert problem in result.stderr
