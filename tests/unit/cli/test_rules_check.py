import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli import main
from streamproc.cli.rules import COMMANDS

OWN = """\
# ours
version: 1
name: own
entities: [EMAIL_ADDRESS,  PERSON]
operators: {default: replace}
rules:
  - {name: one, fields: ["**.email"], entity: EMAIL_ADDRESS, operator: hash}
  - {name: two, fields: [context.email], entity: EMAIL_ADDRESS, operator: hash} # why?
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ruleset with a rule that never decides, in an otherwise empty working folder."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "own.yaml"
    place.write_text(OWN)
    return place


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["rules", *map(str, arguments)])


def test_help_lists_every_command_and_each_has_its_own() -> None:
    text = run("--help").output
    for name in COMMANDS:
        assert name in text
        assert f"rules {name} " in run(name, "--help").output


def test_warnings_are_told_and_the_ruleset_is_in_order(file: Path) -> None:
    done = run("check", file)
    assert done.exit_code == 0
    assert f"warning: {file}:8:5: rules[1]: never decides a value: one does" in done.output
    assert done.output.splitlines()[-1] == "own is in order: 2 rules, 1 warning."


def test_strict_ends_with_1_where_there_are_warnings(file: Path) -> None:
    assert run("check", "--strict", file).exit_code == 1
    file.write_text(OWN.partition("  - {name: two")[0])
    assert run("check", "--strict", file).exit_code == 0


def test_errors_end_with_2_and_all_of_them_are_told(file: Path) -> None:
    file.write_text(OWN.replace("name: own", "name: Own").replace("hash}", "hsh}"))
    done = run("check", file)
    assert done.exit_code == 2
    lines = done.output.splitlines()
    assert lines[0] == "streamproc: 3 problems"
    assert [line.split(": ")[0].rpartition("/")[2] for line in lines[1:]] == [
        "own.yaml:3:7",
        "own.yaml:7:72",
        "own.yaml:8:75",
    ]


def test_as_json_errors_and_warnings_have_their_places(file: Path) -> None:
    told = json.loads(run("check", "--json", file).output)
    (warning,) = told["warnings"]
    assert (told["in_order"], told["rules"], told["left_to_default"]) == (
        True,
        2,
        ["EMAIL_ADDRESS", "PERSON"],
    )
    assert (warning["line"], warning["column"], warning["path"]) == (8, 5, "rules[1]")
    file.write_text(OWN.replace("version: 1", "version: 2"))
    done = run("check", "--json", file)
    assert done.exit_code == 2
    told = json.loads(done.output)
    assert (told["in_order"], told["problems"][0]["line"]) == (False, 2)


def test_names_of_events_are_held_against_the_tracking_plan(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = file.parent / "plan"
    (plan / "track").mkdir(parents=True)
    (plan / "plan.yaml").write_text("version: 1\nname: store\n")
    (plan / "track" / "ordered.json").write_text('{"title": "Ordered"}')
    monkeypatch.setenv("STREAMPROC_TRACKING_PLAN_DIRECTORY", str(plan))
    file.write_text(OWN.replace("name: one,", "name: one, events: [Ordred],"))
    assert "no event of the tracking plan; did you mean Ordered?" in run("check", file).output


def test_a_key_store_that_is_not_configured_is_told(file: Path) -> None:
    file.write_text(OWN.replace("operator: hash} #", "operator: {encrypt: {per_subject: true}}} #"))
    done = run("check", file)
    assert done.exit_code == 2
    assert "keys.subjects names no store" in done.output


def test_fmt_writes_the_layout_once_and_keeps_comments(file: Path) -> None:
    file.chmod(0o640)
    assert run("fmt", "--check", file).exit_code == 1
    assert file.read_text() == OWN
    assert run("fmt", file).exit_code == 0
    assert file.read_text() == OWN.replace(",  PERSON", ", PERSON")
    assert file.stat().st_mode & 0o777 == 0o640
    assert run("fmt", "--check", file).exit_code == 0
    assert [each.name for each in file.parent.iterdir()] == ["own.yaml"]


def test_fmt_lays_out_the_file_that_a_link_leads_to(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "rules.yaml"
    link.parent.mkdir()
    link.symlink_to(file)

    assert run("fmt", link).exit_code == 0
    assert link.is_symlink()
    assert file.read_text() == OWN.replace(",  PERSON", ", PERSON")


def test_fmt_of_what_is_no_yaml_changes_nothing(file: Path) -> None:
    file.write_text("version: [")
    assert run("fmt", file).exit_code == 2
    assert file.read_text() == "version: ["


def test_fmt_without_rules_of_ones_own_is_told(file: Path) -> None:
    done = run("fmt")
    assert done.exit_code == 2
    assert "name the one to lay out" in done.output
    assert file.read_text() == OWN


def test_the_schema_is_printed_as_json() -> None:
    assert json.loads(run("schema").output)["properties"]["version"]["const"] == 1
