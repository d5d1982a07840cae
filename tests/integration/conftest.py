"""A schema registry for the tests that are marked ``registry``.

``STREAMPROC_TEST_REGISTRY=url`` names a running one to use. Where none can be had those tests are
skipped; with ``STREAMPROC_TEST_REQUIRE_REGISTRY=1`` they fail instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from apicurio import SchemaRegistry, unavailable

RUNNING = "STREAMPROC_TEST_REGISTRY"
REQUIRED = "STREAMPROC_TEST_REQUIRE_REGISTRY"


@pytest.fixture(scope="session")
def registry() -> Iterator[str]:
    """The address of a real registry, one for the session: use names that nobody else has."""
    if running := os.environ.get(RUNNING):
        yield running
        return
    if reason := unavailable():
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"a schema registry is required: {reason}", pytrace=False)
        pytest.skip(f"no schema registry: {reason}")
    with SchemaRegistry() as server:
        yield server.url
