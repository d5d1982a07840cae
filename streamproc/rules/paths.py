"""Field paths: which fields of an event a rule speaks of.

A path is written from the event's root, its steps joined by dots:

=============================  =====================================================================
``context.traits.email``       that field
``properties.products.sku``    ``sku`` of ``products``, or of every item of it where it is a list
``properties.products[*].sku`` the same; ``[*]`` is for the reader
``properties.*.email``         ``*`` is any one step
``**.email``                   ``**`` is any number of steps, none included: ``email`` anywhere
``context.device.**``          ``context.device`` itself and everything below it
=============================  =====================================================================

List indexes are no steps: a list's items have the path of the list. A key matches a step when both
have the same letters and digits in the same order; case and every other character do not count, so
``firstName`` also stands for ``first_name``, ``First Name`` and ``firstname``.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

__all__ = ["ANY", "ANY_DEPTH", "FieldPath", "WrittenPath", "letters_of"]

ANY = "*"
ANY_DEPTH = "**"

STEP = re.compile(r"\*{1,2}|[^.*\[\]]+")


class FieldPath(NamedTuple):
    """A parsed path: each step ``*``, ``**``, or the letters of a key."""

    steps: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> FieldPath:
        """Return the path that ``text`` writes.

        Raises:
            ValueError: Saying what is expected; the message holds no part of an event.
        """
        steps = []
        for written in text.split("."):
            step = written.removesuffix("[*]")
            if "[" in step or "]" in step:
                raise ValueError(
                    "list items cannot be named one by one: write [*], or leave it out"
                )
            if not STEP.fullmatch(step):
                raise ValueError("expected steps joined by dots, each a key, * or **")
            if step not in {ANY, ANY_DEPTH}:
                step = letters_of(step)
                if not step:
                    raise ValueError("a step needs a letter or a digit")
            steps.append(step)
        return cls(tuple(steps))


def letters_of(key: str) -> str:
    """Return what counts of a key in matching: its letters and digits, caseless, NFKC."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", key).casefold()))


def _parsed(written: object) -> object:
    if isinstance(written, FieldPath):
        return written
    if not isinstance(written, str):
        raise PydanticCustomError("field_path", "expected a field path")
    try:
        return FieldPath.parse(written)
    except ValueError as error:
        raise PydanticCustomError("field_path", "{reason}", {"reason": str(error)}) from None


WrittenPath = Annotated[FieldPath, BeforeValidator(_parsed)]
"""A path as a ruleset writes it."""
