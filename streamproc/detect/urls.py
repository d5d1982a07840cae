"""The parts of URLs, decoded: texts of their own, each with a way back to where it stood.

Presidio reads a URL as one run of letters. It misses an address whose ``@`` is percent-encoded,
takes ``host/confirm?email=jane@example.com`` for one long address, and finds none in
``/users/jane@example.com/orders``, because what precedes the ``@`` reaches to the slash. So a URL
is taken apart as RFC 3986 says (user information, path segments, query keys and values, fragment),
each part is percent-decoded, and detected by itself with the words of its query key as context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from streamproc.detect.texts import key_words

__all__ = ["Part", "url_parts"]

ROUNDS = 3
"""Times a part is decoded, and taken apart again where that gives another URL (a ``redirect=`` in a
``redirect=``). Each round makes a text shorter, so the whole is linear in the text."""

_SHORTEST = 3
"""Code points of the shortest part that is worth detecting."""

_URL = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*://|[/?])")
_RUN = re.compile(r"\S+")
_WITHIN = re.compile(r"://|%[0-9A-Fa-f]{2}|\?[\w.\[\]-]+=")
"""What makes a run a URL. Looked for in one run at a time: in one pattern with what may be around
it, a run of a hundred thousand letters that holds none of these takes minutes."""
_NESTED = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*://|[/?])|\S*[?&][\w.\[\]-]+=")
_AUTHORITY = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://(?:([^/?#@]*)@)?[^/?#]*")
_TOKEN = re.compile(r"[^/?&;#]+")
_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+|\+")


class Part(NamedTuple):
    """A decoded part of a URL.

    Attributes:
        text: What it says.
        context: Words of its query key, or of the path segment before it; lower case.
        offsets: For each code point of ``text``, and for its end, where that stood in the URL.
    """

    text: str
    context: tuple[str, ...]
    offsets: Sequence[int]

    def __repr__(self) -> str:
        """Return the part's length in place of its text, which may be personal data."""
        return f"Part(<{len(self.text)} characters>)"

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the URL that ``text[start:end]`` was decoded from."""
        return self.offsets[start], self.offsets[end]


def url_parts(text: str) -> Iterator[Part]:
    """Yield the parts of every URL in ``text``; nothing where there is none.

    A text is a URL if it begins with a scheme (``https://``), a slash or a question mark. In any
    other, runs without white space are URLs if they hold ``://``, a percent-encoded octet or a
    query. The host is no part: it stands in the text as it is.
    """
    if "://" not in text and "%" not in text and "?" not in text and not text.startswith("/"):
        return
    if _URL.match(text):
        yield from _take_apart(Part(text, (), range(len(text) + 1)), ROUNDS)
        return
    for run in _RUN.finditer(text):
        if _WITHIN.search(run[0]):
            start, end = run.span()
            yield from _take_apart(Part(run[0], (), range(start, end + 1)), ROUNDS)


def _take_apart(url: Part, rounds: int) -> Iterator[Part]:
    at = 0
    if authority := _AUTHORITY.match(url.text):
        at = authority.end()
        if authority[1]:
            yield from _decode(_slice(url, *authority.span(1), ()), rounds, form=False)
    before = ""
    for token in _TOKEN.finditer(url.text, at):
        start, end = token.span()
        key, equals, _ = token[0].partition("=")
        if equals:
            middle = start + len(key)
            yield from _decode(_slice(url, start, middle, ()), rounds, form=True)
            yield from _decode(_slice(url, middle + 1, end, key_words(key)), rounds, form=True)
        else:
            context = key_words(before) or url.context
            yield from _decode(_slice(url, start, end, context), rounds, form=False)
        before = key


def _slice(url: Part, start: int, end: int, context: tuple[str, ...]) -> Part:
    return Part(url.text[start:end], context, url.offsets[start : end + 1])


def _decode(part: Part, rounds: int, *, form: bool) -> Iterator[Part]:
    """Yield ``part`` decoded, or its own parts if it is a URL again."""
    if len(part.text) < _SHORTEST:
        return
    decoded = _percent_decode(part, form=form)
    if decoded is part or rounds == 1:
        yield decoded
    elif _NESTED.match(decoded.text):
        yield from _take_apart(decoded, rounds - 1)
    else:
        yield from _decode(decoded, rounds - 1, form=False)


def _percent_decode(part: Part, *, form: bool) -> Part:
    """Return ``part`` decoded once (RFC 3986, 2.1), or itself if nothing in it is encoded.

    Args:
        part: What to decode.
        form: Whether a plus sign is a space, as in forms. Not one that begins a number: people
            write ``?phone=+15550100`` and forget to encode it.
    """
    text = part.text
    if "%" not in text and not (form and "+" in text):
        return part
    pieces: list[str] = []
    offsets: list[int] = []
    at = 0
    for match in _ENCODED.finditer(text):
        start, end = match.span()
        if text[start] == "+" and (not form or (start == 0 and text[1:2].isdigit())):
            continue
        pieces.append(text[at:start])
        offsets.extend(part.offsets[at:start])
        for character, octets in _characters(match[0]):
            pieces.append(character)
            offsets.append(part.offsets[start])
            start += 3 * octets
        at = end
    if not at:
        return part
    pieces.append(text[at:])
    offsets.extend(part.offsets[at:])
    return Part("".join(pieces), part.context, offsets)


def _characters(encoded: str) -> Iterator[tuple[str, int]]:
    """Yield the characters that ``encoded`` stands for, each with its number of octets.

    Octets that are not UTF-8 are read as Latin-1, as old servers wrote them.
    """
    if encoded == "+":
        yield " ", 1
        return
    octets = bytes.fromhex(encoded.replace("%", ""))
    for character in octets.decode("utf-8", "surrogateescape"):
        if "\udc80" <= character <= "\udcff":
            yield chr(ord(character) - 0xDC00), 1
        else:
            yield character, len(character.encode())
