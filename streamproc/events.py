"""The frozen types that flow, in the order of the way: Record, Event, Redacted, Enriched, Row.

Imports nothing of streamproc but ``errors``. Two rules hold for every type here: what can hold a
value of an event is left out of ``repr``; and what is still raw (:class:`Record`, :class:`Event`)
has another type than what is redacted, so that a sink cannot be handed the wrong one.

Times are integers: microseconds since the Unix epoch, UTC. What is made for every event is a named
tuple: a frozen dataclass takes four times as long to make, 6 µs an event for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple, NewType, TypeAlias

from streamproc.errors import Stage

__all__ = [
    "EVENT_TYPES",
    "DeadLetter",
    "Deletion",
    "Dropped",
    "Enriched",
    "Event",
    "EventType",
    "Finding",
    "Headers",
    "Identity",
    "Json",
    "Link",
    "LinkKind",
    "ManifestEntry",
    "Micros",
    "Origin",
    "Outcome",
    "Path",
    "RawBody",
    "Record",
    "Redacted",
    "RedactedBody",
    "ResolvedBy",
    "Row",
    "Subject",
    "Times",
    "Token",
    "Violation",
    "path_text",
]

Json: TypeAlias = "str | int | float | bool | Mapping[str, Json] | Sequence[Json] | None"
EventType: TypeAlias = Literal["identify", "track", "page", "screen", "group", "alias"]
Path: TypeAlias = tuple[str | int, ...]
"""Keys and list indexes from the root to a leaf: ``("properties", "products", 0, "sku")``."""

EVENT_TYPES: frozenset[str] = frozenset({"identify", "track", "page", "screen", "group", "alias"})

Micros = NewType("Micros", int)
Token = NewType("Token", str)
"""A keyed pseudonym such as ``tok_k1_…``: what stands for an identifier outside the raw topic."""

RawBody = NewType("RawBody", dict[str, Json])
RedactedBody = NewType("RedactedBody", dict[str, Json])


def path_text(path: Path) -> str:
    """Return ``path`` as people write it: ``properties.products[0].sku``."""
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(parts).removeprefix(".")


class Origin(NamedTuple):
    """Where a record of the raw topic lies; names it for good."""

    topic: str
    partition: int
    offset: int


Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]
"""A record's headers, in order; a name may come twice."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the raw topic, as Kafka gave it."""

    origin: Origin
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    timestamp: Micros
    headers: Headers = field(default=(), repr=False)


class Times(NamedTuple):
    """The four timestamps of the event spec, and the one they yield.

    ``timestamp`` is ``received_at - (sent_at - original_timestamp)`` where all three are there: the
    moment of the event on the server's clock, however wrong the device's clock is.
    """

    original_timestamp: Micros | None
    sent_at: Micros | None
    received_at: Micros
    timestamp: Micros


class Violation(NamedTuple):
    """Where an event is not as the tracking plan has it; holds no value.

    ``path`` is written as a manifest's; ``code`` is one of a few, such as ``wrong_type``.
    """

    path: str
    code: str


class Event(NamedTuple):
    """A decoded event that keeps to the event spec; still raw.

    ``raw`` is the JSON text that the body was read from; ``violations`` are where it is not
    as the tracking plan has it, if that says to mark them.
    """

    origin: Origin
    key: bytes | None
    type: EventType
    message_id: str
    times: Times
    body: RawBody
    raw: bytes
    violations: tuple[Violation, ...] = ()

    def __repr__(self) -> str:
        """Say which it is, without its values."""
        return f"Event(origin={self.origin}, type={self.type!r})"


class Finding(NamedTuple):
    """A piece of personal data in one text. Spans are half-open and in code points.

    Attributes:
        start: First code point.
        end: One past the last code point.
        entity: Presidio's name of the kind, such as ``EMAIL_ADDRESS``.
        score: Confidence from 0 to 1.
        recognizer: The recognizer that found it.
        step: What made the finding: ``text`` for the text as it stands (equal to Presidio's own),
            else the step past Presidio, such as ``url``: those of ``streamproc.rules``.
    """

    start: int
    end: int
    entity: str
    score: float
    recognizer: str
    step: str = "text"


class ManifestEntry(NamedTuple):
    """What was done to one finding or one field; holds no value.

    ``path`` is the leaf's, list indexes included, with every key that is no plain word written as
    ``*``: a key can be personal data too. ``key_version`` is None for operators without a key.
    """

    path: str
    entity: str
    rule: str
    operator: str
    score: float
    key_version: str | None


class Subject(NamedTuple):
    """Whom an event is about, as tokens; each None where the event does not say.

    While keys overlap, ``users_before`` and ``anonymous_before`` are the tokens of the same ids
    that were made with the keys before. ``traits`` are what else names a person, such as an e-mail
    address, by the names that the identity configuration gives them; of each the token made with
    the active key is the first. ``group`` is the account that the event names.
    """

    user: Token | None
    anonymous: Token | None
    previous: Token | None
    users_before: tuple[Token, ...] = ()
    anonymous_before: tuple[Token, ...] = ()
    traits: tuple[tuple[str, Token], ...] = ()
    group: Token | None = None


class Redacted(NamedTuple):
    """An event after its rules; nothing raw is left in it.

    ``ordering_key`` is the token of the raw record's key (or of the subject): it keeps the order of
    one key's records. ``ruleset`` is the ruleset's fingerprint.
    """

    origin: Origin
    type: EventType
    message_id: str
    ordering_key: bytes
    times: Times
    body: RedactedBody
    manifest: tuple[ManifestEntry, ...]
    ruleset: str
    subject: Subject
    violations: tuple[Violation, ...] = ()

    def __repr__(self) -> str:
        """Say which it is, without its values."""
        return f"Redacted(origin={self.origin}, type={self.type!r}, manifest={self.manifest})"


ResolvedBy: TypeAlias = Literal["user_id", "alias", "anonymous_id", "trait", "none"]


class Identity(NamedTuple):
    """Whom an event belongs to.

    Attributes:
        id: A token that is the same for all ids of one person; None when the event names nobody.
        account: Token of the account that the person belongs to, if one is known.
        by: What showed it: the event's own user id, one that an alias joins to others, its
            anonymous id, or a trait such as an e-mail address.
        since: When the link was stated that shows it; None where the event's own id does.
        attributes: What the business knows of the person and the account, as its configuration
            allows it into events; by name, in the order of names.
    """

    id: Token | None
    account: Token | None = None
    by: ResolvedBy = "none"
    since: Micros | None = None
    attributes: Mapping[str, Json] = MappingProxyType({})

    def __repr__(self) -> str:
        """Say which it is, without its values."""
        return f"Identity(id={self.id!r}, by={self.by!r})"


class Enriched(NamedTuple):
    """A redacted event and the identity it belongs to."""

    redacted: Redacted
    identity: Identity


LinkKind: TypeAlias = Literal["identify", "alias", "trait", "trait_device", "group"]


class Link(NamedTuple):
    """Two tokens that belong together, and when that was stated.

    ``identify`` links an anonymous id (``left``) to a user id (``right``); ``alias`` says that two
    ids are one person, and is written with the smaller token left; ``trait`` links the token of a
    trait (``left``), whose name is ``name``, to a user id, and ``trait_device``, of an event
    without one, to an anonymous id; ``group`` links a user id (``left``), or an anonymous id, to an
    account.

    ``cut`` takes the link back, for good: who unmerges two persons wants them to stay apart. When
    that was counts for nothing, so ``at`` is 0.
    """

    kind: LinkKind
    left: Token
    right: Token
    name: str = ""
    at: Micros = Micros(0)
    cut: bool = False


class Row(NamedTuple):
    """One row for the warehouse loader, in the fields of ``schemas/row.avsc``.

    What the identity fields say is :class:`Identity`'s. ``payload`` is the redacted event as JSON,
    with the identity's attributes below its key ``identity``. A ``correction`` replaces the row of
    the same message id in the warehouse.
    """

    message_id: str
    type: EventType
    event: str | None
    user_id: str | None
    anonymous_id: str | None
    identity_id: Token | None
    times: Times
    payload: bytes
    manifest: tuple[ManifestEntry, ...]
    ruleset: str
    origin: Origin
    ordering_key: bytes
    violations: tuple[Violation, ...] = ()
    correction: bool = False
    account_id: Token | None = None
    identity_resolved_by: ResolvedBy | None = None
    identity_resolved_at: Micros | None = None

    def __repr__(self) -> str:
        """Say which it is, without its values."""
        return f"Row(origin={self.origin}, type={self.type!r}, manifest={self.manifest})"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not become a row, in the fields of ``schemas/dead_letter.avsc``.

    ``view`` is the record's shape as JSON (no value in it); ``sealed`` is the original, encrypted
    to the configured public key, or None without one.
    """

    stage: Stage
    code: str
    path: str
    origin: Origin
    timestamp: Micros
    ruleset: str
    view: bytes
    sealed: bytes | None = field(repr=False)


class Deletion(NamedTuple):
    """A person to be deleted, as the token of a user, anonymous or identity id.

    Rows with that token go if they were received up to ``until``, those that come later too.
    ``receipt`` is what the request is known by.
    """

    token: str
    until: Micros
    receipt: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """An event that a rule told to drop; counted by the rule's name."""

    origin: Origin
    rule: str


Outcome: TypeAlias = Row | DeadLetter | Dropped
