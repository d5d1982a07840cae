from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from avro_bodies import record_of
from commands import Done
from commands import run as run_command

from streamproc.cli.schemas.sources import COMPATIBILITY
from streamproc.formats import MODES

BEFORE = record_of(type="string", userId="string")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of schemas of raw events, and one of what they were before."""
    now, before = tmp_path / "now", tmp_path / "before"
    for folder in (now, before):
        folder.mkdir()
    (before / "event.avsc").write_text(json.dumps(BEFORE))
    return now, before


def run(folder: Path, *arguments: str | Path, **variables: str) -> Done:
    settings = {"STREAMPROC_FORMATS_SCHEMAS": str(folder), **variables}
    return run_command(settings, folder, "schemas", *arguments)


def found(done: Done) -> Any:
    (subject,) = json.loads(done.stdout)["subjects"]
    return subject


def test_a_field_without_a_default_is_in_the_way(folders: tuple[Path, Path]) -> None:
    now, before = folders
    (now / "event.avsc").write_text(json.dumps(record_of(**fields(), plan="string")))

    done = run(now, "check", "events.raw-value", "--against", before, "--json")

    assert done.returncode == 1
    assert found(done)["result"] == "incompatible"
    (problem,) = found(done)["problems"]
    assert problem["path"] == "plan"
    assert problem["direction"] == "backward"
    assert problem["message"] == "was not written, and has no default"


def fields() -> dict[str, str]:
    return {"type": "string", "userId": "string"}


def test_the_mode_says_which_way_counts(folders: tuple[Path, Path]) -> None:
    now, before = folders
    (now / "event.avsc").write_text(json.dumps(record_of(**fields(), plan="string")))
    against = ("check", "events.raw-value", "--against", before)

    assert run(now, *against, "--mode", "forward").returncode == 0
    assert run(now, *against, "--mode", "full").returncode == 1
    assert run(now, *against, "--mode", "NONE").returncode == 0


def test_tables_tell_subjects_and_then_fields(folders: tuple[Path, Path]) -> None:
    now, before = folders
    (now / "event.avsc").write_text(json.dumps(record_of(type="string", userId="long")))

    told = run(now, "check", "--against", before).stdout.decode()

    assert "events.raw-value      " in told
    assert "warehouse.load-value" in told
    assert "string was written, long is expected" in told


def test_schemas_without_an_earlier_version_are_new(folders: tuple[Path, Path]) -> None:
    now, before = folders
    (now / "another.avsc").write_text(json.dumps(BEFORE))
    done = run(now, "check", "events.raw-value", "--against", before, "--json")
    assert (done.returncode, found(done)["result"]) == (0, "new")


def test_changes_are_told_and_none_is_0(folders: tuple[Path, Path]) -> None:
    now, before = folders
    (now / "event.avsc").write_text(json.dumps(BEFORE))
    against = ("diff", "events.raw-value", "--against", before)
    assert run(now, *against).returncode == 0

    (now / "event.avsc").write_text(json.dumps(record_of(type="string", userId="long")))
    done = run(now, *against)
    assert done.returncode == 1
    assert done.stdout.decode().splitlines()[1].split() == [
        "events.raw-value", str(before / "event.avsc"), "userId", "changed", "string", "long",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check"], "no schema registry is named; expected one, or --against"),
        (["push"], "no schema registry is named"),
        (["diff", "nobodys-value"], "no schema belongs under it; expected one of warehouse.load"),
    ],
)
def test_what_is_missing_is_told(
    folders: tuple[Path, Path], arguments: list[str], told: str
) -> None:
    done = run(folders[1], *arguments)
    assert done.returncode == 2
    assert told in done.stderr.decode()


def test_two_schemas_under_one_subject_are_refused_and_the_way_out_is_told(
    folders: tuple[Path, Path],
) -> None:
    now, before = folders
    for name in ("One", "Other"):
        (now / f"{name}.avsc").write_text(json.dumps({**BEFORE, "name": name}))

    done = run(now, "check", "--against", before)
    assert done.returncode == 2
    assert "set registry.subjects to topic_record" in done.stderr.decode()

    done = run(
        now, "check", "--against", before, "--json", STREAMPROC_REGISTRY_SUBJECTS="topic_record"
    )
    subjects = [each["subject"] for each in json.loads(done.stdout)["subjects"]]
    assert subjects[-2:] == ["events.raw-example.One", "events.raw-example.Other"]


def test_the_command_line_has_every_mode() -> None:
    assert [each.upper() for each in COMPATIBILITY] == list(MODES)
