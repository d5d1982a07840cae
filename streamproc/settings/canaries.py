"""The settings of canaries."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_core import PydanticKnownError

from streamproc.settings.section import Count, Seconds, Section, Texts, listed

__all__ = ["CanarySettings"]

Places = Annotated[
    tuple[Literal["traits", "prose", "url", "encoded_url", "nested", "keys"], ...],
    BeforeValidator(listed),
    Field(min_length=1),
]
Kinds = Annotated[
    tuple[Literal["email", "ip", "phone", "card", "person"], ...],
    BeforeValidator(listed),
    Field(min_length=1),
]

SECRET_CHARACTERS: Final = 32
"""128 bits in hexadecimal."""


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < SECRET_CHARACTERS:
        raise PydanticKnownError("string_too_short", {"min_length": SECRET_CHARACTERS})
    return secret


class CanarySettings(Section):
    """Made-up people sent through the raw topic, and the search for what is theirs behind it."""

    secret: Annotated[SecretStr, AfterValidator(_long_enough)] | None = None
    """What they are made from and known again by; 32 characters or more that nobody else has."""
    interval_seconds: Seconds = 60
    """How often one is sent, to each partition of the raw topic in turn."""
    expected_seconds: Seconds = 60
    """How long one may take to the loader topic before it is late."""
    people: Count = 4
    """How many people take turns: what identity state comes to hold of them."""
    places: Places = ("traits", "prose", "url", "encoded_url", "nested", "keys")
    """Where in events their data is planted."""
    kinds: Kinds = ("email", "ip", "phone", "card", "person")
    """What of it the rules in force must not let through."""
    removal_seconds: Seconds = 300
    """How often the loaders are told to delete their rows."""
    warehouse: bool = False
    """Whether their rows are searched in the warehouse too, before they are deleted."""
    logs: Texts = ()
    """Log files to search as they grow, or patterns of them such as `/var/log/streamproc/*.log`."""
    pages: Texts = ()
    """Pages to search, such as `http://127.0.0.1:9464/metrics`."""
