"""Rulesets that are refused, in ``refused_rules/``: ``# <-- here`` ends each line that is wrong.

``expected.txt`` has what is told of each, written anew by ``--update-golden``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from streamproc.errors import ConfigError, Problem
from streamproc.rules import Recognizers, load_recognizers, parse_ruleset
from streamproc.shipped import shipped

FOLDER = Path(__file__).parent / "refused_rules"
FILES = sorted(FOLDER.glob("*.yaml"))
MARK = "# <-- here"


@cache
def problems(file: Path) -> list[Problem]:
    text = file.read_text(encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        parse_ruleset(text, file.name, shipped_recognizers(), FOLDER)
    return list(caught.value.problems)


@cache
def shipped_recognizers() -> Recognizers:
    return load_recognizers(shipped("rules/recognizers"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_broken_ruleset_is_refused_with_each_line_that_is_wrong(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").split("\n")
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith(MARK)}
    assert wrong
    assert {problem.line for problem in problems(file)} == wrong


def test_what_is_told_of_broken_rulesets_is_what_is_expected(pytestconfig: pytest.Config) -> None:
    told = [str(problem) for file in FILES for problem in problems(file)]
    expected = FOLDER / "expected.txt"
    if pytestconfig.getoption("--update-golden", default=False):
        expected.write_text("\n".join(told) + "\n", encoding="utf-8")
    assert told == expected.read_text(encoding="utf-8").splitlines()
