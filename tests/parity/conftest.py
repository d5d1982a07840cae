"""Fixtures of the comparisons with Presidio."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def patterns(pytestconfig: pytest.Config) -> Path:
    """The folder of compiled patterns; all of Presidio's take a minute to compile, once."""
    assert pytestconfig.cache
    return pytestconfig.cache.mkdir("patterns")
