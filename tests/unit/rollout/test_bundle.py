from __future__ import annotations

from pathlib import Path

import pytest

from streamproc.errors import ConfigError
from streamproc.rollout import bundle
from streamproc.rollout.bundle import open_bundle, read_bundle
from streamproc.rules import load_ruleset
from streamproc.shipped import shipped

RULESET = """\
version: 1
name: own
entities: [{entity}]
operators: {{default: redact}}
"""

RECOGNIZER = """\
recognizers:
  - name: badge
    supported_entity: BADGE
    patterns: [{name: badge, regex: 'B-\\d{6}', score: 0.9}]
"""


def write(folder: Path, entity: str = "EMAIL_ADDRESS") -> Path:
    (folder / "own.yaml").write_text(RULESET.format(entity=entity))
    return folder


def test_what_is_opened_means_what_was_read() -> None:
    rules = shipped("rules")

    assert open_bundle(read_bundle(rules)).fingerprint == load_ruleset(rules).fingerprint


def test_recognizers_go_with_the_ruleset_those_shipped_too(tmp_path: Path) -> None:
    write(tmp_path, "BADGE").joinpath("recognizers").mkdir()
    (tmp_path / "recognizers" / "badges.yaml").write_text(RECOGNIZER)

    files = read_bundle(tmp_path)

    assert open_bundle(files).fingerprint == load_ruleset(tmp_path).fingerprint
    assert files["recognizers/badges.yaml"] == RECOGNIZER
    assert {file.name for file in shipped("rules/recognizers").glob("*.yaml")} < {
        name.rpartition("/")[2] for name in files
    }


def test_a_recognizer_file_in_the_place_of_a_shipped_one_is_the_one_taken(tmp_path: Path) -> None:
    name = next(shipped("rules/recognizers").glob("*.yaml")).name
    write(tmp_path).joinpath("recognizers").mkdir()
    (tmp_path / "recognizers" / name).write_text(RECOGNIZER)

    assert read_bundle(tmp_path)[f"recognizers/{name}"] == RECOGNIZER


@pytest.mark.parametrize("named", ["", "own.yaml"])
def test_lists_go_with_the_ruleset_that_names_them(tmp_path: Path, named: str) -> None:
    rule = "{name: r, fields: [a], entities: [EMAIL_ADDRESS], texts: {file: lists/a.txt}, "
    text = RULESET.format(entity="EMAIL_ADDRESS") + f"rules: [{rule}operator: keep}}]\n"
    (tmp_path / "own.yaml").write_text(text)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "a.txt").write_text("info@example.com\n")

    ruleset = open_bundle(read_bundle(tmp_path / named))

    assert ruleset.rules[0].texts == load_ruleset(tmp_path).rules[0].texts


def test_a_ruleset_is_known_by_its_folder_or_its_file(tmp_path: Path) -> None:
    write(tmp_path)

    assert read_bundle(tmp_path) == read_bundle(tmp_path / "own.yaml")


def test_tests_beside_a_ruleset_do_not_go_with_it(tmp_path: Path) -> None:
    write(tmp_path).joinpath("tests").mkdir()
    (tmp_path / "tests" / "cases.yaml").write_text("cases: []")

    assert not any("cases" in name for name in read_bundle(tmp_path))


def test_more_than_the_topic_takes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "MOST_BYTES", 1_000)

    with pytest.raises(ConfigError, match="at most 1,000 bytes"):
        read_bundle(write(tmp_path))


def test_problems_name_the_file_as_it_was_called(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        open_bundle({"own.yaml": "version: 1\nname: own\nentities: [E_MAIL]\noperators: {}\n"})

    assert (raised.value.problems[0].source, raised.value.problems[0].line) == ("own.yaml", 3)
    with pytest.raises(ConfigError) as raised:
        open_bundle({"own.yaml": "version: 2"}, str(tmp_path))
    assert raised.value.problems[0].source == str(tmp_path / "own.yaml")


@pytest.mark.parametrize("name", ["/etc/own.yaml", "../own.yaml", "a/../../own.yaml", ""])
def test_a_name_outside_the_folder_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="below the ruleset's folder"):
        open_bundle({name: "version: 1"})
