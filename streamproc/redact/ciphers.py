"""What the key ring does beside tokens: encryption that can be undone, and keyed changes of form.

A ciphertext is ``enc_<key>_``, letters from ``a`` to ``p`` (one for each 4 bits) and a ``z`` that
ends it; one made with a person's key has the 16 letters of that key's id in between. Letters alone,
as in a token, and for the same reasons; the ``z`` tells it from letters that stand right behind it.

The letters are AES-SIV's output (RFC 5297): 16 bytes of synthetic IV, then the ciphertext.
Deterministic: it shows that two values are equal, and how long a value is, and nothing else.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from streamproc.events import Token
from streamproc.redact.ff1 import Ff1
from streamproc.redact.keys import KeyRing
from streamproc.redact.letters import from_letters, to_letters
from streamproc.redact.subjects import SubjectKeys

__all__ = ["ENCRYPTED", "Ciphers", "Revealed", "Unreadable"]

ENCRYPTED = re.compile(r"enc_([0-9A-Za-z]{1,16})_(?:([a-p]{16})_)?((?:[a-p]{2}){16,})z")
"""A ciphertext: name of the key, id of the person's key or nothing, letters."""

Unreadable: TypeAlias = Literal["unknown_key", "forgotten", "damaged"]
"""Why a ciphertext cannot be read: the ring does not have its key; nobody has the person's key, or
no store of them is configured; it is no ciphertext of ours."""


class Revealed(NamedTuple):
    """What a ciphertext says, or why it cannot be read: one of the two is None."""

    value: str | None
    unreadable: Unreadable | None

    def __repr__(self) -> str:
        """Keep the value out of logs and tracebacks."""
        return f"Revealed(unreadable={self.unreadable!r})"


class Ciphers:
    """Encrypts with one key ring. Safe to share between threads."""

    def __init__(self, ring: KeyRing, subjects: SubjectKeys | None = None) -> None:
        """Derive the keys; ``subjects`` has those of people, where any are to be used."""
        self._prefix = f"enc_{ring.active}_"
        self._subjects = subjects
        self._by_key: Mapping[str, AESSIV] = {
            version: AESSIV(ring.derive("encrypt", version, "sha512")) for version in ring.secrets
        }
        self._active = self._by_key[ring.active]
        self._date_key = ring.derive("dates")
        self.ff1 = Ff1(ring.derive("format"))

    def encrypted(self, value: str) -> str:
        """Return the ciphertext of ``value`` under the active key."""
        return f"{self._prefix}{to_letters(self._active.encrypt(value.encode(), None))}z"

    def encrypted_for(self, person: Token, value: str) -> str | None:
        """Return the ciphertext of ``value`` under a person's key; None where that was deleted.

        Raises:
            RetryableError: The store of keys cannot be reached now.
        """
        assert self._subjects is not None, "a ruleset with keys of people needs their store"
        key = self._subjects.key_of(person)
        if key is None:
            return None
        letters = to_letters(AESSIV(key.secret).encrypt(value.encode(), None))
        return f"{self._prefix}{key.id}_{letters}z"

    def revealed(self, ciphertext: str) -> Revealed:
        """Return what a ciphertext says; whoever shows it to anyone writes that down before."""
        match = ENCRYPTED.fullmatch(ciphertext)
        if match is None:
            return Revealed(None, "damaged")
        version, key_id, letters = match.groups()
        if key_id is None:
            cipher = self._by_key.get(version)
            if cipher is None:
                return Revealed(None, "unknown_key")
        else:
            key = self._subjects.key_by_id(key_id) if self._subjects is not None else None
            if key is None:
                return Revealed(None, "forgotten")
            cipher = AESSIV(key.secret)
        try:
            return Revealed(cipher.decrypt(from_letters(letters), None).decode(), None)
        except (InvalidTag, UnicodeDecodeError):
            return Revealed(None, "damaged")

    def shift_of(self, person: Token, days: int) -> int:
        """Return by how many days a person's dates move: from ``-days`` to ``days``, never 0."""
        drawn = int.from_bytes(hmac.digest(self._date_key, person.encode(), "sha256")[:8])
        shift = drawn % (2 * days) - days
        return shift if shift < 0 else shift + 1
