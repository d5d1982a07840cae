"""Keyed tokens: what stands for a value where it must still be joined on.

A token is ``tok_<key>_`` and 32 letters from ``a`` to ``p``: 128 bits of HMAC-SHA-256 (RFC 2104), a
letter for each 4 bits.

A value is normalised before, by what it is: however it is written, one value gives one token.
"""

from __future__ import annotations

import contextlib
import functools
import hmac
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from urllib.parse import unquote

import phonenumbers
import regex

from streamproc.events import Token
from streamproc.redact.ciphers import Ciphers
from streamproc.redact.keys import KeyRing
from streamproc.redact.letters import to_letters
from streamproc.redact.subjects import SubjectKeys

__all__ = ["DECODING_ROUNDS", "TOKEN", "Tokens", "normalised"]

TOKEN = re.compile(r"tok_[0-9A-Za-z]{1,16}_[a-p]{32}")
TOKEN_BYTES = 16
"""128 of the 256 bits: two of a billion billion values share a token with odds of 1 in 600."""

PHONE_REGION = "US"
"""Where a phone number without a country code is taken to be from, as Presidio does first."""

DECODING_ROUNDS = 3
"""How often percent-encoding is undone before a value is hashed, as detection does."""

REMEMBERED_TOKENS = 32_768
"""Tokens of each purpose that are remembered, in memory only: a token costs 4 µs, that of a phone
number 60 µs, and a session repeats its own in every event."""
LONGEST_REMEMBERED = 256
"""Code points of the longest value that is remembered: bounds the memory as well."""

IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
"""What is not seen: zero-width spaces and joiners, marks of direction, soft hyphens (Unicode
Standard Annex 44)."""


class Tokens:
    """Makes the tokens of one key ring. Safe to share between threads.

    Attributes:
        key_version: Name of the active key.
        overlap: Names of the keys that overlap, the last active first; mostly none.
        ciphers: What else the ring is used for.
    """

    def __init__(self, ring: KeyRing, subjects: SubjectKeys | None = None) -> None:
        """Derive the keys; ``subjects`` has those of people, where any are to be used."""
        self.key_version = ring.active
        self.overlap = ring.overlap
        self.ciphers = Ciphers(ring, subjects)
        self._active = _Maker(ring, ring.active)
        self._overlapping = tuple(_Maker(ring, version) for version in ring.overlap)
        self._value = functools.lru_cache(REMEMBERED_TOKENS)(self._active.of_value)
        self._identifier = functools.lru_cache(REMEMBERED_TOKENS)(self._active.of_identifier)
        self._named = functools.lru_cache(REMEMBERED_TOKENS)(self._active.of_named)
        self._ordering = functools.lru_cache(REMEMBERED_TOKENS)(self._active.ordering)

    def of_value(self, entity: str, value: str) -> Token:
        """Return the token of a piece of personal data."""
        short = len(value) <= LONGEST_REMEMBERED
        return self._value(entity, value) if short else self._active.of_value(entity, value)

    def previous_of_value(self, entity: str, value: str) -> tuple[Token, ...]:
        """Return the tokens of keys that overlap, the last active first; mostly there is none."""
        return tuple(maker.of_value(entity, value) for maker in self._overlapping)

    def of_message_id(self, message_id: str) -> Token:
        """Return the token of a message id, exactly as it is: two ids never become one."""
        return self._active.of_message_id(message_id)

    def of_identifier(self, identifier: str) -> Token:
        """Return the token of a user, anonymous or previous id.

        One namespace for all three, so that an alias meets the id it names. An e-mail address used
        as an id is normalised as one; other ids are taken exactly, but for white space around them.
        """
        short = len(identifier) <= LONGEST_REMEMBERED
        return self._identifier(identifier) if short else self._active.of_identifier(identifier)

    def previous_identifiers(self, identifier: str) -> tuple[Token, ...]:
        """Return what :meth:`of_identifier` gave under keys that overlap, the last active first."""
        return tuple(maker.of_identifier(identifier) for maker in self._overlapping)

    def of_named(self, name: str, value: str, entity: str = "") -> Token:
        """Return the token of what names somebody or something by ``name``, such as an account.

        Two names have two tokens for one value. ``entity`` says how it is normalised, as that of
        :meth:`of_value`.
        """
        short = len(value) <= LONGEST_REMEMBERED
        make = self._named if short else self._active.of_named
        return make(name, value, entity)

    def previous_of_named(self, name: str, value: str, entity: str = "") -> tuple[Token, ...]:
        """Return what :meth:`of_named` gave under keys that overlap, the last active first."""
        return tuple(maker.of_named(name, value, entity) for maker in self._overlapping)

    def ordering(self, key: bytes) -> bytes:
        """Return what stands for a record's key: equal keys stay together, and in order."""
        short = len(key) <= LONGEST_REMEMBERED
        return self._ordering(key) if short else self._active.ordering(key)


class _Maker:
    """Makes the tokens of one key."""

    def __init__(self, ring: KeyRing, version: str) -> None:
        self._prefix = f"tok_{version}_"
        self._value_key = ring.derive("value", version)
        self._identity_key = ring.derive("identity", version)
        self._name_key = ring.derive("name", version)
        self._order_key = ring.derive("order", version)

    def of_value(self, entity: str, value: str) -> Token:
        return self._token(self._value_key, f"{entity}\0{normalised(entity, value)}".encode())

    def of_message_id(self, message_id: str) -> Token:
        return self._token(self._value_key, b"message\0" + message_id.encode())

    def of_identifier(self, identifier: str) -> Token:
        decoded = _decoded(identifier)
        text = _email(decoded) if "@" in decoded else identifier.strip()
        return self._token(self._identity_key, text.encode())

    def of_named(self, name: str, value: str, entity: str) -> Token:
        return self._token(self._name_key, f"{name}\0{normalised(entity, value)}".encode())

    def ordering(self, key: bytes) -> bytes:
        return self._token(self._order_key, key).encode()

    def _token(self, key: bytes, message: bytes) -> Token:
        digest = hmac.digest(key, message, "sha256")
        return Token(self._prefix + to_letters(digest[:TOKEN_BYTES]))


def normalised(entity: str, value: str) -> str:
    """Return ``value`` as it is hashed, by what it is.

    Of every value: Unicode's compatibility forms made one (NFKC), what is not seen left out. Of the
    kinds in :data:`NORMAL_FORMS` and of the documents of a country (``US_SSN``), more: two ways of
    writing one value become one, percent-encoding undone.
    """
    form = NORMAL_FORMS.get(entity)
    if form is None:
        form = _letters_and_digits if NATIONAL.match(entity) else _plain
    return form(value)


def _plain(value: str) -> str:
    text = unicodedata.normalize("NFKC", value)
    return (text if text.isascii() else IGNORABLE.sub("", text)).strip()


def _decoded(value: str) -> str:
    text = _plain(value)
    for _ in range(DECODING_ROUNDS):
        if "%" not in text:
            break
        text = _plain(unquote(text))
    return text


def _email(value: str) -> str:
    # RFC 5321 lets the part before the @ differ by case; no provider of note makes use of it.
    local, _, domain = _decoded(value).casefold().rpartition("@")
    with contextlib.suppress(UnicodeError):  # not a domain's form: as it is
        domain = domain.encode("idna").decode()
    return f"{local}@{domain}"


def _phone(value: str) -> str:
    text = _decoded(value)
    try:
        number = phonenumbers.parse(text, PHONE_REGION)
    except phonenumbers.NumberParseException:
        return _letters_and_digits(text)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _name(value: str) -> str:
    return " ".join(_decoded(value).casefold().split())


def _ip_address(value: str) -> str:
    text = _decoded(value)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text.casefold()
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).compressed


def _letters_and_digits(value: str) -> str:
    return "".join(letter for letter in _decoded(value).casefold() if letter.isalnum())


NORMAL_FORMS: Mapping[str, Callable[[str], str]] = {
    "ABA_ROUTING_NUMBER": _letters_and_digits,
    "CREDIT_CARD": _letters_and_digits,
    "EMAIL_ADDRESS": _email,
    "IBAN_CODE": _letters_and_digits,
    "IP_ADDRESS": _ip_address,
    "MAC_ADDRESS": _letters_and_digits,
    "MEDICAL_LICENSE": _letters_and_digits,
    "PERSON": _name,
    "PHONE_NUMBER": _phone,
    "UUID": _letters_and_digits,
}

NATIONAL = re.compile(r"[A-Z]{2}_")
"""How names of entities begin that are documents of one country: their numbers are written with
separators and without."""
