"""Every code that can end up in a dead letter is explained."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import streamproc
from streamproc.deadletters.causes import CAUSES, advice_on, path_family
from streamproc.decode import CODES
from streamproc.errors import Stage
from streamproc.tracking import Code

SOURCES = Path(streamproc.__file__).parent


def calls() -> Iterator[ast.Call]:
    for file in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "EventError":
                yield node


def constants(node: ast.expr) -> list[str]:
    found = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
    return [each for each in found if isinstance(each, str)]


def raised() -> set[tuple[str, str]]:
    """Return stage and code of every EventError of the code base that says both by itself."""
    found = set()
    for call in calls():
        stages, codes = constants(call.args[0]), constants(call.args[1])
        found |= {(stage, code) for stage in stages for code in codes}
    return found


def of_transformations() -> set[tuple[str, str]]:
    """Return the codes that a transformation's process answers with."""
    tree = ast.parse((SOURCES / "transform" / "child.py").read_text(encoding="utf-8"))
    lists = [node for node in ast.walk(tree) if isinstance(node, ast.List) and node.elts]
    failed = [each for each in lists if constants(each.elts[0]) == ["failed"]]
    runner = {("transform", "timed_out"), ("transform", "process_ended")}
    return runner | {("transform", code) for each in failed for code in constants(each.elts[2])}


def test_every_code_of_every_stage_has_a_meaning_and_a_remedy() -> None:
    plan = {("plan", code) for code in get_args(Code)}
    decode = {("decode", code) for code in CODES}
    everything = raised() | of_transformations() | plan | decode
    assert len(everything) > 30
    assert everything - CAUSES.keys() == set()


def test_no_code_is_explained_that_nothing_raises() -> None:
    plan = {("plan", code) for code in get_args(Code)}
    decode = {("decode", code) for code in CODES}
    known = raised() | of_transformations() | plan | decode
    explained = {each for each in CAUSES if each[1] != "internal_error"}
    assert explained - known == set()


def test_stages_are_those_of_errors() -> None:
    assert {stage for stage, _ in CAUSES} <= set(get_args(Stage))


def test_what_is_said_fits_a_line_and_is_one_clause() -> None:
    for meaning, remedy in CAUSES.values():
        assert 5 < len(meaning) < 110
        assert 10 < len(remedy) < 110
        assert not meaning.endswith(".")
        assert not remedy.endswith(".")


def test_a_code_of_a_newer_version_is_said_to_be_unknown() -> None:
    assert "does not know" in advice_on("decode", "from_the_future").meaning


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("properties.products[0].sku", "properties.products[*].sku"),
        ("a[1][22].b[3]", "a[*][*].b[*]"),
        ("userId", "userId"),
        ("", ""),
        ("prices.py:12 KeyError", "prices.py:12 KeyError"),
    ],
)
def test_items_of_a_list_are_one_family(path: str, family: str) -> None:
    assert path_family(path) == family
