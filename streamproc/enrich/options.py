"""Which enrichments there are, and how each is told to work: a section of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from streamproc.rules.operators import Statement

__all__ = ["GeoField", "GeoOptions", "Options", "ReferrerOptions", "UserAgentOptions"]

GeoField: TypeAlias = Literal["country", "region", "city"]


class UserAgentOptions(Statement):
    """`context.userAgent` as browser, system and device."""

    keep: bool = False
    """Whether the user agent stays beside what was read out of it. Its many versions tell devices
    apart, so it goes unless it is wanted."""


class GeoOptions(Statement):
    """`context.ip` as a place."""

    file: Path
    """A database in MaxMind's format, such as GeoLite2-City.mmdb. It is read at the start, and what
    it holds joins the fingerprint on rows."""
    fields: Annotated[tuple[GeoField, ...], Field(min_length=1)] = ("country", "region")
    """What is read out of it: codes of ISO 3166, and a city's name. A city has to be asked for:
    with a date it can tell who somebody is."""


class ReferrerOptions(Statement):
    """`context.page.referrer` as the kind of place it is."""

    internal: tuple[str, ...] = ()
    """Domains of one's own, beside that of the page."""


class Options(Statement):
    """What is read out of events before they are redacted; nothing, if it is not named here.

    What it adds is searched and redacted as if the producer had sent it.
    """

    user_agent: UserAgentOptions | None = None
    """Adds `context.browser`, `context.os` and `context.device`."""
    geo: GeoOptions | None = None
    """Adds `context.location`."""
    campaign: bool = False
    """Adds `context.campaign` from the `utm_` parameters of the page's URL."""
    referrer: ReferrerOptions | None = None
    """Adds `context.referrer`: `search`, `social`, `email`, `assistant`, `internal` or `other`, and
    the name of a known one."""

    def __bool__(self) -> bool:
        """Return whether anything is asked for."""
        return any((self.user_agent, self.geo, self.campaign, self.referrer))
