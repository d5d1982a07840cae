"""What a process knows of identities: the view and the attributes over one store, and what is owed.

**Owed** is a link that an event stated here and that has not been read back from its topic: only
then is it known to be there. Owed links are kept beside the view, in the same commits, so that a
process that was killed in between publishes them when it starts again. Their number is that of the
links under way; a link that the view has already, from wherever, is neither owed nor published.

**Suppressed** are those who were erased. No link of theirs is taken in, owed or published,
whichever topic is read first, and what there was is gone when their case is read.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias, TypeVar

from streamproc.erasure import LIST_ENTRIES, SuppressionList
from streamproc.errors import EventError
from streamproc.events import Identity, Link, Micros, Subject, Token
from streamproc.identity import People
from streamproc.identity.store import Store
from streamproc.kafka.codecs import decode_link, encode_link, link_key, parse_link_key
from streamproc.kafka.identity.slots import READ_TO_END
from streamproc.kafka.suppression import decode_case, parse_case_key
from streamproc.redact import TOKEN

__all__ = ["Found", "IdentityState", "Place", "Suppressing", "Taker"]

T = TypeVar("T")

POSITION: Final = b"\x00position/"
OWED: Final = b"\x00owed/"
TOKENS: Final = re.compile(TOKEN.pattern.encode())

Taker: TypeAlias = "Callable[[bytes | None, bytes | None], object]"
"""Takes the key and the value of a record; raises EventError where it is not what it knows."""


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class Found(NamedTuple):
    """A record that was read."""

    place: Place
    offset: int
    key: bytes | None
    value: bytes | None


class Linked(People, Protocol):
    """What the topic of links needs of a view besides."""

    def forget(self, link: Link) -> bool:
        """Leave nothing of ``link``; return whether there was anything."""

    def erase(self, token: Token) -> bool:
        """Leave nothing of ``token``; return whether there was anything."""


def _no_more(_tokens: Collection[Token]) -> None:
    """Do nothing more."""


class Suppressing(NamedTuple):
    """How it is known who is suppressed.

    Attributes:
        topic: The topic that says so.
        listed: Who is, over the same store as all else.
        erased: Is told the tokens of each case that is read, to forget what else is here of them.
    """

    topic: str
    listed: SuppressionList
    erased: Callable[[Collection[Token]], object] = _no_more


class IdentityState:
    """The view of one process. Safe to use from several threads.

    Whatever changes together is committed together: one lock is held for each change as a whole,
    and for each commit. Raises RetryableError wherever the store fails.
    """

    def __init__(
        self,
        store: Store,
        people: Linked,
        links_topic: str,
        others: Mapping[str, Taker],
        suppressing: Suppressing | None = None,
    ) -> None:
        """Find out what was left.

        Args:
            store: What all of them write to.
            people: The view over ``store``.
            links_topic: The topic of links.
            others: What takes the records of other topics into ``store``.
            suppressing: Who is suppressed; nobody, ever, when it is left out.
        """
        self._lock = threading.Lock()
        self._store = store
        self._people = people
        self._takers: dict[str, Taker] = {links_topic: self._take_link, **others}
        self._listed = SuppressionList(store)
        self._erased: Callable[[Collection[Token]], object] = _no_more
        if suppressing is not None:
            self._takers[suppressing.topic] = self._take_case
            self._listed = suppressing.listed
            self._erased = suppressing.erased
        self._owed = {key.removeprefix(OWED): value for key, value in store.scan(OWED)}
        self._again = dict.fromkeys(self._owed)
        self._moved: dict[Place, int] = {}

    # -- for the pipeline -------------------------------------------------------------------------

    def add(self, link: Link) -> bool:
        """Take in a link that an event states; return whether that changed what is kept."""
        with self._lock:
            if self._listed.holds((link.left, link.right)):
                return False  # suppressed since it was asked whose event it is
            changed = self._people.add(link)
            if changed:
                self._owe(link_key(link), encode_link(link))
            return changed

    def resolve(self, subject: Subject) -> Identity:
        """Return whom ``subject`` belongs to."""
        with self._lock:
            return self._people.resolve(subject)

    @property
    def suppresses(self) -> bool:
        """Whether anybody is suppressed."""
        return bool(self._listed)

    def is_suppressed(self, tokens: Iterable[Token]) -> bool:
        """Return whether any of ``tokens`` is of somebody who was erased."""
        with self._lock:
            return self._listed.holds(tokens)

    def owed(self, links: Iterable[Link]) -> Sequence[Link]:
        """Return which of ``links``, having been added, have to be published, and as what.

        Of one that was stated several times it is the statement that counts: were it followed by
        another one in its topic, compaction would leave that.
        """
        found = map(self._owed.get, dict.fromkeys(map(link_key, links)))
        return [decode_link(value) for value in found if value is not None]

    def left_over(self) -> Sequence[Link]:
        """Return the links that have to be published though no event states them now; once.

        Those that a process before this one did not see in the topic; and those of which the topic
        got a worse version behind a better one, which is all that compaction would leave.
        """
        with self._lock:
            found = [self._owed[key] for key in self._again if key in self._owed]
            self._again.clear()
        return [decode_link(value) for value in found]

    def entries_with(self, tokens: Iterable[Token]) -> int:
        """Return how many entries have any of ``tokens``, but for the list of who is suppressed.

        Looks through all there is, 10 µs for each.
        """
        sought = frozenset(token.encode() for token in tokens)
        with self._lock:
            return sum(
                not sought.isdisjoint(TOKENS.findall(key) + TOKENS.findall(value))
                for key, value in self._store.scan(b"")
                if not key.startswith(LIST_ENTRIES)
            )

    # -- for the reader ---------------------------------------------------------------------------

    @property
    def topics(self) -> Sequence[str]:
        """The topics to be read."""
        return list(self._takers)

    def position(self, place: Place) -> int | None:
        """Return the offset to go on from; None where nothing has been read."""
        with self._lock:
            found = self._store.get(_position_key(place))
        return None if found is None else int(found)

    def take(self, found: Sequence[Found]) -> Mapping[Found, str]:
        """Take records in; return those that are not ours, and the code that says why."""
        refused = {}
        with self._lock:
            for record in found:
                try:
                    self._takers[record.place.topic](record.key, record.value)
                except EventError as error:
                    refused[record] = error.code
                self._moved[record.place] = record.offset + 1
        return refused

    def commit(self, read_to_end: Micros | None = None) -> None:
        """Make all that was taken and added so far last, and up to where was read.

        Args:
            read_to_end: The time, if nothing was left to be read then.
        """
        with self._lock:
            for place, position in self._moved.items():
                self._store.put(_position_key(place), str(position).encode())
            if read_to_end is not None:
                self._store.put(READ_TO_END, str(read_to_end).encode())
            self._store.commit()
            self._moved.clear()

    def look(self, question: Callable[[Mapping[Place, int]], T]) -> T:
        """Return the answer to ``question``, which is told up to where was read.

        Nothing is read while it answers.
        """
        with self._lock:
            stored = {_place(key): int(value) for key, value in self._store.scan(POSITION)}
            return question({**stored, **self._moved})

    # -- links ------------------------------------------------------------------------------------

    def _take_link(self, key: bytes | None, value: bytes | None) -> None:
        if value is None:
            self._forget(parse_link_key(key))
            return
        link = decode_link(value)
        if self._listed.holds((link.left, link.right)):
            return
        self._people.add(link)
        if not self._owed:  # as in a state that is made anew
            return
        own_key = link_key(link)
        owed = self._owed.get(own_key)
        if owed is None:
            return
        if owed == value:
            self._settle(own_key)
        else:
            # Somebody else's version of it, and ours is to come or came before: whichever lies last
            # is the one that compaction leaves, so the better one has to be.
            self._owe(own_key, encode_link(_better(link, decode_link(owed))))
            self._again[own_key] = None

    def _forget(self, link: Link) -> None:
        self._people.forget(link)
        self._settle(link_key(link))

    def _take_case(self, key: bytes | None, value: bytes | None) -> None:
        if value is None:
            self._listed.lift(parse_case_key(key))
            return
        case = decode_case(value)
        self._erased(case.tokens)
        self._listed.take(case)
        for token in case.tokens:
            self._people.erase(token)
        for own_key in list(self._owed):
            link = parse_link_key(own_key)
            if self._listed.holds((link.left, link.right)):
                self._settle(own_key)

    def _owe(self, key: bytes, value: bytes) -> None:
        self._owed[key] = value
        self._store.put(OWED + key, value)

    def _settle(self, key: bytes) -> None:
        if self._owed.pop(key, None) is not None:
            self._store.delete(OWED + key)


def _better(one: Link, other: Link) -> Link:
    """Return the one of two statements of a link that counts, as the view has it."""
    pick = max if one.kind == "group" else min
    return pick(one, other, key=lambda link: link.at)


def _place(position_key: bytes) -> Place:
    topic, _, partition = position_key.removeprefix(POSITION).decode().rpartition("/")
    return Place(topic, int(partition))


def _position_key(place: Place) -> bytes:
    return POSITION + f"{place.topic}/{place.partition}".encode()
