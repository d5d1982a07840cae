from __future__ import annotations

import re
from pathlib import Path

import pytest

from streamproc.effects.cases import MISSING, case_files, load_cases, parse_cases, value_at
from streamproc.errors import ConfigError

EVENT = "{type: track, event: A, userId: u-1, properties: {note: n}}"


def case(expect: str, event: str = EVENT) -> str:
    return f"- name: first\n  event: {event}\n  expect: {expect}\n"


@pytest.mark.parametrize(
    ("text", "path", "line", "message"),
    [
        pytest.param("a: b", "", None, "expected a list", id="no list"),
        pytest.param("- a", "[0]", 1, "expected keys with values", id="no case"),
        pytest.param("- name: a\n  event: {}", "[0].expect", 1, "is missing", id="no expectation"),
        pytest.param(case("{}"), "[0].expect", 3, "or dropped, or dead", id="nothing expected"),
        pytest.param(
            case("{dropped: a, dead: b}"), "[0].expect", 3, "or dropped, or dead", id="two outcomes"
        ),
        pytest.param(
            case("{values: {a: b}, dead: b}"), "[0].expect", 3, "or dropped", id="a dead row"
        ),
        pytest.param(
            case("{valeus: {a: b}}"), "[0].expect.valeus", 3, "did you mean values?", id="a slip"
        ),
        pytest.param(
            case("{manifest: [{pth: a, path: a, entity: A, rule: a, operator: a}]}"),
            "[0].expect.manifest[0].pth",
            3,
            "no such key; did you mean path?",
            id="an entry",
        ),
        pytest.param(
            case("{values: {a..b: 1}}"), "[0].expect.values.a..b", 3, "joined by dots", id="a path"
        ),
        pytest.param(
            case("{values: {a: {like: 1}}}"), "[0].expect.values.a", 3, "unchanged", id="a word"
        ),
        pytest.param(
            case("{values: {a: {matches: '(a+)+$'}}}"),
            "[0].expect.values.a",
            3,
            "takes more",
            id="slow",
        ),
        pytest.param(
            case("{values: {propertys.a: absent}}"),
            "[0].expect.values.propertys.a",
            3,
            "the event has nothing there",
            id="absent anyway",
        ),
        pytest.param(
            case("{values: {properties.title: unchanged}}"),
            "[0].expect.values.properties.title",
            3,
            "the event has nothing there",
            id="nothing that could change",
        ),
        pytest.param(
            case("{dead: a}", "{at: 2024-01-01}"), "[0].event", 2, "at is no JSON", id="a date"
        ),
        pytest.param(case("{dead: a}", "[1]"), "[0].event", 2, "an event's fields", id="a list"),
        pytest.param(
            case("{dead: a}") + case("{dead: a}"),
            "[1].name",
            4,
            "name of [0] too",
            id="a name twice",
        ),
    ],
)
def test_what_is_no_case_is_told_by_its_place(
    text: str, path: str, line: int | None, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_cases(text, "cases.yaml")

    problem = caught.value.problems[0]
    assert (problem.path, problem.source) == (path, "cases.yaml")
    assert message in problem.message
    assert line is None or problem.line == line


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("123456789012345678901234567890", "a is no JSON value"),
        ("[1, .nan]", "a[1] is no JSON value"),
        ("{b: -.inf}", "a.b is no JSON value"),
        (r'"\ud800"', "a is no JSON value"),
    ],
)
def test_an_event_that_no_record_can_hold_is_no_case(value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse_cases(case("{dead: a}", f"{{a: {value}}}"), "cases.yaml")


def test_an_event_that_aliases_nest_too_deeply_is_no_case() -> None:
    deeper = "".join(f"    a{at}: &a{at} [*a{at - 1}]\n" for at in range(1, 300))
    event = f"\n    a0: &a0 [1]\n{deeper}"

    with pytest.raises(ConfigError, match=r"\[0\]\.event: is nested too deeply"):
        parse_cases(case("{dead: a}", event), "cases.yaml")


def test_all_problems_of_a_file_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_cases(case("{}") + "- name: ''\n  event: 1\n  expect: {dead: a}\n", "cases.yaml")

    assert [problem.path for problem in caught.value.problems] == [
        "[0].expect",
        "[1].name",
        "[1].event",
    ]


def test_cases_that_are_no_yaml_are_told() -> None:
    with pytest.raises(ConfigError, match="is not YAML"):
        parse_cases("- [", "cases.yaml")


def test_a_case_knows_its_line() -> None:
    suite = parse_cases("# Two cases.\n\n" + case("{dead: a}").replace("first", "b"), "c.yaml")

    assert (suite.cases[0].name, suite.lines) == ("b", (3,))


def test_cases_are_beside_their_ruleset(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml", "tests/a.yaml", "tests/b.yaml", "tests/more.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(case("{dead: a}"), encoding="utf-8")

    files = case_files(tmp_path / "a.yaml")

    assert [file.name for file in files] == ["a.yaml", "more.yaml"]
    assert load_cases(files[0]).source == str(files[0])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a", {"b": [1, [2]]}),
        ("a.b[0]", 1),
        ("a.b[1][0]", 2),
        ("a.b[2]", MISSING),
        ("a.c", MISSING),
        ("a.b.c", MISSING),
        ("a[0]", MISSING),
        ("a.b[0].c", MISSING),
    ],
)
def test_what_is_at_a_path(path: str, value: object) -> None:
    assert value_at({"a": {"b": [1, [2]]}}, path) == value


def test_cases_in_yml_are_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "more.yml").write_text(case("{dead: a}"), encoding="utf-8")

    with pytest.raises(ConfigError, match=r"more\.yml: expected a name in \.yaml"):
        case_files(tmp_path / "rules.yaml")
