"""What is installed beside the engine: pinned by hash, under licences that ask for little."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "deploy").glob("*/requirements.txt")) + sorted(
    (ROOT / "deploy/requirements").glob("*.txt")
)
PINNED = re.compile(
    r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==[^\s;]+( ; [^\\]+)? ?(\\?( *--hash=sha256:\w{64}))+"
)
ASKING_MUCH = re.compile(
    r"\b(A?GPL|GNU (Affero )?General Public|SSPL|BUSL|Commons Clause)", re.IGNORECASE
)
"""What an engine could not be shipped with. Mozilla's licence asks only for files of its own."""


def requirements(lock: Path) -> Iterator[str]:
    """Yield each requirement of a lock file with its hashes, on one line."""
    text = "\n".join(
        line for line in lock.read_text().splitlines() if line and not line.startswith("#")
    )
    yield from text.replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT / "deploy")))
def test_every_requirement_is_pinned_with_its_hashes(lock: Path) -> None:
    found = list(requirements(lock))
    assert found
    assert [line[:60] for line in found if not PINNED.fullmatch(" ".join(line.split()))] == []


def test_no_requirement_of_the_engine_has_a_licence_that_asks_for_its_source() -> None:
    told = {}
    for line in requirements(ROOT / "deploy/requirements/runtime.txt"):
        name = re.split(r"[=\[]", line)[0]
        try:
            told[name] = licence_of(name)
        except PackageNotFoundError:
            assert ";" in line, f"{name} is not installed, and no marker says why"
    assert len(told) > 100
    assert [name for name, licence in told.items() if not licence] == []
    assert {name: each for name, each in told.items() if ASKING_MUCH.search(each)} == {}


def licence_of(name: str) -> str:
    """Return what a package says of its licence; empty where it says nothing."""
    metadata = distribution(name).metadata
    said = {key: metadata[key] for key in ("License-Expression", "License") if key in metadata}
    classifiers = [each for each in metadata.get_all("Classifier") or [] if "License" in each]
    written = said.get("License", "").strip()[:200]
    return said.get("License-Expression") or "; ".join(classifiers) or written
