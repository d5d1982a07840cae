"""A user agent's browser, system and device."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final

from ua_parser import parse

from streamproc.events import Json

__all__ = ["UserAgents"]

KEPT: Final = 10_000
"""User agents that are remembered: a site meets some thousands in a day, parsing takes 12 µs."""

LONGEST: Final = 1_024
"""Longer ones are no browser's; the patterns take time that grows with the length."""

NOTHING: Final[Mapping[str, Mapping[str, Json]]] = {}


class UserAgents:
    """Reads ``context.userAgent`` with the patterns of uap-core.

    Attributes:
        version: Of the patterns.
    """

    def __init__(self) -> None:
        """Start with nothing remembered."""
        self.version = version("ua-parser-builtins")
        self._parsed = lru_cache(KEPT)(_parsed)

    def read(
        self, _body: Mapping[str, Any], context: Mapping[str, Any]
    ) -> Mapping[str, Mapping[str, Json]]:
        """Return ``browser``, ``os`` and ``device`` of the event; nothing of an unknown agent."""
        agent = context.get("userAgent")
        if type(agent) is not str or not agent or len(agent) > LONGEST:
            return NOTHING
        return self._parsed(agent)


def _parsed(agent: str) -> Mapping[str, Mapping[str, Json]]:
    found = parse(agent)
    made: dict[str, Mapping[str, Json]] = {}
    if (browser := found.user_agent) is not None:
        made["browser"] = {"name": browser.family, "version": browser.major}
    if (system := found.os) is not None:
        parts = [part for part in (system.major, system.minor) if part is not None]
        made["os"] = {"name": system.family, "version": ".".join(parts) or None}
    if (device := found.device) is not None:
        made["device"] = {"manufacturer": device.brand, "model": device.model}
    return made
