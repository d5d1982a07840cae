"""Keys of people: what encryption needs to know of the store that holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from streamproc.events import Subject, Token

__all__ = ["SubjectKey", "SubjectKeys", "person_of"]


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """One person's key.

    Attributes:
        id: 16 letters from ``a`` to ``p`` that stand in its ciphertexts; random, so that they name
            nobody once the key is gone.
        secret: 64 random bytes.
    """

    id: str
    secret: bytes = field(repr=False)


class SubjectKeys(Protocol):
    """The keys of people, wherever they are kept. Safe to share between threads."""

    def key_of(self, person: Token) -> SubjectKey | None:
        """Return a person's key, made when first asked for; None where it was deleted.

        Two processes that ask at once get the same key.
        """
        ...

    def key_by_id(self, key_id: str) -> SubjectKey | None:
        """Return a key by its id; None where it was deleted or never was."""
        ...


def person_of(subject: Subject | None) -> Token | None:
    """Return whom an event is about: its user, else its anonymous id, else its previous id."""
    return subject and (subject.user or subject.anonymous or subject.previous)
