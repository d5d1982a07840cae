"""What becomes of an event of somebody who was erased: it is dropped, or made anybody's.

An event is of somebody on the list if anything in it that can name a person is on it: user id,
anonymous id, previous id or a trait, under any key of the ring. That fails on the safe side: what
somebody else does on a device of the person's own is suppressed as well, until the case is lifted.

Anonymised, an event is a track, page or screen event that says what happened and when, and nothing
of who or where: what is left of it is :data:`KEPT`, of its context :data:`KEPT_CONTEXT`, both
redacted by the rules; whatever redaction wrote that could be told apart from others of its kind,
tokens and ciphertexts, becomes :data:`NOBODY`. An event whose only purpose is to say who somebody
is (identify, alias, group) is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, Protocol, TypeAlias

import orjson

from streamproc.events import Dropped, Event, RawBody, Redacted, RedactedBody, Subject, Token
from streamproc.redact import ENCRYPTED, TOKEN, Subjects

__all__ = [
    "KEPT",
    "KEPT_CONTEXT",
    "NOBODY",
    "SUPPRESSED",
    "Handling",
    "Listed",
    "Suppression",
    "anonymised",
    "unnamed",
]

Handling: TypeAlias = Literal["drop", "anonymise"]

SUPPRESSED: Final = "suppressed"
"""What events are counted by that are dropped for it."""
NOBODY: Final = "<SUPPRESSED>"

ANONYMISED_TYPES: Final = frozenset({"track", "page", "screen"})
KEPT: Final[tuple[str, ...]] = (
    *("type", "event", "name", "category", "messageId", "channel", "properties"),
    *("originalTimestamp", "sentAt", "receivedAt", "timestamp"),
)
KEPT_CONTEXT: Final[tuple[str, ...]] = (
    "app",
    "campaign",
    "library",
    "locale",
    "os",
    "page",
    "screen",
    "timezone",
)

WRITTEN: Final = re.compile(rf"{TOKEN.pattern}|{ENCRYPTED.pattern}")


class Listed(Protocol):
    """Who is suppressed."""

    @property
    def suppresses(self) -> bool:
        """Whether anybody is at all."""

    def is_suppressed(self, tokens: Iterable[Token]) -> bool:
        """Return whether any of ``tokens`` is."""


class Suppression:
    """Handles the events of those who are suppressed. Safe to share between threads."""

    def __init__(self, listed: Listed, subjects: Subjects, handling: Handling) -> None:
        """Keep the parts.

        Args:
            listed: Who is suppressed.
            subjects: Reads whom an event is about, under every key of the ring: a case has the
                tokens of the keys there were, and none can be made of it later.
            handling: What becomes of their events.
        """
        self._listed = listed
        self._subjects = subjects
        self._handling = handling

    @property
    def active(self) -> bool:
        """Whether anybody is suppressed at all."""
        return self._listed.suppresses

    def handle(self, event: Event) -> Event | Dropped:
        """Return ``event`` itself if it is of nobody suppressed; else what is left of it."""
        if not self._listed.is_suppressed(_named(self._subjects.of(event))):
            return event
        if self._handling == "drop" or event.type not in ANONYMISED_TYPES:
            return Dropped(event.origin, SUPPRESSED)
        return anonymised(event)


def anonymised(event: Event) -> Event:
    """Return what is left of a raw event of nobody; what is left of that is the same."""
    said: dict[str, Any] = event.body
    body: dict[str, Any] = {key: said[key] for key in KEPT if key in said}
    context = said.get("context")
    if isinstance(context, dict):
        body["context"] = {key: context[key] for key in KEPT_CONTEXT if key in context}
    # Without its key, too: that is mostly an id, and rows are ordered by what stands for it.
    return event._replace(key=None, body=RawBody(body), raw=orjson.dumps(body))


def unnamed(redacted: Redacted) -> Redacted:
    """Return an anonymised event after its redaction, with nothing left that could be joined on.

    Its message id stays: replays of the event are one row.
    """
    body = {
        key: value if key == "messageId" else _unmarked(value)
        for key, value in redacted.body.items()
    }
    return redacted._replace(body=RedactedBody(body), subject=Subject(None, None, None))


def _named(subject: Subject) -> Iterator[Token]:
    user, anonymous, previous, users_before, anonymous_before, traits, _ = subject
    yield from (token for token in (user, anonymous, previous) if token is not None)
    yield from users_before
    yield from anonymous_before
    yield from (token for _, token in traits)


def _unmarked(value: Any) -> Any:
    """Return ``value`` with :data:`NOBODY` for all that redaction wrote with a key."""
    if isinstance(value, str):
        return WRITTEN.sub(NOBODY, value)
    if isinstance(value, dict):
        return {WRITTEN.sub(NOBODY, key): _unmarked(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_unmarked(each) for each in value]
    return value
