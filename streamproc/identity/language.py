"""The language of the identity configuration, version 1: what may stand in its YAML file.

Every section may be left out, and so may every key of one: then its default counts.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from streamproc.enrich.options import Options
from streamproc.expected import ENTITY, NAME
from streamproc.identity.sources import AttributesSection, ExportSection, SourcesSection
from streamproc.rules import SEARCHABLE
from streamproc.rules.document import nearest
from streamproc.rules.operators import Statement

__all__ = ["RESERVED", "Accounts", "Identifiers", "IdentityConfig", "Keys", "Limits", "Trait"]

RESERVED: Final = frozenset({"user_id", "anonymous_id", "previous_id", "account", "none"})
"""What else an event says of whom it is about; no trait has such a name."""

GENERIC: Final = frozenset(
    {
        "-",
        "-1",
        "0",
        "00000000-0000-0000-0000-000000000000",
        "[object object]",
        "anonymous",
        "false",
        "guest",
        "n/a",
        "nan",
        "nil",
        "nobody",
        "none",
        "null",
        "true",
        "undefined",
        "unknown",
    }
)
"""What programs write where they know no id."""

_NO_KEY: Final = frozenset("*[]$")


def _keys(written: object) -> object:
    if isinstance(written, tuple):
        return written
    keys = tuple(written.split(".")) if isinstance(written, str) else ("",)
    if not all(keys) or any(_NO_KEY.intersection(key) for key in keys):
        raise PydanticCustomError(
            "keys", "expected keys joined by dots, such as context.traits.email"
        )
    return keys


def _entity(name: str) -> str:
    if name not in SEARCHABLE:
        hint = nearest(name, SEARCHABLE, 0.6)
        raise PydanticCustomError("unknown_entity", "no such entity{hint}", {"hint": hint})
    return name


def _trait_name(name: str) -> str:
    if name in RESERVED:
        raise PydanticCustomError("reserved", "is what an event says without any configuration")
    return name


def _folded(values: frozenset[str]) -> frozenset[str]:
    return frozenset(value.strip().casefold() for value in values)


Keys = Annotated[
    tuple[str, ...],
    BeforeValidator(_keys),
    WithJsonSchema({"type": "string", "pattern": r"^[^.*\[\]$]+(\.[^.*\[\]$]+)*$"}),
]
"""Where a value is: the keys from the event's root, as producers write them, joined by dots. Read,
it is a tuple of them."""

Most = Annotated[int, Field(ge=1, le=2_000, strict=True)]


class Trait(Statement):
    """What names a person besides the ids of an event, such as an e-mail address."""

    name: Annotated[str, Field(pattern=NAME), AfterValidator(_trait_name)]
    """Stands in links; attributes of the business can be joined by it."""
    fields: Annotated[tuple[Keys, ...], Field(min_length=1)]
    """Where events have it, such as `context.traits.email`; the first that is a text or a whole
    number counts."""
    entity: Annotated[str, Field(pattern=ENTITY), AfterValidator(_entity)] | None = None
    """What it is, as rules name it: an `EMAIL_ADDRESS` or a `PHONE_NUMBER` is one however it is
    written. Without it, case and all else count."""


class Identifiers(Statement):
    """What names a person, and what names nobody."""

    traits: tuple[Trait, ...] = ()
    """What else names a person; where one has nothing to say, the next is asked."""
    generic: Annotated[frozenset[Annotated[str, Field(min_length=1)]], AfterValidator(_folded)] = (
        GENERIC
    )
    """Ids and traits that stand for nobody, whatever their case: events are taken as if they had
    not said them. The list replaces the one that is built in."""
    characters: Annotated[int, Field(ge=1, le=4_096, strict=True)] = 512
    """Longest id or trait; what is longer names nobody, and neither does what has control
    characters in it."""


class Limits(Statement):
    """From where on ids are not believed to be one person's.

    What was stated counts, whether it was taken back or not, so that it does not matter when.
    """

    ids_per_person: Most = 100
    """A person of more ids, by aliases, is quarantined: each of the ids stands for itself."""
    devices_per_user: Most = 500
    """A user id stated with more devices (anonymous ids) says nothing of any of them."""
    users_per_device: Most = 20
    """A device stated with more user ids is shared: it is nobody's."""
    traits_per_user: Most = 50
    """A user id stated with more traits says nothing of any of them."""
    users_per_trait: Most = 20
    """A trait stated with more user ids is shared: it is nobody's, as the address of a support
    team."""
    traits_per_device: Most = 20
    """A device stated with more traits, and without a user id, belongs to nobody by them."""
    devices_per_trait: Most = 500
    """A trait stated with more devices, and without a user id, says nothing of them."""
    accounts_per_user: Most = 100
    """A user id (or device) stated with more accounts has none that is remembered."""


class Accounts(Statement):
    """Which account a person belongs to."""

    fields: Annotated[
        tuple[Keys, ...], Field(json_schema_extra={"default": ["context.groupId"]})
    ] = (("context", "groupId"),)
    """Where an event names the account it happened in; the first that is a text or a whole number
    counts. A group event names it in `groupId`."""
    remembered: bool = True
    """Whether the account of a group event is that of the person's other events too, until another
    group event; else only events that name one have one."""


class IdentityConfig(Statement):
    """An identity configuration: the whole of a YAML file."""

    version: Literal[1]
    """The version of the language."""
    identifiers: Identifiers = Field(default_factory=Identifiers)
    limits: Limits = Field(default_factory=Limits)
    accounts: Accounts = Field(default_factory=Accounts)
    attributes: AttributesSection = {}  # noqa: RUF012 - frozen
    """What the business knows that may enter events: by name, its type, or
    `{type: string, personal: refuse}`."""
    sources: SourcesSection = {}  # noqa: RUF012 - frozen
    """Where that comes from; where sources differ, the first has precedence."""
    export: ExportSection = {}  # noqa: RUF012 - frozen
    """Tables that it is written back to."""
    enrichments: Options = Field(default_factory=Options)
    """What is read out of events before they are redacted."""

    @property
    def graph_fingerprint(self) -> str:
        """16 hexadecimal digits that name what decides how links are kept.

        A state that was kept by another configuration has to be made anew from the links.
        """
        return _fingerprint([self.limits.model_dump(), sorted(self.identifiers.generic)])


def _fingerprint(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
