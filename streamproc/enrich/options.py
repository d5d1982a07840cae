"""Which enrichments there are, and how each is told to work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

__all__ = ["GEO_FIELDS", "GeoField", "GeoOptions", "Options", "ReferrerOptions", "UserAgentOptions"]

GeoField: TypeAlias = Literal["country", "region", "city"]

GEO_FIELDS: Final[tuple[GeoField, ...]] = get_args(GeoField)


@dataclass(frozen=True, slots=True)
class UserAgentOptions:
    """Of ``user_agent``.

    Attributes:
        keep: Whether ``context.userAgent`` stays beside what was read out of it. Its many versions
            tell devices apart, so it goes unless it is wanted.
    """

    keep: bool = False


@dataclass(frozen=True, slots=True)
class GeoOptions:
    """Of ``geo``.

    Attributes:
        file: A database in MaxMind's format, such as GeoLite2-City.mmdb.
        fields: What is read out of it. A city is not among them unless it is named: with a postcode
            or a date it tells who somebody is.
    """

    file: Path
    fields: tuple[GeoField, ...] = ("country", "region")


@dataclass(frozen=True, slots=True)
class ReferrerOptions:
    """Of ``referrer``.

    Attributes:
        internal: Domains of one's own, beside that of the page.
    """

    internal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """The enrichments that are asked for; None where one is not."""

    user_agent: UserAgentOptions | None = None
    geo: GeoOptions | None = None
    campaign: bool = False
    referrer: ReferrerOptions | None = None
