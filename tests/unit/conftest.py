"""What several rooms' unit tests need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from commands import logging_put_back


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Let a test configure logging as a process does; put it back afterwards."""
    with logging_put_back():
        yield
