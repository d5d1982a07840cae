"""What fuzzing has come upon, and what it begins with, is tried in every run of the tests."""

from __future__ import annotations

import pytest
from fuzz.targets import CORPUS, TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_kept_is_read_or_refused_as_promised(name: str) -> None:
    target = TARGETS[name]
    kept = sorted((CORPUS / name).iterdir())
    assert kept, "no inputs are kept; see make fuzz"
    for each in (*target.seeds(), *(file.read_bytes() for file in kept)):
        target.check(each[: target.longest])


def test_no_input_is_kept_that_no_target_takes() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == {*TARGETS}
