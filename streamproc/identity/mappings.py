"""Whose each token is by now, for who was told before: a view that knows what may have changed.

What a link changes is marked, in the same store and with the same commits as the links; what is
marked is told once, and again until it is settled. So a process may be killed anywhere: it tells
again what it told already, and leaves nothing out. What is told is the view's answer of that
moment, never one that was worked out before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from streamproc.events import Identity, Link, Micros, Subject, Token
from streamproc.identity.graph import Change
from streamproc.identity.store import Store
from streamproc.identity.view import View

__all__ = ["Due", "Mapping", "MappingView"]

MARKED: Final = b"m/"
"""What the keys of marks begin with; a token follows."""
NOTED: Final = b"\x00mapped/"
MARKS: Final = b"\x00marks"
"""Is there once there is anybody to be told. Nothing is marked before: what is read from the
beginning would be written twice, and the first telling tells all anyway."""


class Mapping(NamedTuple):
    """To whom a token belongs.

    Attributes:
        token: Whose it is asked.
        kind: ``user_id``, ``anonymous_id``, or the name of a trait. An id that is used as a user's
            and as a device's is taken for a user's, which no device ever makes somebody else's.
        identity: Another token; None where the token stands for itself, or is not known any more.
        since: When the link was stated that shows it.
    """

    token: Token
    kind: str
    identity: Token | None
    since: Micros | None


class Due(NamedTuple):
    """What has to be told.

    Attributes:
        mappings: Each token once.
        more: Whether there may be more than these.
    """

    mappings: list[Mapping]
    more: bool


class MappingView:
    """A view and its marks. For one thread at a time."""

    def __init__(self, store: Store, view: View) -> None:
        """Go on with what is marked in ``store``, which is that of ``view``."""
        self._store = store
        self._view = view
        self._marked: Iterator[Token] | None = None
        self._every: Iterator[Token] = iter(())
        self._told: set[Token] = set()
        self._marks_on = store.get(MARKS) is not None

    # -- links ------------------------------------------------------------------------------------

    def add(self, link: Link) -> bool:
        """Take ``link`` in; return whether that changed what is kept."""
        return self._mark(self._view.graph.change(link), (link.left, link.right))

    def forget(self, link: Link) -> bool:
        """Leave nothing of ``link``; return whether there was anything."""
        return self._mark(self._view.graph.forget(link), (link.left, link.right))

    def erase(self, token: Token) -> bool:
        """Leave nothing of ``token``; return whether there was anything."""
        return self._mark(self._view.graph.erase(token), (token,))

    def resolve(self, subject: Subject) -> Identity:
        """Return whom an event of ``subject`` belongs to."""
        return self._view.resolve(subject)

    def _mark(self, change: Change, ends: Iterable[Token]) -> bool:
        if change.new and self._marks_on:
            for token in {*ends, *change.moved}:
                self._store.put(MARKED + token.encode(), b"")
                self._told.discard(token)
        return change.new

    # -- what is told -----------------------------------------------------------------------------

    def begin_anew(self) -> None:
        """Have every token be told that belongs to another one, and after that what is marked.

        To whoever knows of none: which tokens belong to themselves is not told. To be called before
        anything is told.
        """
        self._store.put(MARKS, b"")
        self._marks_on = True
        self._every = self._view.graph.nodes.tokens()

    def due(self, most: int) -> Due:
        """Return what is to be told next.

        Args:
            most: How many tokens are looked at. What belongs to somebody by one of them comes
                with it; the limits of the configuration bound that.
        """
        self._told.clear()
        if every := list(islice(self._every, most)):
            found = (self._mapping(token) for token in every)
            return Due([each for each in found if each.identity is not None], more=True)
        fresh = self._marked is None
        if self._marked is None:
            self._marked = self._marks()
        told: dict[Token, Mapping] = {}
        for token in self._marked:
            self._told.add(token)
            told.setdefault(token, self._mapping(token))
            for each in self._view.graph.affected([token]):
                if each not in told:
                    told[each] = self._mapping(each)
            if len(told) >= most:
                return Due(list(told.values()), more=True)
        self._marked = None
        return Due(list(told.values()), more=not fresh)

    def settle(self) -> None:
        """Take the marks off what was told last, unless it was marked anew since."""
        for token in self._told:
            self._store.delete(MARKED + token.encode())
        self._told.clear()

    def tell_again(self) -> None:
        """Have all that is marked be told, from the beginning; what was told last among it."""
        self._marked, self._every = None, iter(())
        self._told.clear()

    def _marks(self) -> Iterator[Token]:
        return (Token(key[len(MARKED) :].decode()) for key, _ in self._store.scan(MARKED))

    def _mapping(self, token: Token) -> Mapping:
        belonging = next(self._view.belongings_of(token), None)
        if belonging is None:
            return Mapping(token, "", None, None)
        kind, _, identity = belonging
        owner = None if identity.id == token else identity.id
        return Mapping(token, kind, owner, identity.since)

    # -- what whoever tells it notes --------------------------------------------------------------

    def note(self, name: str, value: str) -> None:
        """Keep ``value`` with the marks."""
        self._store.put(NOTED + name.encode(), value.encode())

    def noted(self, name: str) -> str | None:
        """Return what was kept under ``name``."""
        value = self._store.get(NOTED + name.encode())
        return None if value is None else value.decode()
