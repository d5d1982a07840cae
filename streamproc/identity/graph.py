"""The links that are known, kept so that whom a token belongs to can be told without a search.

All that is kept is a function of the set of links that were taken in: their order, and how often
each came, count for nothing. What makes it so:

- of several statements of one link the earliest counts (of an account the latest), and one that
  takes it back counts for good (a two-phase set, Shapiro et al., 2011, INRIA RR-7506);
- limits count what was ever stated, taken back or not, and what is past one stays so; each end of a
  link counts for itself;
- a person is all ids that aliases join, directly or not, and is named by the smallest of them. It
  is worked out anew from its aliases when one is taken back, which costs as much as it has ids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import structlog

from streamproc.events import Link, LinkKind, Micros, Token
from streamproc.identity.language import Limits
from streamproc.identity.nodes import NOTHING, Edges, Missing, Node, Nodes, Stated
from streamproc.identity.store import Store

__all__ = ["UNCHANGED", "Change", "Graph", "live"]

log = structlog.get_logger()

Field: TypeAlias = Literal["users", "devices", "traits", "known_by", "accounts"]

COUNTED: Final = b"c/"
"""What the keys of counts begin with."""


MIRRORS: Final[Mapping[Field, Sequence[Field]]] = {
    "users": ("devices", "known_by"),
    "devices": ("users", "traits"),
    "traits": ("devices",),
    "known_by": ("users",),
}
"""By where a token keeps others, where these may keep it."""


class End(NamedTuple):
    """One end of a link: where it keeps the other end, how many of them, and its name in counts."""

    field: Field
    most: int
    counted: str


class Change(NamedTuple):
    """What a link changed.

    Attributes:
        new: Whether it said anything that was not known.
        moved: Tokens that may belong to another person now, and with them those they are linked
            with. Bounded by the limits.
    """

    new: bool
    moved: Collection[Token] = ()


UNCHANGED: Final = Change(new=False)


class Graph:
    """Links in a store. For one thread at a time.

    Attributes:
        nodes: What is kept of each token.
        counts: How much is past its limit, by kind, such as ``devices_shared``.
    """

    def __init__(self, store: Store, limits: Limits, nobody: Collection[Token], hot: int) -> None:
        """Go on with what is in ``store``, which was kept with the same limits.

        Args:
            store: Where the links are.
            limits: How much is believed.
            nobody: Tokens that stand for nobody; links with one of them are not taken in.
            hot: How many nodes are kept at hand.
        """
        self._store = store
        self._nobody = nobody
        self._ids_per_person = limits.ids_per_person
        self._ends = _ends(limits)
        self._edges = Edges(store, hot // 4)
        self.nodes = Nodes(store, hot)
        self.counts: dict[str, int] = {
            key.removeprefix(COUNTED).decode(): int(value) for key, value in store.scan(COUNTED)
        }

    def change(self, link: Link) -> Change:
        """Take ``link`` in; return what that changed."""
        kind, left, right, name, at, cut = link
        if left == right or left in self._nobody or right in self._nobody:
            return UNCHANGED
        when = None if cut else at
        if kind == "alias":
            return self._alias(left, right, when)
        of_left, of_right = self._ends[kind]
        moved = {left, *self.ids_of(left)} if name else {left}
        new = self._note(left, of_left, right, when, moved, name)
        if of_right is not None:
            new = self._note(right, of_right, left, when, moved) or new
        elif new:
            self._settle_account(left)
        return Change(new=True, moved=moved) if new else UNCHANGED

    def forget(self, link: Link) -> Change:
        """Leave nothing of ``link``; return what that changed.

        Of a link that was taken back, it is forgotten that it was, if ``link`` is what did; the
        link itself is gone already. What is past a limit stays so: which links it was stated with
        is not known any more.
        """
        kind, left, right, _, _, cut = link
        if kind == "alias":
            return self._forget_alias(left, right, cut=cut)
        of_left, of_right = self._ends[kind]
        found = self._drop(left, of_left.field, right, cut=cut)
        if of_right is not None:
            found = self._drop(right, of_right.field, left, cut=cut) or found
        elif found:
            self._settle_account(left)
        return Change(new=True, moved={left, *self.ids_of(left)}) if found else UNCHANGED

    def erase(self, token: Token) -> Change:
        """Leave nothing of ``token``, and of no link that it is known to be in.

        A token that was stated with too many others does not know them any more: what they say of
        it goes with each link (:meth:`forget`).
        """
        moved: set[Token] = set()
        for other, at in self._edges.stated(token).items():
            moved.update(self._forget_alias(token, other, cut=at is None).moved)
        node = self.nodes.get(token)
        for field, mirrors in MIRRORS.items():
            for other in getattr(node, field) or ():
                moved.add(other)
                for mirror in mirrors:
                    self._leave_out(other, mirror, token)
        node = self.nodes.get(token)
        if node is NOTHING:
            return Change(new=bool(moved), moved=moved)
        self._count("ids_quarantined", -node.quarantined)
        self.nodes.put(token, Node())
        return Change(new=True, moved={token, *moved})

    def affected(self, moved: Iterable[Token]) -> Iterator[Token]:
        """Yield ``moved`` and what belongs to somebody by one of them; some repeatedly."""
        for token in moved:
            node = self.nodes.get(token)
            yield token
            yield from node.devices or ()
            for trait in node.known_by or ():
                yield trait
                yield from self.nodes.get(trait).devices or ()

    def ids_of(self, token: Token) -> tuple[Token, ...]:
        """Return all ids of the person that ``token`` belongs to, the smallest first."""
        person = self.nodes.get(token).person or token
        return self.nodes.get(person).members or (person,)

    def aliases_of(self, token: Token) -> dict[Token, Micros]:
        """Return the ids that ``token`` is an alias of, and since when."""
        return self._edges.live(token)

    def is_cut(self, alias: Link) -> bool:
        """Return whether ``alias`` was taken back."""
        return self._edges.get(alias.left, alias.right) is None

    # -- links of a device, a trait or an account -------------------------------------------------

    def _note(  # noqa: PLR0913, PLR0917 - the hot path of a rebuild: a type for them costs a third
        self,
        token: Token,
        end: End,
        other: Token,
        when: Micros | None,
        moved: set[Token],
        name: str = "",
    ) -> bool:
        """Keep at ``token`` what it was stated with; return whether that is new."""
        node = self.nodes.to_change(token)
        held: Stated | None = getattr(node, end.field)
        if held is None:
            return False
        if other in held:
            known = held[other]
            later = end.field == "accounts"
            if known is None or (when is not None and (when <= known if later else when >= known)):
                return False
            held[other] = when
        elif len(held) >= end.most:
            moved.update(held)
            setattr(node, end.field, None)
            self._count(end.counted, 1)
            log.warning("a token was stated with too many others", token=token, kind=end.counted)
        elif held:
            held[other] = when
        else:
            setattr(node, end.field, {other: when})
        node.name = node.name or name
        self.nodes.put(token, node)
        return True

    def _drop(self, token: Token, field: Field, other: Token, *, cut: bool) -> bool:
        node = self.nodes.get(token)
        held: Stated | None = getattr(node, field)
        if not held or other not in held or (held[other] is None) is not cut:
            return False
        del held[other]
        if node.users == {} and node.devices == {}:
            node.name = ""
        self.nodes.put(token, node)
        return True

    def _leave_out(self, token: Token, field: Field, other: Token) -> None:
        node = self.nodes.get(token)
        held: Stated | None = getattr(node, field)
        if held and other in held:
            self._drop(token, field, other, cut=held[other] is None)

    def _settle_account(self, token: Token) -> None:
        person = self.nodes.get(token).person or token
        node = self.nodes.get(person)
        account = self._last_account(node.members or (person,))
        if account != node.account:
            node.account = account
            self.nodes.put(person, node)

    def _last_account(self, ids: Iterable[Token]) -> tuple[Micros, Token] | None:
        found = (
            (at, account) for token in ids for account, at in live(self.nodes.get(token).accounts)
        )
        return max(found, default=None)

    # -- aliases ----------------------------------------------------------------------------------

    def _alias(self, one: Token, other: Token, when: Micros | None) -> Change:
        known = self._edges.get(one, other)
        if known is None:
            return UNCHANGED
        if not (is_new := isinstance(known, Missing)) and when is not None and when >= known:
            return UNCHANGED
        self._edges.put(one, other, when)
        moved: Collection[Token] = ()
        if when is not None:
            moved = self._join(one, other) if is_new else ()
            self._join_since(one, other, when)
        elif not is_new:
            moved = self._part(one, other)
        return self._moved(one, other, moved)

    def _forget_alias(self, one: Token, other: Token, *, cut: bool) -> Change:
        known = self._edges.get(one, other)
        if isinstance(known, Missing) or (known is None) is not cut:
            return UNCHANGED
        self._edges.delete(one, other)
        moved = () if cut else self._part(one, other)
        return self._moved(one, other, moved)

    def _moved(self, one: Token, other: Token, moved: Iterable[Token]) -> Change:
        """Return the change that an alias made of two tokens, and of ``moved``."""
        # Whose a trait is, all tokens that it has under several keys say together.
        ids = {*self.ids_of(one), *self.ids_of(other)}
        traits = ids if any(self.nodes.get(token).name for token in ids) else ()
        return Change(new=True, moved={one, other, *moved, *traits})

    def _join_since(self, one: Token, other: Token, when: Micros) -> None:
        for token in (one, other):
            node = self.nodes.to_change(token)
            if node.joined is None or when < node.joined:
                node.joined = when
                self.nodes.put(token, node)

    def _join(self, one: Token, other: Token) -> Collection[Token]:
        """Make one person of two; return the ids whose person is another now."""
        first, second = self.nodes.get(one), self.nodes.get(other)
        if first.quarantined and second.quarantined:
            return ()
        if first.quarantined:
            return self._quarantine(self.ids_of(other))
        if second.quarantined:
            return self._quarantine(self.ids_of(one))
        persons = {first.person or one, second.person or other}
        if len(persons) == 1:
            return ()
        ids = [token for person in persons for token in self.ids_of(person)]
        if len(ids) > self._ids_per_person:
            log.warning(
                "a person has too many ids, each of them stands for itself",
                person=min(ids),
                ids=len(ids),
            )
            return self._quarantine(ids)
        return self._settle(ids)

    def _part(self, one: Token, other: Token) -> Collection[Token]:
        """Work out anew who two ids are between which an alias is gone; return who moved."""
        for token in (one, other):
            node = self.nodes.to_change(token)
            node.joined = min(self._edges.live(token).values(), default=None)
            self.nodes.put(token, node)
        reached = [self._reached(one)]
        if other not in reached[0]:
            reached.append(self._reached(other))
        elif not self.nodes.get(one).quarantined:
            return ()
        return [
            token
            for ids in reached
            if len(ids) <= self._ids_per_person
            for token in self._settle(ids)
        ]

    def _reached(self, token: Token) -> Collection[Token]:
        """Return the ids that aliases join to ``token``: all of them, or just too many."""
        found = {token: None}
        waiting = [token]
        for each in waiting:
            for other in self._edges.live(each):
                if other not in found:
                    found[other] = None
                    waiting.append(other)
            if len(found) > self._ids_per_person:
                break
        return found

    def _settle(self, ids: Collection[Token]) -> Collection[Token]:
        """Have ``ids`` be one person; return those that were none or another before."""
        members = tuple(sorted(ids))
        first = members[0]
        moved = []
        for token in members:
            node = self.nodes.to_change(token)
            person = None if token == first else first
            if node.quarantined or node.person != person:
                moved.append(token)
            self._count("ids_quarantined", -node.quarantined)
            node.person, node.quarantined = person, False
            node.members = members if token == first and len(members) > 1 else ()
            node.account = self._last_account(members) if token == first else None
            self.nodes.put(token, node)
        return moved

    def _quarantine(self, ids: Collection[Token]) -> Collection[Token]:
        """Have each of ``ids`` stand for itself."""
        for token in ids:
            node = self.nodes.to_change(token)
            self._count("ids_quarantined", not node.quarantined)
            node.person, node.members, node.quarantined = None, (), True
            node.account = self._last_account([token])
            self.nodes.put(token, node)
        return ids

    def _count(self, name: str, more: int) -> None:
        if more:
            self.counts[name] = self.counts.get(name, 0) + more
            self._store.put(COUNTED + name.encode(), str(self.counts[name]).encode())


def live(stated: Stated | None) -> Iterator[tuple[Token, Micros]]:
    """Yield what was stated and not taken back, and when; nothing where it was too much."""
    for token, at in (stated or {}).items():
        if at is not None:
            yield token, at


def _ends(limits: Limits) -> dict[LinkKind, tuple[End, End | None]]:
    """Return where each kind of link is kept: at its left, and at its right."""
    return {
        "identify": (
            End("users", limits.users_per_device, "devices_shared"),
            End("devices", limits.devices_per_user, "users_of_too_many_devices"),
        ),
        "trait": (
            End("users", limits.users_per_trait, "traits_shared"),
            End("known_by", limits.traits_per_user, "users_of_too_many_traits"),
        ),
        "trait_device": (
            End("devices", limits.devices_per_trait, "traits_of_too_many_devices"),
            End("traits", limits.traits_per_device, "devices_of_too_many_traits"),
        ),
        "group": (End("accounts", limits.accounts_per_user, "users_of_too_many_accounts"), None),
    }
