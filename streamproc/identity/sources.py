"""The sections ``attributes``, ``sources`` and ``export`` of the identity configuration.

Where what the business knows comes from, what of it may enter events, and what goes back. The
configuration that is shipped shows each, with what it says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from streamproc.expected import NAME
from streamproc.identity.attributes import ACCOUNT, USER_ID
from streamproc.rules.document import Location, nearest
from streamproc.rules.operators import Statement

__all__ = [
    "IDENTITY",
    "MOST_ATTRIBUTES",
    "AllowedAttribute",
    "AttributesSection",
    "Export",
    "ExportSection",
    "Source",
    "SourceObject",
    "SourcesSection",
    "contradictions",
]

IDENTITY: Final = "identity"
"""The join by a token that the warehouse gave: a column of `identity_id`s, as scores have it."""

MOST_ATTRIBUTES: Final = 100
"""Attributes that may be allowed: each is a column of every table in the warehouse."""

RESERVED: Final = frozenset({"id", "account", "by", "since", "resolved_by", "resolved_at"})
"""What an attribute cannot be called: `identity_id` and the like are columns already."""

SMALL: Final = r"^[a-z][a-z0-9_]{0,62}$"
TABLE: Final = r"^[^.\s\x00]{1,63}(?:\.[^.\s\x00]{1,63})?$"

AttributeName: TypeAlias = Annotated[str, Field(pattern=SMALL)]
Name: TypeAlias = Annotated[str, Field(pattern=NAME)]
Column: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
Table: TypeAlias = Annotated[str, Field(pattern=TABLE)]
Kind: TypeAlias = Literal["string", "integer", "number", "boolean", "date", "timestamp"]


def _by_type(written: object) -> object:
    return {"type": written} if isinstance(written, str) else written


class AllowedAttribute(Statement):
    """An attribute that may enter events."""

    type: Kind
    """What it is. What cannot be read as that is left out, and counted."""
    personal: Literal["redact", "refuse"] = "redact"
    """What is done where the rules find personal data in it: what they say, or it is left out."""


class SourceObject(Statement):
    """One kind of records of a source: a table, a stream or the rows of a file."""

    table: Table | None = None
    """Its table in PostgreSQL, such as `salesforce.contact`, as Heroku Connect keeps it."""
    stream: Column | None = None
    """Its name in a Singer tap's messages; the object's own name when unset."""
    record: Column | None = None
    """The column of the record's own id; unset, `sfid` of a table, else that of the first join."""
    modified_at: Column | None = None
    """The column that says when it was modified; unset, `systemmodstamp` of a table, else the
    moment at which it is read counts."""
    deleted: Column | None = None
    """The column that says whether it is deleted; unset, `isdeleted` of a table."""
    joins: Annotated[dict[Name, Column], Field(min_length=1)]
    """Whom it is about, by column: `user_id`, a trait of `identifiers`, `account`, or `identity`
    for tokens that the warehouse gave. With `account` alone it is about the account."""
    attributes: dict[AttributeName, Column] = {}  # noqa: RUF012 - frozen
    """The columns of its attributes; those that `attributes` allows."""

    @property
    def id_column(self) -> str:
        """The column of the record's own id."""
        return self.record or ("sfid" if self.table else next(iter(self.joins.values())))

    @property
    def modified_column(self) -> str | None:
        """The column that says when it was modified, if one does."""
        return self.modified_at or ("systemmodstamp" if self.table else None)

    @property
    def deleted_column(self) -> str | None:
        """The column that says whether it is deleted, if one does."""
        return self.deleted or ("isdeleted" if self.table else None)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read, each once."""
        read = (self.id_column, self.modified_column, self.deleted_column)
        named = (column for column in read if column is not None)
        return tuple(dict.fromkeys((*named, *self.joins.values(), *self.attributes.values())))


class Source(Statement):
    """Where records come from."""

    objects: Annotated[dict[Name, SourceObject], Field(min_length=1)]
    """Its kinds of records, by name."""
    overlap_seconds: Annotated[int, Field(ge=0, le=86_400)] = 300
    """How far before where it was a sync of tables reads again: rows that were committed late have
    times that it has passed."""


class Export(Statement):
    """A table that attributes are written back to."""

    table: Table
    """The table in PostgreSQL, such as `salesforce.score__c`; Heroku Connect takes it on."""
    external_id: Column
    """Its column, unique, that holds the identity's token: rows are found by it, and made."""
    about: Literal["person", "account"] = "person"
    """Whose attributes: a row for each person, or for each account."""
    columns: Annotated[dict[Column, AttributeName], Field(min_length=1)]
    """The attribute that goes into each column; nothing else is written."""

    @model_validator(mode="after")
    def _apart(self) -> Export:
        if self.external_id in self.columns:
            raise PydanticCustomError("external_id", "external_id is a column of its own")
        return self


AttributesSection: TypeAlias = Annotated[
    dict[
        AttributeName,
        Annotated[
            AllowedAttribute,
            BeforeValidator(_by_type, json_schema_input_type=Kind | AllowedAttribute),
        ],
    ],
    Field(max_length=MOST_ATTRIBUTES),
]
"""What may enter events: by name, the type or `{type: …, personal: …}`."""
SourcesSection: TypeAlias = dict[Name, Source]
"""Where it comes from; where sources differ, the first has precedence."""
ExportSection: TypeAlias = dict[Name, Export]
"""What is written back, and where."""


def contradictions(
    attributes: Mapping[str, AllowedAttribute],
    sources: Mapping[str, Source],
    exports: Mapping[str, Export],
    traits: Mapping[str, Collection[tuple[str, ...]]],
) -> Iterator[tuple[Location, str]]:
    """Yield what the sections say of each other that cannot be, and where.

    Args:
        attributes: What is allowed.
        sources: Where it comes from.
        exports: What is written back.
        traits: Where events have the traits of ``identifiers``, by name.
    """
    identifying = {keys for fields in traits.values() for keys in fields}
    for name in attributes:
        if name in RESERVED:
            yield ("attributes", name), "cannot be called so: the warehouse has such a column"
        elif ("traits", name) in identifying:
            yield ("attributes", name), "is a trait of identifiers: it cannot be an attribute too"
    for source, said in sources.items():
        if source == "cursor":
            yield ("sources", source), "cannot be called so"
        for kind, each in said.objects.items():
            at = ("sources", source, "objects", kind)
            yield from _of_object(at, each, attributes, traits)
    for name, export in exports.items():
        for column, attribute in export.columns.items():
            if attribute not in attributes:
                told = f"attributes does not allow {attribute}{nearest(attribute, attributes, 0.6)}"
                yield ("export", name, "columns", column), told


def _of_object(
    at: Location, said: SourceObject, attributes: Mapping[str, Any], traits: Collection[str]
) -> Iterator[tuple[Location, str]]:
    known = (USER_ID, ACCOUNT, IDENTITY, *traits)
    for join in said.joins:
        if join not in known:
            hint = nearest(join, known, 0.6) or f"; there are {', '.join(known)}"
            yield (*at, "joins", join), f"no such identifier{hint}"
    for name in said.attributes:
        if name not in attributes:
            told = f"attributes does not allow it{nearest(name, attributes, 0.6)}"
            yield (*at, "attributes", name), told
