"""Which links an event states."""

from __future__ import annotations

from streamproc.events import Link, Redacted, Token

__all__ = ["links_of"]


def links_of(redacted: Redacted) -> tuple[Link, ...]:
    """Return the links that ``redacted`` states: of identify and alias events, none of others.

    Track, page and screen events carry both ids too once a person is known, but the event spec
    links ids by identify and alias; what others carry repeats that, or is a producer's mistake.

    While keys overlap, every event with a user id also says that its tokens under all of them are
    one person's.
    """
    subject = redacted.subject
    user, anonymous, previous = subject.user, subject.anonymous, subject.previous
    links: tuple[Link, ...] = ()
    if subject.users_before and user is not None:
        links = tuple(_alias(user, before) for before in subject.users_before)
    if redacted.type == "identify" and user is not None and anonymous is not None:
        return links if user == anonymous else (*links, Link("identify", anonymous, user))
    if redacted.type == "alias" and user is not None and previous is not None:
        return links if user == previous else (*links, _alias(user, previous))
    return links


def _alias(one: Token, other: Token) -> Link:
    return Link("alias", min(one, other), max(one, other))
