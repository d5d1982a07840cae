"""Who belongs together by a set of links, worked out by brute force from what identity promises."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TypeAlias

from streamproc.events import Identity, Link, LinkKind, Micros, ResolvedBy, Subject, Token
from streamproc.identity.language import Limits

__all__ = ["Oracle"]

At: TypeAlias = "Micros | None"
Evidence: TypeAlias = tuple[Token, ResolvedBy, At]

ENDS: dict[LinkKind, tuple[str, str]] = {
    "identify": ("users_per_device", "devices_per_user"),
    "trait": ("users_per_trait", "traits_per_user"),
    "trait_device": ("devices_per_trait", "traits_per_device"),
}


class Oracle:
    """Answers as a view has to that was given ``links``, in any order and number."""

    def __init__(self, links: Collection[Link], limits: Limits, names: Collection[str]) -> None:
        self.links = {link for link in links if link.left != link.right}
        self.limits = limits
        self.names = list(names)

    # -- what was stated --

    def ever(
        self, kind: LinkKind, *, left: Token | None = None, right: Token | None = None
    ) -> set[Token]:
        """Return the other ends of one token."""
        if left is not None:
            return {link.right for link in self.links if link.kind == kind and link.left == left}
        return {link.left for link in self.links if link.kind == kind and link.right == right}

    def when(self, kind: LinkKind, left: Token, right: Token) -> At:
        """Return when a link was stated that counts: the first time, of accounts the last."""
        found = [link for link in self.links if link[:3] == (kind, left, right)]
        if not found or any(link.cut for link in found):
            return None
        return (max if kind == "group" else min)(link.at for link in found)

    def too_many_rights(self, kind: LinkKind, left: Token) -> bool:
        return len(self.ever(kind, left=left)) > int(getattr(self.limits, ENDS[kind][0]))

    def too_many_lefts(self, kind: LinkKind, right: Token) -> bool:
        return len(self.ever(kind, right=right)) > int(getattr(self.limits, ENDS[kind][1]))

    # -- people --

    def aliases(self, token: Token) -> dict[Token, Micros]:
        found = {}
        for link in self.links:
            if link.kind == "alias" and token in link[1:3]:
                at = self.when("alias", link.left, link.right)
                if at is not None:
                    found[link.right if token == link.left else link.left] = at
        return found

    def ids(self, token: Token) -> set[Token]:
        """Return the ids of a person, quarantined ones apart."""
        found = {token}
        while more := {other for each in found for other in self.aliases(each)} - found:
            found |= more
        return found if len(found) <= self.limits.ids_per_person else {token}

    def person(self, token: Token) -> Token:
        return min(self.ids(token))

    def account(self, tokens: Iterable[Token]) -> Token | None:
        found = []
        for token in tokens:
            accounts = self.ever("group", left=token)
            if len(accounts) <= self.limits.accounts_per_user:
                found += [
                    (at, each)
                    for each in accounts
                    if (at := self.when("group", token, each)) is not None
                ]
        return max(found)[1] if found else None

    # -- whose --

    def resolve(self, subject: Subject) -> Identity:
        user, device = subject.user, subject.anonymous
        if user is not None:
            person = self.person(user)
            if person in {user, *subject.users_before}:
                return self.identity((person, "user_id", None), subject)
            return self.identity((person, "alias", min(self.aliases(user).values())), subject)
        found = self.of_device([device, *subject.anonymous_before]) if device is not None else None
        if found is None and subject.traits:
            found = self.of_traits([(name, token, None) for name, token in subject.traits])
        if found is None and device is not None:
            oldest = subject.anonymous_before[-1] if subject.anonymous_before else device
            found = (oldest, "anonymous_id", None)
        if found is None:
            return Identity(None, subject.group)
        return self.identity(found, subject)

    def identity(self, found: Evidence, subject: Subject) -> Identity:
        person, by, since = found
        account = subject.group or self.account(self.ids(person))
        if account is None and subject.user is None and subject.anonymous is not None:
            account = self.account(self.ids(subject.anonymous))
        return Identity(person, account, by, since)

    def of_device(self, devices: list[Token]) -> Evidence | None:
        persons: dict[Token, Micros] = {}
        for device in devices:
            if aliases := self.aliases(device):
                person = self.person(device)
                by: ResolvedBy = "anonymous_id" if person == device else "alias"
                return person, by, min(aliases.values())
            if self.too_many_rights("identify", device):
                return None
            for user in self.ever("identify", left=device):
                at = self.when("identify", device, user)
                if at is not None and not self.too_many_lefts("identify", user):
                    earliest(persons, self.person(user), at)
        if persons:
            return only(persons, "anonymous_id")
        if any(self.too_many_lefts("trait_device", device) for device in devices):
            return None
        return self.of_traits(list(self.traits_of(devices)))

    def traits_of(self, devices: list[Token]) -> Iterator[tuple[str, Token, At]]:
        for device in devices:
            for trait in self.ever("trait_device", right=device):
                at = self.when("trait_device", trait, device)
                if at is not None:
                    yield self.name(trait), trait, at

    def name(self, trait: Token) -> str:
        return next(link.name for link in self.links if link.left == trait and link.name)

    def of_traits(self, stated: list[tuple[str, Token, At]]) -> Evidence | None:
        persons: dict[Token, Micros] = {}
        nobodys: dict[str, dict[Token, At]] = {name: {} for name in self.names}
        for name, token, at in stated:
            if name not in self.names:
                continue
            for trait in self.ids(token):
                if self.too_many_rights("trait", trait) or self.too_many_rights(
                    "trait_device", trait
                ):
                    continue
                root = self.person(trait)
                before = nobodys[name].get(root, at)
                nobodys[name][root] = None if at is None or before is None else min(at, before)
                for user in self.ever("trait", left=trait):
                    since = self.when("trait", trait, user)
                    if since is not None and not self.too_many_lefts("trait", user):
                        earliest(
                            persons, self.person(user), since if at is None else max(since, at)
                        )
        if persons:
            return only(persons, "trait")
        for roots in nobodys.values():
            if len(roots) == 1:
                ((root, at),) = roots.items()
                return root, "trait", at
        return None


def earliest(persons: dict[Token, Micros], person: Token, at: Micros) -> None:
    persons[person] = min(at, persons.get(person, at))


def only(persons: dict[Token, Micros], by: ResolvedBy) -> Evidence | None:
    if len(persons) > 1:
        return None
    ((person, since),) = persons.items()
    return person, by, since
