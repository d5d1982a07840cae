"""The threat model names tests: those that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
THREATS = (ROOT / "deploy/THREATS.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", THREATS)


def test_every_test_that_the_threat_model_names_exists() -> None:
    missing = [f"{file}::{name}" for file, name in NAMED if name not in functions_of(ROOT / file)]
    assert missing == []


def test_every_threat_has_a_control_and_a_test() -> None:
    section = THREATS.partition("## Threats")[2].partition("## Not covered")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 20
    for _, threat, control, tests in rows:
        assert control.strip(), threat
        assert "::" in tests, threat


def functions_of(file: Path) -> set[str]:
    if not file.exists():
        return set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}
