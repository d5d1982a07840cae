"""Which regular expressions may be searched for, and how: none can stall a worker."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import product
from typing import Final

import regex

from streamproc.errors import EventError

__all__ = ["IGNORE_CASE", "LONGEST_SEARCHED", "PRESIDIO_FLAGS", "finder", "refusal"]

PRESIDIO_FLAGS: Final[int] = regex.DOTALL | regex.MULTILINE | regex.IGNORECASE
"""How Presidio reads the patterns of recognizers, unless a file of them says otherwise."""
IGNORE_CASE: Final[int] = regex.IGNORECASE

LONGEST_SEARCHED: Final = 4_096
"""Code points of a value that expressions of rules look at."""
SEARCH_SECONDS: Final = 1.0
"""Most processor time of a search by an expression of a rule; those that pass :func:`refusal` take
some microseconds, and one that is tried anew at each character a sixth of it."""

_LENGTH = 1_000
"""Code points of a text that a pattern is tried on."""
_SECONDS = 0.1
"""Most time a pattern may take in one. An honest one takes a thousandth of it, one that is tried
anew at each character a tenth; one that is worse than quadratic does not come to an end."""

_FILLINGS = ("a", "0", " ", "-", ".", "_", "/", "=", ",", '"', "\n", "a ", "a.", "a-", "0-", "Aa0 ")
_MOST_WORDS = 4

_MOST_SIGNS = 6

_WORD = regex.compile(r"(?:(?<![\\\w])|(?<=\\[bBdDsSwWK]))\w+[=:@/_-]*")
_SIGN = regex.compile(r"[^\w\s\\]")


@lru_cache(maxsize=1024)  # the same files are read again and again in tests
def refusal(written: str, flags: int = PRESIDIO_FLAGS) -> str | None:
    r"""Return why ``written`` is refused as a pattern, read with ``flags``; None if it is not.

    Refused is what is no regular expression, what matches the empty text (it would be found
    everywhere), and what takes time that grows faster than the square of a text's length. For the
    last, it is tried on texts of :data:`_LENGTH` characters made to be hard: one filling over and
    over, a word or a sign of the pattern's own among them, then something that does not match, so
    that every other way is tried; after each word that the pattern itself holds too, since many a
    pattern starts with one; and with what the pattern requires at the very end, without which the
    engine would not begin. That finds what people write by mistake, ``(a+)+$`` or ``(\w+\s*)*:``,
    not everything there is: limits of time are the last guard, that of :func:`finder` and the
    detector's own.
    """
    try:
        pattern = regex.compile(written, flags)
    except regex.error as error:
        return f"is no regular expression: {error.msg}"
    if pattern.search("") is not None:
        return "matches the empty text"
    words = sorted(set(_WORD.findall(written)), key=lambda word: (-len(word), word))[:_MOST_WORDS]
    signs = list(dict.fromkeys(_SIGN.findall(written)))
    required = "\x00\n" + "".join(signs) + " ".join(words)
    fillings = (*_FILLINGS, *words, *signs[:_MOST_SIGNS])
    for word, filling, end in product(("", *words), fillings, ("", "!", required)):
        text = word + (filling * _LENGTH)[:_LENGTH] + end
        try:
            pattern.search(text, timeout=_SECONDS)
        except TimeoutError:
            return f"takes more than {_SECONDS:g} s in a text of {_LENGTH:,} characters"
    return None


def finder(written: str, flags: int = 0) -> Callable[[str], bool]:
    """Return what tells whether ``written``, read with ``flags``, is found in a value.

    It looks at the first :data:`LONGEST_SEARCHED` code points, and raises ``EventError`` (stage
    ``redact``, ``expression_too_slow``) after :data:`SEARCH_SECONDS`: whether a rule is for the
    value is not known then. Being timed costs a search 3 µs, and an untimed one need never end.
    """
    search = regex.compile(written, regex.VERSION0 | flags).search

    def found(text: str) -> bool:
        try:
            return search(text[:LONGEST_SEARCHED], timeout=SEARCH_SECONDS) is not None
        except TimeoutError:
            raise EventError("redact", "expression_too_slow") from None

    return found
