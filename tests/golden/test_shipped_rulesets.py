"""The rulesets that are shipped do what the cases beside them say, and each rule has a case."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamproc.assemble import Assembly
from streamproc.effects.cases import case_files, load_cases
from streamproc.effects.trials import TEST_RING, Trials, unreached
from streamproc.identity import View
from streamproc.rules import load_ruleset
from streamproc.settings import Settings, WorkerSettings
from streamproc.shipped import shipped

RULESETS = [shipped("rules/default.yaml"), *sorted(shipped("rules/examples").glob("*.yaml"))]


@pytest.fixture(scope="module")
def assembly(pytestconfig: pytest.Config) -> Assembly:
    assert pytestconfig.cache
    worker = WorkerSettings(directory=pytestconfig.cache.mkdir("patterns"))
    return Assembly(Settings(worker=worker), TEST_RING, View())


@pytest.mark.parametrize("file", RULESETS, ids=lambda file: file.name)
def test_a_shipped_ruleset_does_what_its_cases_say(file: Path, assembly: Assembly) -> None:
    ruleset = load_ruleset(file)
    trials = Trials(assembly.parts(ruleset), "events.raw")
    outcomes = [each for cases in case_files(file) for each in trials.run(load_cases(cases))]
    assert [each for each in outcomes if each.differences] == []
    assert list(unreached(ruleset, outcomes)) == []
