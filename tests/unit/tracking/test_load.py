from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streamproc.errors import ConfigError, Problem
from streamproc.shipped import shipped
from streamproc.tracking import TrackingPlan, load_tracking_plan

PLAN = """\
version: 1
name: small
violations:
  unplanned_event: drop
  other: allow
events:
  track/signed_up:
    wrong_type: dead_letter
"""
SIGNED_UP = {"title": "Signed Up", "type": "object", "required": ["plan"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plan with one tracked event."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    write(tmp_path, "track/signed_up.json", SIGNED_UP)
    return tmp_path


def write(folder: Path, name: str, schema: object) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(schema if isinstance(schema, str) else json.dumps(schema, indent=1))


def problems(folder: Path) -> list[tuple[str, int | None, str, str]]:
    """Return file, line, path and message of each problem."""
    with pytest.raises(ConfigError) as caught:
        load_tracking_plan(folder)

    def told(problem: Problem) -> tuple[str, int | None, str, str]:
        file = str(Path(problem.source).relative_to(folder))
        return file, problem.line, problem.path, problem.message

    return [told(problem) for problem in caught.value.problems]


def test_a_plan_is_read_with_its_defaults(folder: Path) -> None:
    plan = load_tracking_plan(folder)

    assert (plan.name, plan.unplanned) == ("small", "drop")
    assert plan.types == {"track"}
    assert plan.events["track", "Signed Up"].actions == {
        "unplanned_event": "drop",
        "required_missing": "mark",
        "wrong_type": "dead_letter",
        "additional_property": "mark",
        "other": "allow",
    }


def test_the_shipped_example_is_in_order() -> None:
    plan = load_tracking_plan(shipped("schemas/events"))
    assert plan.types == {"track", "identify", "page", "screen", "group"}


def test_the_fingerprint_changes_with_the_plan_and_with_nothing_else(folder: Path) -> None:
    def fingerprint() -> str:
        return load_tracking_plan(folder).fingerprint

    first = fingerprint()
    (folder / "plan.yaml").write_text(f"# a remark\n{PLAN}")
    assert fingerprint() == first
    (folder / "plan.yaml").write_text(PLAN.replace("other: allow", "other: mark"))
    second = fingerprint()
    write(folder, "track/signed_up.json", {**SIGNED_UP, "required": []})
    assert len({first, second, fingerprint()}) == 3


def test_names_of_pages_and_all_pages_stand_side_by_side(folder: Path) -> None:
    write(folder, "page.json", {})
    write(folder, "page/home.json", {"title": "Home"})
    events = load_tracking_plan(folder).events
    assert {("page", None), ("page", "Home")} < events.keys()


def test_schemas_of_earlier_drafts_are_read(folder: Path) -> None:
    write(
        folder,
        "group.json",
        {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"x": {}}},
    )
    assert isinstance(load_tracking_plan(folder), TrackingPlan)


def test_every_problem_of_every_file_is_told_at_once(folder: Path) -> None:
    (folder / "plan.yaml").write_text(PLAN.replace("drop", "drpo").replace("other", "others"))
    write(folder, "track/signed_up.json", {"type": "objekt", "properties": {"a": {"type": 5}}})
    write(folder, "identify.json", '{"type":\n  object}')

    assert [problem[:3] for problem in problems(folder)] == [
        ("plan.yaml", 4, "violations.unplanned_event"),
        ("plan.yaml", 5, "violations.others"),
        ("identify.json", 2, ""),
        ("track/signed_up.json", 5, "properties.a.type"),
        ("track/signed_up.json", 2, "type"),
        ("track/signed_up.json", None, "title"),
    ]


@pytest.mark.parametrize(
    ("edit", "line", "path", "message"),
    [
        (("version: 1", "version: 2"), 1, "version", "expected 1"),
        (("name: small", "nam: small"), 2, "nam", "no such key; did you mean name?"),
        (("unplanned_event", "unplaned_event"), 4, "violations.unplaned_event", "unplanned_event?"),
        (("drop", "delete"), 4, "violations.unplanned_event", "'dead_letter'"),
        (
            ("track/signed_up", "track/signed_in"),
            7,
            "events.track/signed_in",
            "mean track/signed_up",
        ),
        (("wrong_type", "unplanned_event"), 8, "events.track/signed_up.unplanned_event", "no such"),
        (("name: small", "name: ["), 4, "", "is not YAML"),
    ],
)
def test_a_mistake_in_the_plan_is_told_with_its_line(
    folder: Path, edit: tuple[str, str], line: int, path: str, message: str
) -> None:
    (folder / "plan.yaml").write_text(PLAN.replace(*edit))

    found = problems(folder)

    assert ("plan.yaml", line, path) in [problem[:3] for problem in found]
    assert any(message in problem[3] for problem in found)


@pytest.mark.parametrize(
    ("schema", "line", "path", "message"),
    [
        ("[]", None, "", "expected a JSON Schema that is an object"),
        ("{", 1, "", "is not JSON"),
        ('{"title": "A", "title": "B"}', None, "", "has the key title twice"),
        ("[" * 100_000, None, "", "nested too deeply"),
        ({**SIGNED_UP, "format": "emial"}, 7, "format", "Unknown format"),
        ({**SIGNED_UP, "pattern": "(?=a)"}, 7, "pattern", "without look-around"),
        ({**SIGNED_UP, "$ref": "#/$defs/a"}, 1, "", "does not exist"),
        ({**SIGNED_UP, "$ref": "http://example.com/a"}, 1, "", "Retrieval is disabled"),
        ({**SIGNED_UP, "$schema": "http://example.com/a"}, 1, "", "Unknown meta-schema"),
        ({**SIGNED_UP, "title": 4}, None, "title", "expected the event's name"),
    ],
)
def test_a_mistake_in_a_schema_is_told(
    folder: Path, schema: Any, line: int | None, path: str, message: str
) -> None:
    write(folder, "track/signed_up.json", schema)

    found = problems(folder)

    assert all(problem[0] == "track/signed_up.json" for problem in found if "no " not in problem[3])
    assert any(problem[1:3] == (line, path) and message in problem[3] for problem in found), found


def test_two_schemas_of_one_event_are_refused(folder: Path) -> None:
    write(folder, "track/signup.json", SIGNED_UP)
    assert problems(folder) == [
        ("track/signup.json", None, "title", "is that of signed_up.json too")
    ]


@pytest.mark.parametrize(
    "name", ["track/a.yaml", "tracks/a.json", "identify/a.json", "track/a/b.json", "alias.json"]
)
def test_a_file_that_is_no_part_of_a_plan_is_refused(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("{}")
    ((file, _, _, message),) = problems(folder)
    assert file == name
    assert message.startswith("is no part of a plan")


def test_a_folder_without_schemas_or_without_a_plan_is_refused(folder: Path) -> None:
    (folder / "track/signed_up.json").unlink()
    assert "expected a schema" in problems(folder)[0][3]
    (folder / "plan.yaml").unlink()
    assert "cannot be read" in problems(folder)[0][3]
