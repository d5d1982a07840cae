"""Field paths: which fields of an event a rule speaks of.

A path is written from the event's root, its steps joined by dots:

=============================  =====================================================================
``context.traits.email``       that field
``properties.products.sku``    ``sku`` of ``products``, or of every item of it where it is a list
``properties.products[*].sku`` the same; ``[*]`` is for the reader
``properties.*.email``         ``*`` is any one step
``**.email``                   ``**`` is any number of steps, none included: ``email`` anywhere
``context.device.**``          ``context.device`` itself and everything below it
``$.properties['sku']``        JSONPath (RFC 9535), as far as it says the same: ``.key``, ``..key``,
                               ``['key']``, ``.*`` and ``[*]`` for all items of a list
``{key: "^card_"}``            every field in whose key this regular expression is found
=============================  =====================================================================

List indexes are no steps: a list's items have the path of the list. A key matches a step when both
have the same letters and digits in the same order; case and every other character do not count, so
``firstName`` also stands for ``first_name``, ``First Name`` and ``firstname``. A regular expression
is looked for in the key as it stands and in these letters and digits alone, whatever their case.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Annotated, Final, NamedTuple

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from streamproc.rules.regexes import IGNORE_CASE, refusal

__all__ = ["ANY", "ANY_DEPTH", "KEY", "FieldPath", "WrittenField", "letters_of"]

ANY = "*"
ANY_DEPTH = "**"
KEY = "/"
"""What a step begins with that is a regular expression for keys: in no key's letters."""

STEP = re.compile(r"\*{1,2}|[^.*\[\]]+")
ITEMS = "list items cannot be named one by one: write [*], or leave it out"

JSON_PATH = re.compile(
    r"""(?P<deep>\.\.)? (?: (?P<any>(?:(?<=\.\.)|\.)\*) | (?:(?<=\.\.)|\.)(?P<key>[^\W\d][\w$-]*)
    | \[\s*(?: (?P<items>\*) | '(?P<single>[^'\\]+)' | "(?P<double>[^"\\]+)" )\s*\] )""",
    re.VERBOSE,
)
"""A segment of a JSONPath."""


class FieldPath(NamedTuple):
    """A parsed path: each step ``*``, ``**``, the letters of a key, or an expression for keys."""

    steps: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> FieldPath:
        """Return the path that ``text`` writes.

        Raises:
            ValueError: Saying what is expected; the message holds no part of an event.
        """
        if text.startswith(("$.", "$[")) or text == "$":
            return cls(tuple(_of_json_path(text)))
        steps = []
        for written in text.split("."):
            step = written.removesuffix("[*]")
            if "[" in step or "]" in step:
                raise ValueError(ITEMS)
            if not STEP.fullmatch(step):
                raise ValueError("expected steps joined by dots, each a key, * or **")
            steps.append(step if step in {ANY, ANY_DEPTH} else _plain(step))
        return cls(tuple(steps))

    def __str__(self) -> str:
        """Return the path by the letters of its keys; expressions stand between slashes."""
        return ".".join(f"{step}/" if step.startswith(KEY) else step for step in self.steps)

    @classmethod
    def keyed(cls, expression: str) -> FieldPath:
        """Return the path of every field in whose key ``expression`` is found.

        Raises:
            ValueError: The expression is refused (:mod:`.regexes`).
        """
        if reason := refusal(expression, IGNORE_CASE):
            raise ValueError(reason)
        return cls((ANY_DEPTH, KEY + expression))


def letters_of(key: str) -> str:
    """Return what counts of a key in matching: its letters and digits, caseless, NFKC."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", key).casefold()))


def _plain(key: str) -> str:
    step = letters_of(key)
    if not step:
        raise ValueError("a step needs a letter or a digit")
    return step


def _of_json_path(text: str) -> Iterator[str]:
    at = 1
    while at < len(text):
        segment = JSON_PATH.match(text, at)
        if segment is None:
            raise ValueError(_unsaid(text[at:]))
        if segment["deep"]:
            yield ANY_DEPTH
        if segment["any"] or (segment["items"] and (segment["deep"] or at == 1)):
            yield ANY
        elif not segment["items"]:
            yield _plain(segment["key"] or segment["single"] or segment["double"])
        at = segment.end()
    if at == 1:
        raise ValueError("expected a field: what is below the root is **")


def _unsaid(rest: str) -> str:
    """Return what to write in the place of ``rest`` of a JSONPath, which no path can say."""
    if re.match(r"(?:\.\.)?\[\s*\?", rest):
        return "a path has no filters: write the condition as when of the rule"
    if re.match(r"(?:\.\.)?\[[^\]]*['\"]\s*,", rest):
        return "a path is one: write a path for each of the keys"
    if re.match(r"(?:\.\.)?\[\s*[-\d:]", rest):
        return ITEMS
    return "expected a JSONPath of .key, ..key, ['key'], .* and [*]"


def _parsed(written: object) -> object:
    if isinstance(written, FieldPath):
        return written
    if not isinstance(written, str):
        raise PydanticCustomError("field_path", "expected a field path")
    return _or_reason(FieldPath.parse, written)


def _parsed_field(written: object) -> object:
    if not isinstance(written, dict):
        return _parsed(written)
    expression = written.get("key")
    if [*written] != ["key"] or not isinstance(expression, str):
        raise PydanticCustomError("field_key", "expected a field path, or an expression as key")
    return _or_reason(FieldPath.keyed, expression)


def _or_reason(parse: Callable[[str], FieldPath], written: str) -> FieldPath:
    try:
        return parse(written)
    except ValueError as error:
        raise PydanticCustomError("field_path", "{reason}", {"reason": str(error)}) from None


_STEP: Final = r"(?:\*{1,2}|[^.*\[\]]+)(?:\[\*\])?"
_PATH: Final = {"type": "string", "pattern": rf"^(?:\$[.\[].+|{_STEP}(?:\.{_STEP})*)$"}
_KEY: Final = {
    "type": "object",
    "properties": {"key": {"type": "string", "format": "regex", "minLength": 1}},
    "required": ["key"],
    "additionalProperties": False,
}

WrittenField = Annotated[
    FieldPath, BeforeValidator(_parsed_field), WithJsonSchema({"anyOf": [_PATH, _KEY]})
]
"""A path as a ruleset writes it, or an expression for keys."""
