"""Strings that a recognizer finds: sampled from its own patterns until its validation agrees."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from types import MappingProxyType
from typing import Any

import regex

from streamproc.detect.recognizers import name_of

_parser: Any = re._parser  # type: ignore[attr-defined]  # the parse tree, as Hypothesis reads it
_constants: Any = re._constants  # type: ignore[attr-defined]

EXAMPLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "CryptoRecognizer": (  # 32 bits of checksum, which no sampling meets
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        ),
        "EmailRecognizer": (  # a public suffix
            "jane.doe@example.com",
            "j+d@mail.example.co.uk",
            "müller@bücher.example.org",
        ),
        "FiPersonalIdentityCodeRecognizer": ("131052-308T",),
        "InGstinRecognizer": ("27AAPFU0939F1ZV",),
        "IbanRecognizer": (  # a country's format and its checksum
            "GB33BUKB20201555555555",
            "DE89 3704 0044 0532 0130 00",
            "FR14-2004-1010-0505-0001-3M02-606",
        ),
        "PhoneRecognizer": (
            "212-555-0123",
            "+1 (212) 555-0123 ext. 5",
            "+44 20 7946 0958",
            "030 123456",
            "011 44 20 7946 0958",
            "0172 3456789",
            "098765 43210",
        ),
        "ZaIdNumberRecognizer": ("8001015009087",),
        "ZaMobileNumberRecognizer": ("082 555 0123", "+27 71 555 0123", "0821234567"),
        "ZaTelephoneNumberRecognizer": ("021 555 0123", "+27 11 555 0123", "0800 123 456"),
    }
)
"""Examples of what cannot be sampled from a pattern: published ones and invented ones."""

_ANYTHING = string.ascii_letters + string.digits + string.punctuation + " \n" + "éßД٣"
_CATEGORIES: Mapping[Any, str] = {
    _constants.CATEGORY_DIGIT: string.digits,
    _constants.CATEGORY_SPACE: "  \t\n",
    _constants.CATEGORY_WORD: string.ascii_letters + string.digits + "_",
    _constants.CATEGORY_NOT_DIGIT: string.ascii_letters + " -",
    _constants.CATEGORY_NOT_SPACE: string.ascii_letters + string.digits + "-.",
    _constants.CATEGORY_NOT_WORD: " -.,:",
}
_MOST_REPEATS = 14
_TRIES = 150


def samples_of(recognizer: Any, count: int, chooser: Random) -> list[str]:
    """Return strings that ``recognizer`` finds, and some its patterns match but it refuses.

    ``count`` of each, or fewer where few can be made.
    """
    examples = EXAMPLES.get(name_of(recognizer), ())
    draws = [_sampler(str(pattern.regex)) for pattern in getattr(recognizer, "patterns", ())]
    if not draws:
        return [_neighbour(value, chooser) for value in examples for _ in range(3)] + [*examples]
    found = dict.fromkeys(examples)  # a set that keeps its order
    refused = dict.fromkeys(_neighbour(value, chooser) for value in examples)
    for attempt in range(count * 4):
        if len(found) >= count:
            break
        value = draws[attempt % len(draws)](chooser)
        if attempt % 4 == 3 and found:  # near what is valid, more is
            value = _neighbour(chooser.choice([*found]), chooser)
        refused[value] = None
        found |= dict.fromkeys(_valid(recognizer, value, chooser))
    return [*found][:count] + [value for value in refused if value not in found][:count]


def _valid(recognizer: Any, value: str, chooser: Random) -> list[str]:
    """Return ``value``, or a string near it, that ``recognizer`` finds; none if that fails."""
    near = value
    for attempt in range(_TRIES):
        if recognizer.analyze(near, recognizer.supported_entities):
            return [near]
        near = _neighbour(value if attempt % 2 else near, chooser)
    return []


def _neighbour(value: str, chooser: Random) -> str:
    """Return ``value`` with one of its digits or letters another."""
    places = [at for at, character in enumerate(value) if character.isalnum()]
    if not places:
        return value
    at = chooser.choice(places)
    kinds = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
    kind = next((kind for kind in kinds if value[at] in kind), _ANYTHING)
    return value[:at] + chooser.choice(kind) + value[at + 1 :]


def _sampler(pattern: str) -> Callable[[Random], str]:
    plain = pattern.replace("(?i)", "")  # not at the start, Python's parser refuses it
    tree = _parser.parse(plain, re.IGNORECASE)
    return lambda chooser: "".join(_draw(tree, chooser, {}))


def _draw(  # noqa: C901  # a case for each operation
    tree: Iterable[Any], chooser: Random, groups: dict[int, str]
) -> Iterator[str]:
    """Yield the pieces of a string that ``tree`` matches, but for what is around it.

    What a lookbehind asks for is put before; other conditions are left to luck.
    """
    for operation, argument in tree:
        match str(operation):
            case "LITERAL":
                yield chr(argument)
            case "ANY":
                yield chooser.choice(_ANYTHING)
            case "IN":
                yield _member(argument, chooser)
            case "GROUPREF":
                yield groups[argument]
            case "SUBPATTERN":
                groups[argument[0]] = "".join(_draw(argument[3], chooser, groups))
                yield groups[argument[0]]
            case "MAX_REPEAT" | "MIN_REPEAT":
                fewest, most, repeated = argument
                for _ in range(_times(fewest, most, chooser)):
                    yield from _draw(repeated, chooser, groups)
            case "BRANCH":
                yield from _draw(chooser.choice(argument[1]), chooser, groups)
            case "ASSERT" if argument[0] < 0:
                yield from _draw(argument[1], chooser, groups)


def _times(fewest: int, most: int, chooser: Random) -> int:
    times = chooser.randint(fewest, min(most, fewest + _MOST_REPEATS))
    return chooser.choice([fewest, times, times])


def _member(members: list[Any], chooser: Random) -> str:
    """Return a character of a set."""
    if members[0][0] == _constants.NEGATE:
        refused = regex.compile("[" + "".join(map(_written, members[1:])) + "]")
        return chooser.choice([sign for sign in _ANYTHING if not refused.match(sign)])
    operation, argument = chooser.choice(members)
    if operation == _constants.RANGE:
        return chr(chooser.randint(*argument))
    return chooser.choice(_CATEGORIES[argument]) if argument in _CATEGORIES else chr(argument)


def _written(member: tuple[Any, Any]) -> str:
    operation, argument = member
    if operation == _constants.RANGE:
        return "-".join(f"\\x{{{code:x}}}" for code in argument)
    return re.escape("".join(_CATEGORIES.get(argument, "") or chr(argument)))
