"""What a file of settings, rules or keys should have said, in words for who wrote it.

Pydantic speaks to programmers: "input should be a valid frozenset". Here its errors become the
messages of problems.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["ENTITY", "NAME", "expected"]

NAME = r"^[a-z][a-z0-9_-]{0,63}$"
"""How rules and rulesets are named."""
ENTITY = r"^[A-Z][A-Z0-9_]{0,63}$"
"""How entities are named."""

_SPELLINGS = MappingProxyType(
    {
        NAME: "small letters, digits, - and _, a letter first",
        ENTITY: "capitals, digits and _, a capital first",
    }
)

_TEXT = "a text (in quotes where it looks like something else)"
_EXPECTED: Mapping[str, str] = MappingProxyType(
    {
        "model_type": "keys with values",
        "path_type": "a path",
        "dict_type": "keys with values",
        "tuple_type": "a list",
        "frozen_set_type": "a list",
        "string_type": _TEXT,
        "invalid_key": "a text as key",
        "int_type": "a whole number",
        "int_parsing": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "float_parsing": "a number",
        "finite_number": "a number",
        "bool_type": "true or false",
        "bool_parsing": "true or false",
        "greater_than": "more than {gt:g}",
        "greater_than_equal": "{ge:g} or more",
        "less_than": "less than {lt:g}",
        "less_than_equal": "{le:g} or less",
        "string_too_short": "{min_length} or more characters",
        "string_too_long": "{max_length} or fewer characters",
        "too_short": "a list of {min_length} or more",
        "too_long": "a list of {max_length} or fewer",
        "literal_error": "{expected}",
    }
)


def expected(error: Any) -> str:
    """Return what was expected where a pydantic error happened; never what was there.

    Args:
        error: One of the dicts of ``ValidationError.errors()``.
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "string_pattern_mismatch" and (spelling := _SPELLINGS.get(context["pattern"])):
        return f"expected {spelling}"
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind].format(**context)}"
    message: str = error["msg"]
    return message[0].lower() + message[1:]
