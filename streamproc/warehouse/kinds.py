"""The kinds of columns, and which kind holds the values of two others."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["Kind", "join"]


class Kind(StrEnum):
    """What a column holds; each warehouse has a type for every kind.

    ``INTEGER`` has 64 bits, ``FLOAT`` is a double, ``TIMESTAMP`` is UTC in microseconds, ``JSON``
    is a document as text.
    """

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    DATE = "date"
    TIMESTAMP = "timestamp"
    STRING = "string"
    JSON = "json"


WIDER: Final = {
    Kind.BOOLEAN: (Kind.BOOLEAN, Kind.STRING),
    Kind.INTEGER: (Kind.INTEGER, Kind.FLOAT, Kind.STRING),
    Kind.FLOAT: (Kind.FLOAT, Kind.STRING),
    Kind.DATE: (Kind.DATE, Kind.TIMESTAMP, Kind.STRING),
    Kind.TIMESTAMP: (Kind.TIMESTAMP, Kind.STRING),
    Kind.JSON: (Kind.JSON, Kind.STRING),
    Kind.STRING: (Kind.STRING,),
}
"""The lattice: by kind, the kinds that hold all its values, the narrowest first."""


def join(one: Kind, other: Kind) -> Kind:
    """Return the narrowest kind that holds the values of both.

    Idempotent, commutative and associative, so that it does not matter which of several loaders
    sees which values first.
    """
    return next(kind for kind in WIDER[one] if kind in WIDER[other])
