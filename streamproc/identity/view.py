"""Whom an event belongs to, by the links known so far."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from streamproc.events import Identity, Json, Link, Micros, ResolvedBy, Subject, Token
from streamproc.identity.attributes import USER_ID, Known
from streamproc.identity.graph import UNCHANGED, Change, Graph, live
from streamproc.identity.language import IdentityConfig
from streamproc.identity.nodes import Hot, Node, Stated
from streamproc.identity.store import MemoryStore, Store

__all__ = ["HOT_NODES", "Belonging", "Business", "People", "View"]

HOT_NODES: Final = 50_000
"""Nodes kept at hand: 35 MB."""

Evidence: TypeAlias = tuple[Token, ResolvedBy, Micros | None]
"""Who somebody is, what shows it, and since when."""

NO_ATTRIBUTES: Final[Mapping[str, Json]] = Identity(None).attributes
PLAIN: Final = IdentityConfig(version=1)


class People(Protocol):
    """What the way of an event needs of a view."""

    def add(self, link: Link) -> bool:
        """Take ``link`` in; return whether that changed what is kept."""

    def resolve(self, subject: Subject) -> Identity:
        """Return whom an event of ``subject`` belongs to."""


class Business(Protocol):
    """What :class:`~streamproc.identity.attributes.Attributes` does."""

    def known_of(self, keys: Iterable[tuple[str, Token]], account: Token | None) -> Known:
        """Return what is known of a person, by user ids and traits, and of an account."""


class Belonging(NamedTuple):
    """That a token belongs to an identity.

    ``kind`` is ``user_id``, ``anonymous_id``, or the name of a trait.
    """

    kind: str
    token: Token
    identity: Identity


class View:
    """What is known of who belongs together, ready to be asked. For one thread at a time.

    Attributes:
        graph: The links.
    """

    def __init__(
        self,
        store: Store | None = None,
        config: IdentityConfig = PLAIN,
        nobody: Collection[Token] = frozenset(),
        business: Business | None = None,
        hot: int = HOT_NODES,
    ) -> None:
        """Go on with what is in ``store``.

        Args:
            store: Where the links are; without one, in memory.
            config: The identity configuration; the store was kept by one with the same
                ``graph_fingerprint``.
            nobody: Tokens that stand for nobody.
            business: Knows attributes, where there are any; :meth:`forget_attributes` is to be
                called when those have changed.
            hot: How many tokens are kept at hand.
        """
        self.graph = Graph(MemoryStore() if store is None else store, config.limits, nobody, hot)
        self._get = self.graph.nodes.get
        self._rank = {trait.name: rank for rank, trait in enumerate(config.identifiers.traits)}
        self._remembered = config.accounts.remembered
        self._business = business
        self._told: Hot[Token, tuple[Token | None, Known]] = Hot(hot)

    # -- links ------------------------------------------------------------------------------------

    def add(self, link: Link) -> bool:
        """Take ``link`` in; return whether that changed what is kept.

        Adding a link again, or one of which nothing is kept any more, changes nothing.
        """
        return self.change(link).new

    def change(self, link: Link) -> Change:
        """Take ``link`` in; return what that changed."""
        self._ask_again(link)
        change = self.graph.change(link)
        self._ask_again(link, change)
        return change

    def forget(self, link: Link) -> bool:
        """Leave nothing of ``link``; return whether there was anything.

        To be used where it is gone from everywhere: if it is added again it counts again, also if
        it had been taken back.
        """
        self._ask_again(link)
        change = self.graph.forget(link)
        self._ask_again(link, change)
        return change.new

    def erase(self, token: Token) -> bool:
        """Leave nothing of ``token``; return whether there was anything."""
        change = self.graph.erase(token)
        for each in (token, *change.moved):
            self._told.pop(each)
            self._told.pop(self._get(each).person or each)
        return change.new

    def _ask_again(self, link: Link, change: Change = UNCHANGED) -> None:
        """Have the business asked anew about the persons of ``link``, and of who moved."""
        if self._told:  # nothing while a state is made anew, which this would take a third longer
            for token in (link.left, link.right, *change.moved):
                self._told.pop(token)
                self._told.pop(self._get(token).person or token)

    def forget_attributes(self) -> None:
        """Ask the business anew."""
        self._told.clear()

    # -- whose ------------------------------------------------------------------------------------

    def resolve(self, subject: Subject) -> Identity:
        """Return whom an event of ``subject`` belongs to.

        Its user id says so; else its device (the anonymous id), if it is one person's; else a trait
        of it that is one person's; else the device stands for itself.
        """
        user, device, _, users_before, before, traits, group = subject
        if user is not None:
            node = self._get(user)
            person = node.person
            if person is None:
                return self._identity((user, "user_id", None), node, group)
            if person in users_before:
                return self._identity((person, "user_id", None), self._get(person), group)
            return self._identity((person, "alias", node.joined), self._get(person), group)
        found = None if device is None else self._of_device((device, *before))
        if found is None and traits:
            found = self._of_traits([(name, trait, None) for name, trait in traits])
        if device is None:
            if found is None:
                return Identity(None, group)
            return self._identity(found, self._get(found[0]), group)
        oldest = before[-1] if before else device
        person, by, since = found or (oldest, "anonymous_id", None)
        node = self._get(person)
        if group is None and node.account is None:
            group = self._remembered_account(self._get(device))
        return self._identity((person, by, since), node, group)

    def _identity(self, found: Evidence, node: Node, account: Token | None) -> Identity:
        """Return the identity of a person, whose node is ``node``."""
        person, by, since = found
        if account is None:
            account = self._remembered_account(node)
        if self._business is None:
            return Identity(person, account, by, since)
        known = self._known(person, account)
        return Identity(person, known.account, by, since, known.attributes)

    def _remembered_account(self, node: Node) -> Token | None:
        if node.account is None or not self._remembered:
            return None
        return node.account[1]

    def _known(self, person: Token, account: Token | None) -> Known:
        assert self._business is not None
        told = self._told.young.get(person) or self._told.older(person)
        if told is None or told[0] != account:
            told = account, self._business.known_of(self._keys_of(person), account)
            self._told.put(person, told)
        return told[1]

    def _keys_of(self, person: Token) -> Iterator[tuple[str, Token]]:
        """Yield what the business can know a person by: user ids and traits."""
        for token in self.graph.ids_of(person):
            node = self._get(token)
            yield node.name or USER_ID, token
            for trait, _ in live(node.known_by):
                if (said := self._get(trait)).users is not None:
                    yield said.name, trait

    def belongings(self, moved: Iterable[Token]) -> Iterator[Belonging]:
        """Yield to whom each token belongs now that may have ``moved`` (:class:`.Change`), once."""
        for token in dict.fromkeys(self.graph.affected(moved)):
            yield from self.belongings_of(token)

    def belongings_of(self, token: Token) -> Iterator[Belonging]:
        """Yield to whom ``token`` belongs: as a user's id before as a device's; unknown, nobody."""
        for kind in self._kinds(self._get(token)):
            if kind == "user_id":
                subject = Subject(token, None, None)
            elif kind == "anonymous_id":
                subject = Subject(None, token, None)
            else:
                subject = Subject(None, None, None, traits=((kind, token),))
            yield Belonging(kind, token, self.resolve(subject))

    def _kinds(self, node: Node) -> Iterator[str]:
        if node.name:
            yield node.name
            return
        joined = node.joined is not None
        if joined or node.devices != {} or node.known_by != {}:
            yield "user_id"
        if joined or node.users != {} or node.traits != {}:
            yield "anonymous_id"

    # -- evidence ---------------------------------------------------------------------------------

    def _of_device(self, devices: Sequence[Token]) -> Evidence | None:
        """Return who a device is of, which has several tokens while keys overlap."""
        persons: dict[Token, Micros] = {}
        for device in devices:
            node = self._get(device)
            if node.joined is not None:  # an alias names it, so it is a user id as well
                person = node.person or device
                return person, "anonymous_id" if person == device else "alias", node.joined
            if node.users is None:
                return None
            if node.users:
                self._users_of(node.users, "devices", persons)
        if persons:
            return _only(persons, "anonymous_id")
        return self._of_devices_traits(devices)

    def _of_devices_traits(self, devices: Sequence[Token]) -> Evidence | None:
        stated: list[tuple[str, Token, Micros | None]] = []
        for device in devices:
            traits = self._get(device).traits
            if traits is None:
                return None
            if traits:
                stated += ((self._get(trait).name, trait, at) for trait, at in live(traits))
        return self._of_traits(stated) if stated else None

    def _of_traits(self, stated: Sequence[tuple[str, Token, Micros | None]]) -> Evidence | None:
        """Return the one person that traits are of; of nobody's traits, the one of the first name.

        Args:
            stated: Names and tokens of traits, and when they were stated with the device; None
                where the event itself states them.
        """
        persons: dict[Token, Micros] = {}
        nobodys: dict[int, dict[Token, Micros | None]] = {}
        for name, token, at in stated:
            rank = self._rank.get(name)
            if rank is None:
                continue
            for one in self.graph.ids_of(token):  # of several keys, while they overlap
                trait = self._get(one)
                if trait.users is None or trait.devices is None:
                    continue
                roots = nobodys.setdefault(rank, {})
                root = trait.person or one
                before = roots.get(root, at)
                roots[root] = before if at is None or before is None else min(at, before)
                self._users_of(trait.users, "known_by", persons, at)
        if persons:
            return _only(persons, "trait")
        for _, roots in sorted(nobodys.items()):
            if len(roots) == 1:
                ((root, at),) = roots.items()
                return root, "trait", at
        return None

    def _users_of(
        self,
        users: Stated,
        believed: Literal["devices", "known_by"],
        persons: dict[Token, Micros],
        after: Micros | None = None,
    ) -> None:
        """Note the persons of user ids, and since when; not of those that are not believed."""
        for user, at in users.items():
            if at is None:
                continue
            node = self._get(user)
            if getattr(node, believed) is not None:
                person = node.person or user
                since = at if after is None else max(at, after)
                persons[person] = min(since, persons.get(person, since))


def _only(persons: Mapping[Token, Micros], by: ResolvedBy) -> Evidence | None:
    if len(persons) > 1:
        return None
    ((person, since),) = persons.items()
    return person, by, since
