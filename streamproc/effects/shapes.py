"""Values told by their shape: what they look like, and nothing of what they say."""

from __future__ import annotations

import string

from streamproc.redact import ENCRYPTED, TOKEN

__all__ = ["EMPTY", "LONGEST", "shape_of", "text_shape"]

LONGEST = 48
"""Characters of a shape; of longer values it is the beginning, and their length is said."""

EMPTY = "(empty)"
KEPT = frozenset(string.punctuation + " ")


def shape_of(value: object) -> str:
    """Return the shape of a JSON value: ``aaaaa@aaaaaaa.aaa``, ``000``, ``{3 keys}``.

    Of texts and numbers every letter is ``a`` or ``A`` and every digit ``0``; what parts them
    stays.
    """
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true or false"
    if isinstance(value, dict):
        return _counted(len(value), "key", "{}")
    if isinstance(value, list):
        return _counted(len(value), "item", "[]")
    return text_shape(str(value))


def text_shape(text: str) -> str:
    """Return the shape of ``text``; of an empty one, that it is.

    What redaction writes, a token or a ciphertext, is told by its kind: ``tok_…``, ``enc_…``.
    """
    if not text:
        return EMPTY
    for written in (TOKEN, ENCRYPTED):
        if written.fullmatch(text):
            return f"{text[:4]}…"
    shape = "".join(map(_letter, text[:LONGEST]))
    return shape if len(text) <= LONGEST else f"{shape}… ({len(text):,} characters)"


def _letter(character: str) -> str:
    if character in KEPT:
        return character
    if character.isdigit():
        return "0"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return " " if character.isspace() else "?"


def _counted(count: int, noun: str, brackets: str) -> str:
    return f"{brackets[0]}{count:,} {noun}{'s' * (count != 1)}{brackets[1]}"
