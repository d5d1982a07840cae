"""The links known so far, and whom an event belongs to by them."""

from __future__ import annotations

import threading

from streamproc.events import Link, Subject, Token

__all__ = ["View"]


class View:
    """A grow-only set of links, ready to be asked. Safe to use from several threads.

    A person is a union-find tree over alias links whose root is its smallest token (Tarjan's
    structure with path halving; ordering the roots by token instead of by size keeps them the same
    whatever the order of the links). A device keeps the set of user ids it was identified with.
    """

    def __init__(self) -> None:
        """Start without links."""
        self._lock = threading.Lock()
        self._parent: dict[Token, Token] = {}
        self._users: dict[Token, Token | set[Token]] = {}
        # Nearly every device has one user: a set for each would cost 200 bytes more.

    def add(self, link: Link) -> bool:
        """Take ``link`` in; return whether it was new."""
        with self._lock:
            if link.kind == "alias":
                return self._join(link.left, link.right)
            return self._use(link.left, link.right)

    def resolve(self, subject: Subject) -> Token | None:
        """Return the identity of ``subject``: a token that is the same for all ids of one person.

        None when the event names nobody.
        """
        with self._lock:
            if subject.user is not None:
                return self._root(subject.user)
            if subject.anonymous is None:
                return None
            return self._of_device(subject.anonymous, subject.anonymous_before)

    def _of_device(self, device: Token, before: tuple[Token, ...]) -> Token:
        users = self._users.get(device)
        if users is None:
            # While keys overlap a device may have been identified under the key before; its users
            # are found by any of their tokens.
            for earlier in before:
                if earlier in self._users:
                    return self._of_device(earlier, ())
            return self._root(before[-1] if before else device)
        if isinstance(users, str):
            return self._root(users)
        # Stops at the second person: a device id that a broken SDK gave to all has a million users.
        roots = map(self._root, users)
        first = next(roots)
        return first if all(root == first for root in roots) else self._root(device)

    def _use(self, device: Token, user: Token) -> bool:
        users = self._users.get(device)
        if users is None:
            self._users[device] = user
        elif isinstance(users, str):
            if users == user:
                return False
            self._users[device] = {users, user}
        elif user in users:
            return False
        else:
            users.add(user)
        return True

    def _join(self, one: Token, other: Token) -> bool:
        first, second = sorted((self._root(one), self._root(other)))
        if first == second:
            return False
        self._parent[second] = first
        return True

    def _root(self, token: Token) -> Token:
        parent = self._parent
        while (above := parent.get(token)) is not None:
            if (higher := parent.get(above)) is not None:
                parent[token] = higher
            token = above
        return token
