r"""Documents in texts: JSON, form-encoded, base64 and hexadecimal, opened and written again.

Events carry events: a webhook's body as a text, a form as it was posted, a payload in base64 so
that it passes. What such a text says is invisible to patterns, and its keys are fields like any
other, so it is opened, its content goes the way of the event around it, and it is written again in
the style it had: but for what was redacted, and for what the notations leave open (``1e2`` is
written ``100.0``), nothing changes, and where nothing was redacted nothing is written.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from math import isinf
from textwrap import wrap
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from streamproc.errors import EventError

__all__ = ["Embedded", "embedded", "encoded"]

_JSON_BRACKETS = frozenset(("{}", "[]", '""'))
_DEEPEST = 64
"""Objects and lists in each other in one document, as in an event by default."""
_INDENT = re.compile(r"[{\[]\r?\n([ \t]+)")
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_HIGH, _LOW = r"\\u[dD][89abAB][0-9A-Fa-f]{2}", r"\\u[dD][c-fC-F][0-9A-Fa-f]{2}"
_HALVES = re.compile(rf"{_HIGH}{_LOW}|{_HIGH}|{_LOW}")
_HALVES_IN_JSON = re.compile(rf"\\\\|{_HALVES.pattern}")
"""Surrogates, pairs first. In JSON a backslash that is escaped itself begins no escape."""
_ESCAPE_CHARACTERS = 6

_FORM_KEY = r"[\w.\[\]%+~-]+"
_FORM = re.compile(rf"{_FORM_KEY}=[^&\s]*(?:&{_FORM_KEY}=[^&\s]*)+")

_OF_ALL = frozenset({"json", "form", "escapes"})

_SHORTEST = 16
"""Characters of the shortest base64 or hexadecimal run that is decoded: shorter ones are words."""

_A = "[A-Za-z0-9+/_-]"
_RUN = re.compile(
    rf"(?<![A-Za-z0-9+/_.-])"
    rf"(?P<letters>(?:{_A}{{76}}\r?\n)+{_A}{{0,76}}+|(?:{_A}{{64}}\r?\n)+{_A}{{0,64}}+|{_A}{{16,}}+)"
    rf"(?P<padding>={{1,2}}|(?:%3[Dd]){{1,2}})?(?![A-Za-z0-9+/_-]|\.[A-Za-z0-9])"
)
"""Base64 of either alphabet (RFC 4648), in lines or not. What dots join is left alone: the parts of
a JSON Web Token are a secret as a whole."""

_LONG = re.compile(rf"{_A}{{{_SHORTEST}}}")
_SEGMENT = re.compile(r"[A-Za-z0-9]{16,}")
"""What may be base64 alone where a run is not: in a path, or behind a prefix."""

_DIGEST = re.compile(r"[0-9A-F-]+|[0-9a-f-]+")
"""Digests, UUIDs, numbers. To find out that one is no base64 would take 10 µs."""

_HEXADECIMAL = re.compile(r"(?:[2-7][0-9A-F]){8,}|(?:[2-7][0-9a-f]){8,}")
"""ASCII text in hexadecimal. One digest of eleven million looks like it."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ue000-\uf8ff]")
"""Control characters and private use: what holds one was not text before it was encoded."""

_STANDARD = str.maketrans("-_", "+/")
_URL_SAFE = str.maketrans("+/", "-_")
_STANDARD_ONLY = re.compile(r"[+/=]|%3[Dd]")
_LINE = re.compile(r"(\S+)(\r?\n)")


class Embedded(NamedTuple):
    """A document in a text.

    Attributes:
        start: Where it begins in the text, in code points.
        end: Where it ends.
        codec: How it is written: ``json``, ``form``, ``escapes``, ``base64`` or ``hexadecimal``.
        content: What it says. Of JSON an object, a list or a text; of a form, a list with an object
            of one key for each pair; of all others a text, which may be a document again.
        written: As it stands in the text.
    """

    start: int
    end: int
    codec: str
    content: Any
    written: str

    @property
    def is_all(self) -> bool:
        """Whether it is all of the text but for white space."""
        return self.codec in _OF_ALL

    def __repr__(self) -> str:
        """Return place and codec, without the content."""
        return f"Embedded({self.start}, {self.end}, {self.codec})"


def embedded(text: str, without: frozenset[str] = frozenset()) -> tuple[Embedded, ...]:
    r"""Return the documents in ``text``, by start, not overlapping.

    - ``json``: a text that is an object, a list or a text in quotes (RFC 8259). One that names a
      key twice is none: readers differ in which value counts, so none may be passed over. A text
      with ``\u`` escapes that is no JSON is a document without them.
    - ``form``: a text that is two or more ``key=value``, joined by ``&`` (as HTML forms post them).
    - ``base64``: runs of 16 or more characters that are printable UTF-8 in base64, or printable
      ASCII in hexadecimal.

    Linear in the text; 0.2 µs for a word, 1.5 µs for a sentence. Documents in documents are not
    opened: whoever goes on to do that has to bound the depth.

    Args:
        text: The text; not empty.
        without: Steps that are not taken: ``json``, ``form``, ``base64``.

    Raises:
        EventError: ``documents_too_deep``: what is in JSON nests deeper than 64 objects and lists.
    """
    bare = text.strip()
    if f"{bare[:1]}{bare[-1:]}" in _JSON_BRACKETS and "json" not in without:
        found = _json(bare, text.index(bare))
        if found:
            return (found,)
    if "&" in text and "form" not in without and (found := _form(text)):
        return (found,)
    if "\\u" in text and "json" not in without and (found := _escapes(text)):
        return (found,)
    if len(text) >= _SHORTEST and "base64" not in without:
        return tuple(_runs(text))
    return ()


def encoded(document: Embedded, content: Any) -> str:
    """Return ``content`` written as ``document`` is, to stand in its place.

    JSON keeps its spacing, its indentation and whether it is ASCII; a form the pairs that are as
    they were, letter by letter, without those that are gone; base64 its alphabet, padding and line
    length.
    """
    return _ENCODERS[document.codec](document, content)


# -- JSON -----------------------------------------------------------------------------------------


def _json(text: str, start: int) -> Embedded | None:
    if text[0] == '"' and "\\" not in text:
        return None  # says what it seems to say
    try:
        content = json.loads(
            _HALVES_IN_JSON.sub(_whole, text) if "\\u" in text else text,
            object_pairs_hook=_object,
            parse_float=_float,
        )
    except ValueError:
        return None
    except RecursionError:
        raise _too_deep() from None
    if text.count("{") + text.count("[") > _DEEPEST and _nests_too_deep(content):
        raise _too_deep()
    return Embedded(start, start + len(text), "json", content, text) if content else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError
    return content


def _float(written: str) -> float:
    # Infinity for 1e999 would be another text, and no JSON. Where NaN and Infinity are written as
    # words, as Python does by default, they stay so.
    number = float(written)
    if isinf(number):
        raise ValueError
    return number


def _nests_too_deep(content: Any) -> bool:
    level = [content]
    for _ in range(_DEEPEST):
        level = [
            item
            for node in level
            if isinstance(node, dict | list)
            for item in (node.values() if isinstance(node, dict) else node)
        ]
    return any(isinstance(node, dict | list) for node in level)


def _too_deep() -> EventError:
    return EventError("redact", "documents_too_deep")


def _to_json(document: Embedded, content: Any) -> str:
    written = document.written
    ascii_only = written.isascii()
    if indent := _INDENT.match(written):
        return json.dumps(content, ensure_ascii=ascii_only, indent=indent[1])
    return json.dumps(content, ensure_ascii=ascii_only, separators=_separators(written))


def _separators(written: str) -> tuple[str, str]:
    """Return that of the two usual spacings in which ``written`` would be as long as it is."""
    content, ascii_only = json.loads(written), written.isascii()

    def difference(separators: tuple[str, str]) -> int:
        made = json.dumps(content, ensure_ascii=ascii_only, separators=separators)
        return abs(len(made) - len(written))

    return min(((",", ":"), (", ", ": ")), key=difference)


def _escapes(text: str) -> Embedded | None:
    content = _ESCAPE.sub(_character, _HALVES.sub(_whole, text))
    content = content.encode("utf-16", "surrogatepass").decode("utf-16")  # pairs become one
    return Embedded(0, len(text), "escapes", content, text) if content != text else None


def _whole(found: re.Match[str]) -> str:
    """Return what was found, but for half of a pair: that is no text, no encoder takes it."""
    return r"\ufffd" if len(found[0]) == _ESCAPE_CHARACTERS else found[0]


def _character(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    plain = character.isprintable() and character not in {'"', "\\"}
    return character if plain or "\ud800" <= character <= "\udfff" else escape[0]


def _to_escapes(document: Embedded, content: str) -> str:
    return _NOT_ASCII.sub(_escaped, content) if document.written.isascii() else content


def _escaped(character: re.Match[str]) -> str:
    return json.dumps(character[0])[1:-1]


# -- forms ----------------------------------------------------------------------------------------


def _form(text: str) -> Embedded | None:
    if not _FORM.fullmatch(text):
        return None
    content = [_pair(pair) for pair in text.split("&")]
    return Embedded(0, len(text), "form", content, text)


def _pair(pair: str) -> dict[str, str]:
    key, _, value = pair.partition("=")
    return {_from_form(key): _from_form(value)}


def _from_form(text: str) -> str:
    # People write ``phone=+15550100`` and forget to encode it.
    first, rest = (text[0], text[1:]) if re.match(r"\+[0-9]", text) else ("", text)
    octets = unquote_to_bytes(rest.replace("+", " "))
    try:
        return first + octets.decode()
    except UnicodeDecodeError:
        return first + octets.decode("latin-1")  # as old servers wrote them


def _to_form(document: Embedded, content: list[dict[str, Any]]) -> str:
    pairs = zip(document.written.split("&"), content, strict=True)
    return "&".join(
        pair if _pair(pair) == now else _form_pairs(document.written, now)
        for pair, now in pairs
        if now
    )


def _form_pairs(written: str, content: dict[str, Any]) -> str:
    # One pair, mostly: redaction may have written another token beside that of the active key.
    made = "&".join(
        f"{quote(key, safe='[]')}={quote(str(value), safe='*')}" for key, value in content.items()
    )
    return made if "%20" in written else made.replace("%20", "+")


# -- base64 and hexadecimal -----------------------------------------------------------------------


def _runs(text: str) -> Iterator[Embedded]:
    if not _LONG.search(text):
        return
    for run in _RUN.finditer(text):
        start, letters, padding = run.start(), run["letters"], run["padding"] or ""
        if _DIGEST.fullmatch(letters):
            if _HEXADECIMAL.fullmatch(letters) and not padding:
                octets = bytes.fromhex(letters)
                yield Embedded(start, run.end(), "hexadecimal", octets.decode(), letters)
        elif content := _from_base64(letters):
            yield Embedded(start, run.end(), "base64", content, run[0])
        else:
            yield from _segments(start, letters, padding)


def _segments(start: int, letters: str, padding: str) -> Iterator[Embedded]:
    for segment in _SEGMENT.finditer(letters):
        if content := _from_base64(segment[0]):
            at, end = segment.span()
            written = segment[0] + (padding if end == len(letters) else "")
            yield Embedded(start + at, start + at + len(written), "base64", content, written)


def _from_base64(letters: str) -> str | None:
    line = "".join(letters.split()).translate(_STANDARD)
    if len(line) % 4 == 1:
        return None
    try:
        content = b64decode(line + "=" * (-len(line) % 4)).decode()
    except UnicodeDecodeError:
        return None
    return None if _UNPRINTABLE.search(content) else content


def _to_base64(document: Embedded, content: str) -> str:
    written = document.written
    made = b64encode(content.encode()).decode()
    if "-" in written or "_" in written or not _STANDARD_ONLY.search(written):
        made = made.translate(_URL_SAFE)
    if not written.endswith(("=", "%3D", "%3d")) and len(written) % 4:
        made = made.rstrip("=")
    elif "%3" in written:
        made = made.replace("=", "%3D")
    if line := _LINE.match(written):
        made = line[2].join(wrap(made, len(line[1])))
    return made


def _to_hexadecimal(document: Embedded, content: str) -> str:
    made = content.encode().hex()
    return made.upper() if document.written.isupper() else made


_ENCODERS: Mapping[str, Callable[[Embedded, Any], str]] = MappingProxyType(
    {
        "json": _to_json,
        "escapes": _to_escapes,
        "form": _to_form,
        "base64": _to_base64,
        "hexadecimal": _to_hexadecimal,
    }
)
