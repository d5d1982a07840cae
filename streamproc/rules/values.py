"""Numbers that are texts, and texts that are numbers.

Which one a producer writes depends on its language: a ZIP code comes as ``62704`` and as
``"62704"``, an age as ``93`` and as ``"93"``. To a rule that is the same value.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["number_of", "text_of"]

NUMBER = re.compile(r"\s*([-+]?[0-9]{1,20}(?:\.[0-9]{1,20})?)\s*")
"""A number as people and programs write most: without exponents, and without commas, of which
countries think differently."""


def text_of(value: Any) -> str:
    """Return a text as it is and a number as people write it."""
    if type(value) is str:
        return value
    # 15551234567.0 and 15551234567 are one number, as producers' languages write them.
    return str(int(value)) if type(value) is float and value.is_integer() else str(value)


def number_of(value: Any) -> float | None:
    """Return a number as it is and a text that is one as that; None for all else, true included."""
    if type(value) is int or type(value) is float:
        return value
    if type(value) is str and (written := NUMBER.fullmatch(value)):
        return float(written[1])
    return None
