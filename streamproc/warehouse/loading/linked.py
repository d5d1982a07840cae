"""Which other tokens are the same person's, as far as the rows in the warehouse show.

A person's rows are under several tokens: user ids that were joined, devices before and after they
were identified, the identity that all of it belongs to by now. Who deletes one of them means the
person, and not everybody who ever used the same device. So of what is in rows together

- a user id belongs to the identity of its *newest* row: identities are joined, and cut apart again;
- a device (an anonymous id) does so too, but only if none of its rows is of another user id or
  another identity, save its own. One that several people used is *shared*, and stays.

What no row shows is not found: two user ids that an alias has joined after the last event of one of
them. ``streamproc_messages`` knows nothing any more of people deleted before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from streamproc.warehouse.sink import Together

__all__ = ["Linked", "find_linked"]

Ask: TypeAlias = Callable[[Collection[str]], Sequence[Together]]


@dataclass(frozen=True, slots=True)
class Linked:
    """What belongs to the same people as some tokens.

    Attributes:
        tokens: Those that were not given.
        shared: Devices seen together with the people that others have used, too.
        events: How many events all of the tokens are in, the given ones too.
    """

    tokens: frozenset[str]
    shared: frozenset[str]
    events: int

    def __repr__(self) -> str:
        """Say how many there are."""
        return f"Linked({len(self.tokens)} tokens, {len(self.shared)} shared)"


def find_linked(given: Collection[str], ask: Ask) -> Linked:
    """Return the tokens that belong to the same people as ``given``.

    Args:
        given: Tokens; from one that is a shared device nothing follows.
        ask: Returns what is in rows with any of some tokens.
    """
    seen, theirs = _Seen(), set(given)
    while new := (theirs | seen.near(theirs)) - seen.asked:
        seen.take(new, ask(new))
        # A device that does not belong to them yet may do so once more of the others do.
        while found := set(_belonging(seen, theirs)) - theirs:
            theirs |= found
    shared = {token for token in seen.near(theirs) - theirs if seen.is_shared(token, theirs)}
    return Linked(
        frozenset(theirs.difference(given)),
        frozenset(shared),
        sum(row.events for row in seen.rows_with(theirs)),
    )


def _belonging(seen: _Seen, theirs: Collection[str]) -> Iterator[str]:
    for token in theirs:
        if (identity := seen.identity(token)) is not None:
            yield identity
    for token in seen.near(theirs) & seen.asked:
        is_theirs = seen.user_identity(token) in theirs
        if is_theirs or (seen.is_device(token) and not seen.is_shared(token, theirs)):
            yield token


class _Seen:
    """The rows that were asked for, by their tokens."""

    def __init__(self) -> None:
        self.asked: set[str] = set()
        self._rows: dict[str, set[Together]] = defaultdict(set)

    def take(self, tokens: Collection[str], rows: Sequence[Together]) -> None:
        """Take all ``rows`` that have any of ``tokens``."""
        self.asked.update(tokens)
        for row in rows:
            for token in _tokens(row):
                self._rows[token].add(row)

    def rows_with(self, tokens: Collection[str]) -> set[Together]:
        """Return the rows with any of ``tokens``."""
        return {row for token in tokens for row in self._rows.get(token, ())}

    def near(self, tokens: Collection[str]) -> set[str]:
        """Return the tokens that are in rows with some of ``tokens``."""
        return {token for row in self.rows_with(tokens) for token in _tokens(row)}

    def is_device(self, token: str) -> bool:
        """Return whether a token is no user id."""
        rows = self._rows.get(token, ())
        return any(row.anonymous_id == token for row in rows) and self._newest(token) is None

    def user_identity(self, token: str) -> str | None:
        """Return the identity that a user id belongs to by now; None if it is none."""
        newest = self._newest(token)
        return newest.identity_id if newest else None

    def identity(self, token: str) -> str | None:
        """Return the identity that a token belongs to; None if that is not clear, or not yet."""
        if not self.is_device(token):
            return self.user_identity(token) if token in self.asked else None
        rows = [row for row in self._rows[token] if row.anonymous_id == token]
        owners = {row.user_id for row in rows} | {row.identity_id for row in rows}
        # Those of earlier rows may be one person's by now.
        owners = {owner and (self.user_identity(owner) or owner) for owner in owners}
        owners -= {None, token}
        return owners.pop() if len(owners) == 1 else None

    def is_shared(self, token: str, theirs: Collection[str]) -> bool:
        """Return whether a token is a device that somebody else was seen with, too."""
        return any(
            (row.user_id is not None and row.user_id not in theirs)
            or (row.identity_id not in {None, token} and row.identity_id not in theirs)
            for row in self._rows.get(token, ())
            if row.anonymous_id == token
        )

    def _newest(self, user: str) -> Together | None:
        as_user = (row for row in self._rows.get(user, ()) if row.user_id == user)
        return max(as_user, key=lambda row: row.last, default=None)


def _tokens(row: Together) -> set[str]:
    return {token for token in row[:3] if token is not None}
