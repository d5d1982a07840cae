"""Enriched events to rows, and the rows as the loader reads them back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson

from streamproc.events import Enriched, Json, Micros, RedactedBody, Row

__all__ = ["IDENTITY", "LoadedRow", "to_row"]

IDENTITY: Final = "identity"
"""The payload's key that is the worker's: an object of the identity's attributes, by name."""

NAME_FIELDS: Final = {"track": "event", "page": "name", "screen": "name"}
"""Where the types of the event spec keep what happened."""


class LoadedRow(NamedTuple):
    """A row as the warehouse stores it: the fields of ``schemas/row.avsc``, lists as JSON text.

    A tuple, not a frozen dataclass: the loader makes one for every row, in a third of the time.
    """

    message_id: str
    type: str
    event: str | None
    user_id: str | None
    anonymous_id: str | None
    identity_id: str | None
    account_id: str | None
    identity_resolved_by: str | None
    identity_resolved_at: Micros | None
    original_timestamp: Micros | None
    sent_at: Micros | None
    received_at: Micros
    timestamp: Micros
    payload: RedactedBody
    manifest: str
    ruleset: str
    source_topic: str
    source_partition: int
    source_offset: int
    violations: str
    correction: bool

    def __repr__(self) -> str:
        """Name the row by where its event lies; a payload has no place in a log."""
        return f"LoadedRow({self.source_topic}[{self.source_partition}]@{self.source_offset})"


def to_row(enriched: Enriched) -> Row:
    """Return the row of a redacted event: its columns and, whole, its payload.

    Below :data:`IDENTITY` the payload has the identity's attributes, and nothing that a producer
    may have put there. Deterministic: the payload keeps the order of the event's keys.
    """
    redacted, identity = enriched
    body = redacted.body
    return Row(
        redacted.message_id,
        redacted.type,
        _name(redacted.type, body),
        _text(body.get("userId")),
        _text(body.get("anonymousId")),
        identity.id,
        redacted.times,
        orjson.dumps(_with_attributes(body, identity.attributes)),
        redacted.manifest,
        redacted.ruleset,
        redacted.origin,
        redacted.ordering_key,
        redacted.violations,
        account_id=identity.account,
        identity_resolved_by=None if identity.by == "none" else identity.by,
        identity_resolved_at=identity.since,
    )


def _with_attributes(body: RedactedBody, attributes: Mapping[str, Json]) -> Mapping[str, Json]:
    if not attributes and IDENTITY not in body:
        return body
    payload = {key: value for key, value in body.items() if key != IDENTITY}
    return payload | {IDENTITY: dict(attributes)} if attributes else payload


def _name(kind: str, body: RedactedBody) -> str | None:
    field = NAME_FIELDS.get(kind)
    return None if field is None else _text(body.get(field))


def _text(value: Json) -> str | None:
    # A rule may have put anything in the place of a text.
    return value if isinstance(value, str) else None
