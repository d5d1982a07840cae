"""Documents in texts."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Embedded", "embedded", "encoded"]


class Embedded(NamedTuple):
    """A document in a text."""

    start: int
    end: int
    codec: str
    content: Any


def embedded(_text: str, _without: frozenset[str] = frozenset()) -> tuple[Embedded, ...]:
    """Return the documents in a text."""
    return ()


def encoded(document: Embedded, content: Any) -> str:
    """Return ``content`` as ``document`` is written."""
    raise AssertionError(content, document)
