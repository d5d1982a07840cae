"""Whether a value is still in an output, however it is written there.

The opposite way of the demo's leak check, which writes a value in every form and looks for each:
here the output is unwrapped, which costs more for each output and less for each value, and here
every value is looked for in one output only. Unwrapped are percent-encoding (repeated), strings
that hold JSON, and base64; compared is caseless, in NFKC, and without characters that show nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, unquote_plus

__all__ = ["Output"]

DEPTH = 5
"""How many encodings may lie within each other."""
LEAST_DIGITS = 7
"""From here on a number is looked for without what separates its digits too."""

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")
_SEPARATORS = re.compile(r"[\s().+/\u2010-\u2015-]")
_NUMBER = re.compile(r"[\d\s().+/\u2010-\u2015-]+")


class Output:
    """What left the redaction, unwrapped and folded, keys included."""

    def __init__(self, content: Any) -> None:
        """Unwrap ``content``, which is what JSON holds."""
        views = {_folded(view): None for view in _unwrapped(content, DEPTH)}
        self._plain = "\n".join(views)
        self._digits = "\n".join(_SEPARATORS.sub("", view) for view in views)

    def holds(self, value: str) -> bool:
        """Return whether ``value`` is in it, standing free as a word does."""
        folded = _folded(value)
        if not folded:
            return False
        if _stands_in(folded, self._plain):
            return True
        digits = _SEPARATORS.sub("", folded)
        if len(digits) < LEAST_DIGITS or not _NUMBER.fullmatch(folded):
            return False
        return _stands_in(digits, self._digits)


def _folded(text: str) -> str:
    """Return ``text`` in NFKC, caseless, without format characters, its spaces single."""
    shown = "".join(
        character
        for character in unicodedata.normalize("NFKC", text)
        if unicodedata.category(character) != "Cf"
    )
    return " ".join(unicodedata.normalize("NFKC", shown.casefold()).split())


def _stands_in(value: str, content: str) -> bool:
    if value not in content:
        return False
    before = r"(?<![^\W_])" if value[0].isalnum() else ""
    after = r"(?![^\W_])" if value[-1].isalnum() else ""
    return re.search(f"{before}{re.escape(value)}{after}", content) is not None


def _unwrapped(content: Any, depth: int) -> Iterator[str]:
    """Yield every text in ``content``, and what it becomes when its encodings are undone."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _unwrapped(key, depth)
            yield from _unwrapped(value, depth)
    elif isinstance(content, list):
        for item in content:
            yield from _unwrapped(item, depth)
    elif isinstance(content, str):
        yield content
        if depth:
            for inner in _decoded(content):
                yield from _unwrapped(inner, depth - 1)
    elif content is not None:
        whole = isinstance(content, float) and content.is_integer()
        yield str(int(content)) if whole else str(content)


def _decoded(text: str) -> Iterator[Any]:
    if "%" in text or "+" in text:
        yield from {unquote(text), unquote_plus(text)} - {text}
    if "\\u" in text:
        yield _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)
    if text.lstrip()[:1] in {"{", "[", '"'}:
        with suppress(ValueError, RecursionError):
            yield json.loads(text)
    for found in _BASE64.finditer(text):
        if (inner := _of_base64(found[0])) is not None:
            yield inner


def _of_base64(text: str) -> str | None:
    standard = text.rstrip("=").replace("-", "+").replace("_", "/")
    padded = standard + "=" * (-len(standard) % 4)
    try:
        return base64.b64decode(padded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
