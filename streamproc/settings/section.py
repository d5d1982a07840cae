"""What the sections of the settings are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["Bytes", "Count", "Port", "Seconds", "Section", "Texts"]

Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=1)]
Bytes = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0.01, le=3_600)]
"""What Kafka's client takes of every duration that it is told."""


def listed(value: object) -> object:
    """Return a list for a text with commas in it, which is how a variable has one."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


Texts = Annotated[tuple[str, ...], BeforeValidator(listed)]
"""A list; in a variable, and where it is shorter so, a text with commas between."""


class Section(BaseModel):
    """A table of ``streamproc.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
