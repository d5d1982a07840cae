"""Paths of events as a label of a metric may name them: cut down to the event spec's own fields."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from streamproc.decode.spec import FIELDS

__all__ = ["OTHER", "family"]

OTHER: Final = "other"
NESTED: Final = "context"
"""The one field whose parts are families of their own: ``context.traits`` is a person's, and
``context.library`` nobody's."""
CONTEXT: Final = frozenset(
    """
    active app campaign device externalId ip library locale location network os page referrer screen
    sessionId timezone traits userAgent
    """.split()  # noqa: SIM905 - a list of words reads better as words
)
"""https://segment.com/docs/connections/spec/common/#context"""
TOP: Final = frozenset(name for name, _ in FIELDS)
STEPS: Final = re.compile(r"[.\[]")


@lru_cache(maxsize=4_096)
def family(path: str) -> str:
    """Return which part of an event ``path``, of a manifest, lies in.

    Returns:
        A field of the event spec, ``context.`` and one of its fields, or ``other``: 32 in all.
    """
    first, *rest = STEPS.split(path, maxsplit=2)
    if first not in TOP:
        return OTHER
    if first != NESTED:
        return first
    return f"{NESTED}.{rest[0]}" if rest and rest[0] in CONTEXT else f"{NESTED}.{OTHER}"
