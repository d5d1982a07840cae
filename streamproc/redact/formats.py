"""Values of one form onto values of that form: what a text is made of stays, what it says does not.

A text's form is its separators and, for the characters between them, the smallest alphabet that has
them all. Encryption walks on until it meets a text of the same alphabet (cycle-walking: Black and
Rogaway, *Ciphers with arbitrary finite domains*, 2002), so that two values never become one.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Mapping

from streamproc.redact.ff1 import Ff1

__all__ = ["LONGEST", "in_its_form"]

ALPHABETS: tuple[str, ...] = (
    string.digits,
    string.ascii_lowercase,
    string.ascii_uppercase,
    string.digits + string.ascii_lowercase,
    string.digits + string.ascii_uppercase,
    string.ascii_letters,
    string.digits + string.ascii_letters,
)
"""From small to large."""
NUMBERS: Mapping[str, Mapping[str, int]] = {
    alphabet: {character: number for number, character in enumerate(alphabet)}
    for alphabet in ALPHABETS
}

LONGEST = 256
"""Letters and digits of the longest value: the cost grows with the square of the length."""


def in_its_form(ff1: Ff1, tweak: bytes, value: str, keep_last: int) -> str | None:
    """Return another value of ``value``'s form, its last ``keep_last`` letters and digits kept.

    Kept ones are part of the tweak: values that differ in them are encrypted unalike. Full-width
    forms are written as ASCII.

    Returns:
        None where there is no such value: letters that are not ASCII, fewer than a million values
        of the form, more than :data:`LONGEST` letters and digits, or one encrypted onto itself.
    """
    text = unicodedata.normalize("NFKC", value)
    places = [at for at, character in enumerate(text) if character.isalnum()]
    end = max(0, len(places) - keep_last)
    kept = "".join(text[at] for at in places[end:])
    characters = "".join(text[at] for at in places[:end])
    alphabet = _alphabet_of(characters)
    if not characters or alphabet is None or len(characters) > LONGEST:
        return None
    try:
        new = _encrypted(ff1, tweak + b"\0" + kept.encode(), characters, alphabet)
    except ValueError:
        return None
    if new == characters:
        return None
    written = list(text)
    for at, character in zip(places[:end], new, strict=True):
        written[at] = character
    return "".join(written)


def _encrypted(ff1: Ff1, tweak: bytes, characters: str, alphabet: str) -> str:
    numbers = NUMBERS[alphabet]
    new = characters
    while True:
        values = ff1.encrypt(len(alphabet), tweak, [numbers[character] for character in new])
        new = "".join(alphabet[value] for value in values)
        if _alphabet_of(new) == alphabet:
            return new


def _alphabet_of(characters: str) -> str | None:
    used = set(characters)
    return next((alphabet for alphabet in ALPHABETS if used <= NUMBERS[alphabet].keys()), None)
