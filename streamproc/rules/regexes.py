"""Which regular expressions may be searched for: those that cannot stall a worker."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import regex

__all__ = ["refusal"]

_FLAGS = regex.DOTALL | regex.MULTILINE | regex.IGNORECASE

_LENGTH = 1_000
"""Code points of a text that a pattern is tried on."""
_SECONDS = 0.1
"""Most time a pattern may take in one. An honest one takes a thousandth of it, one that is tried
anew at each character a tenth; one that is worse than quadratic does not come to an end."""

_FILLINGS = ("a", "0", " ", "-", ".", "_", "/", "=", ",", '"', "\n", "a ", "a.", "a-", "0-", "Aa0 ")
_MOST_WORDS = 4

_WORD = regex.compile(r"(?:(?<![\\\w])|(?<=\\[bBdDsSwWK]))\w+[=:@/_-]*")
_SIGN = regex.compile(r"[^\w\s\\]")


@lru_cache(maxsize=1024)  # the same files are read again and again in tests
def refusal(written: str) -> str | None:
    r"""Return why ``written`` is refused as a pattern; None if it is not.

    Refused is what is no regular expression, what matches the empty text (it would be found
    everywhere), and what takes time that grows faster than the square of a text's length. For the
    last, it is tried on texts of :data:`_LENGTH` characters made to be hard: one filling over and
    over, then something that does not match, so that every other way is tried; after each word that
    the pattern itself holds too, since many a pattern starts with one; and with what the pattern
    requires at the very end, without which the engine would not begin. That finds what people write
    by mistake, ``(a+)+$`` or ``(\w+\s*)*:``, not everything there is: a detector's own limit of
    time is the last guard.
    """
    try:
        pattern = regex.compile(written, _FLAGS)
    except regex.error as error:
        return f"is no regular expression: {error.msg}"
    if pattern.search("") is not None:
        return "matches the empty text"
    words = sorted(set(_WORD.findall(written)), key=lambda word: (-len(word), word))[:_MOST_WORDS]
    required = "\x00" + "".join(dict.fromkeys(_SIGN.findall(written))) + " ".join(words)
    for word, filling, end in product(("", *words), (*_FILLINGS, *words), ("", "!", required)):
        text = word + (filling * _LENGTH)[:_LENGTH] + end
        try:
            pattern.search(text, timeout=_SECONDS)
        except TimeoutError:
            return f"takes more than {_SECONDS:g} s in a text of {_LENGTH:,} characters"
    return None
