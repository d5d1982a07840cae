"""``pytest tests/golden --update-golden`` writes what is expected anew; review the difference."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write expected.jsonl anew")
