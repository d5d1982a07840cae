from __future__ import annotations

from pathlib import Path

import pytest
from docs.reference import PARTS, README, between
from readme import Example, blocks, run

from streamproc.shipped import shipped


@pytest.mark.parametrize("block", blocks("run"), ids=lambda block: block[-1].command[:40])
def test_commands_of_the_readme_do_as_shown(block: list[Example], tmp_path: Path) -> None:
    assert block
    run(
        block,
        tmp_path,
        {"SHIPPED_RULES": str(shipped("rules")), "SCHEMAS": str(shipped("schemas"))},
    )


@pytest.mark.parametrize("part", PARTS)
def test_the_generated_parts_are_up_to_date(part: str) -> None:
    found = between(part).search(README.read_text(encoding="utf-8"))

    assert found is not None
    assert found[0] == PARTS[part](), "run: make docs"


def test_every_file_that_is_named_is_there() -> None:
    root = README.parent
    text = README.read_text(encoding="utf-8")
    named = [word for word in text.split("`") if word.startswith(("tests/", "rules/", "schemas/"))]

    assert len(named) > 5
    assert [name for name in named if not (root / name).exists()] == []
