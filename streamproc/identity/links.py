"""Which links an event states."""

from __future__ import annotations

from collections.abc import Iterator

from streamproc.events import EventType, Link, Micros, Redacted, Subject, Token

__all__ = ["alias", "links_of", "links_stated"]


def links_of(redacted: Redacted) -> tuple[Link, ...]:
    """Return the links that ``redacted`` states: those of identify, alias and group events.

    Track, page and screen events carry both ids too once a person is known, but the event spec
    links ids by identify and alias; what others carry repeats that, or is a producer's mistake.

    While keys overlap, every event with a user id also says that its tokens under all of them are
    one person's; an identify event, that those of a trait are one.
    """
    return links_stated(redacted.type, redacted.subject, redacted.times.timestamp)


def links_stated(kind: EventType, subject: Subject, at: Micros) -> tuple[Link, ...]:
    """Return the links that an event of type ``kind`` about ``subject`` states, as of ``at``."""
    user = subject.user
    links: tuple[Link, ...] = ()
    if subject.users_before and user is not None:
        links = tuple(alias(user, before, at) for before in subject.users_before)
    if kind == "identify":
        links += tuple(_of_identify(subject, at))
    elif kind == "alias":
        if user is not None and subject.previous is not None and user != subject.previous:
            links += (alias(user, subject.previous, at),)
    elif kind == "group":
        somebody = user or subject.anonymous
        if somebody is not None and subject.group is not None:
            links += (Link("group", somebody, subject.group, at=at),)
    return links


def alias(one: Token, other: Token, at: Micros) -> Link:
    """Return the link that two ids, or two traits, are one person's."""
    return Link("alias", min(one, other), max(one, other), at=at)


def _of_identify(subject: Subject, at: Micros) -> Iterator[Link]:
    user, device, *_ = subject
    if user is not None and device is not None and user != device:
        yield Link("identify", device, user, at=at)
    active: dict[str, Token] = {}
    for name, trait in subject.traits:
        if (newer := active.setdefault(name, trait)) != trait:
            yield alias(newer, trait, at)
        elif user is not None:
            yield Link("trait", trait, user, name, at)
        elif device is not None:
            yield Link("trait_device", trait, device, name, at)
