"""How a warehouse writes names and types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streamproc.warehouse.kinds import Kind

__all__ = ["Dialect"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """A warehouse's ways, as far as names and types go.

    Attributes:
        name: Of the warehouse, such as ``snowflake``.
        upper: Whether identifiers are written in upper case.
        name_length: Longest table or column name, in characters.
        columns: Most columns a table can have.
        reserved: Words that cannot be names, in lower case.
        types: The column type of each kind.
        text_bytes: Longest text a column takes, in bytes of UTF-8.
        digest: SQL of the digest of a text ``{}`` as a 64-bit integer, where messages are found
            quicker by it than by their ids.
    """

    name: str
    upper: bool
    name_length: int
    columns: int
    reserved: frozenset[str]
    types: Mapping[Kind, str]
    text_bytes: int
    digest: str | None = None

    def quote(self, name: str) -> str:
        """Return ``name`` as an identifier, in the warehouse's case."""
        cased = name.upper() if self.upper else name
        return '"' + cased.replace('"', '""') + '"'
