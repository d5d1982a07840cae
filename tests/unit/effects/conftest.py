from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from streamproc.assemble import Assembly
from streamproc.effects.trials import TEST_RING, Trials
from streamproc.identity import View
from streamproc.rules import Ruleset, parse_ruleset
from streamproc.settings import Settings, WorkerSettings


@pytest.fixture(scope="session")
def assembly(pytestconfig: pytest.Config) -> Assembly:
    assert pytestconfig.cache
    worker = WorkerSettings(directory=pytestconfig.cache.mkdir("patterns"))
    return Assembly(Settings(worker=worker), TEST_RING, View())


@pytest.fixture(scope="session")
def trials(assembly: Assembly) -> Callable[[str], tuple[Ruleset, Trials]]:
    @cache
    def make(rules: str) -> tuple[Ruleset, Trials]:
        ruleset = parse_ruleset(rules, "rules.yaml")
        return ruleset, Trials(assembly.parts(ruleset), "events.raw")

    return make
