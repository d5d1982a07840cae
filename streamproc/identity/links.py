"""Which links an event states."""

from __future__ import annotations

from streamproc.events import Link, Redacted

__all__ = ["links_of"]


def links_of(redacted: Redacted) -> tuple[Link, ...]:
    """Return the links that ``redacted`` states: of identify and alias events, none of others.

    Track, page and screen events carry both ids too once a person is known, but the event spec
    links ids by identify and alias; what others carry repeats that, or is a producer's mistake.
    """
    user, anonymous, previous = redacted.subject
    if redacted.type == "identify" and user is not None and anonymous is not None:
        return () if user == anonymous else (Link("identify", anonymous, user),)
    if redacted.type == "alias" and user is not None and previous is not None:
        first, second = sorted((user, previous))
        return () if first == second else (Link("alias", first, second),)
    return ()
