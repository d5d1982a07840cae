"""Keyed tokens: what stands for a value where it must still be joined on.

A token is ``tok_<key>_`` and 32 letters from ``a`` to ``p``: 128 bits of HMAC-SHA-256 (RFC 2104), a
letter for each 4 bits. Letters alone, so that no pattern of card, phone or document numbers can
match a token, and a token stays as it is in a URL.

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

import phonenumbers

from streamproc.events import Token
from streamproc.redact.keys import KeyRing

__all__ = ["TOKEN", "Tokens", "normalised"]

TOKEN = re.compile(r"tok_[0-9A-Za-z]{1,16}_[a-p]{32}")
LETTERS = bytes.maketrans(b"0123456789abcdef", b"abcdefghijklmnop")
HEX_DIGITS = 32
"""128 of the 256 bits: two of a billion billion values share a token with odds of 1 in 600."""

PHONE_REGION = "US"
"""Where a phone number without a country code is taken to be from, as Presidio does first."""

REMEMBERED_TOKENS = 32_768
"""Tokens of each purpose that are remembered, in memory only: a token costs 4 µs, that of a phone
number 60 µs, and a session repeats its own in every event."""
LONGEST_REMEMBERED = 256
"""Code points of the longest value that is remembered: bounds the memory as well."""


class Tokens:
    """Makes the tokens of one key ring. Safe to share between threads."""

    def __init__(self, ring: KeyRing) -> None:
        """Derive the keys."""
        self.key_version = ring.active
        self._prefix = f"tok_{ring.active}_"
        self._value_key = ring.derive("value")
        self._identity_key = ring.derive("identity")
        self._order_key = ring.derive("order")
        self._value = functools.lru_cache(REMEMBERED_TOKENS)(self._new_value)
        self._identifier = functools.lru_cache(REMEMBERED_TOKENS)(self._new_identifier)

    def of_value(self, entity: str, value: str) -> Token:
        """Return the token of a piece of personal data."""
        short = len(value) <= LONGEST_REMEMBERED
        return self._value(entity, value) if short else self._new_value(entity, value)

    def of_message_id(self, message_id: str) -> Token:
        """Return the token of a message id, exactly as it is: two ids never become one."""
        return self._token(self._value_key, b"message\0" + message_id.encode())

    def of_identifier(self, identifier: str) -> Token:
        """Return the token of a user, anonymous or previous id.

        One namespace for all three, so that an alias meets the id it names. An e-mail address used
        as an id is normalised as one; other ids are taken exactly, but for white space around them.
        """
        short = len(identifier) <= LONGEST_REMEMBERED
        return self._identifier(identifier) if short else self._new_identifier(identifier)

    def ordering(self, key: bytes) -> bytes:
        """Return what stands for a record's key: equal keys stay together, and in order."""
        return self._token(self._order_key, key).encode()

    def _new_value(self, entity: str, value: str) -> Token:
        return self._token(self._value_key, f"{entity}\0{normalised(entity, value)}".encode())

    def _new_identifier(self, identifier: str) -> Token:
        text = _email(identifier) if "@" in identifier else identifier.strip()
        return self._token(self._identity_key, text.encode())

    def _token(self, key: bytes, message: bytes) -> Token:
        digits = hmac.digest(key, message, "sha256").hex()[:HEX_DIGITS]
        return Token(self._prefix + digits.encode().translate(LETTERS).decode())


def normalised(entity: str, value: str) -> str:
    """Return ``value`` as it is hashed, by what it is."""
    return NORMAL_FORMS.get(entity, _plain)(value)


def _plain(value: str) -> str:
    return unicodedata.normalize("NFKC", value).strip()


def _email(value: str) -> str:
    # RFC 5321 lets the part before the @ differ by case; no provider of note makes use of it.
    local, _, domain = _plain(value).casefold().rpartition("@")
    with contextlib.suppress(UnicodeError):  # not a domain's form: as it is
        domain = domain.encode("idna").decode()
    return f"{local}@{domain}"


def _phone(value: str) -> str:
    text = _plain(value)
    try:
        number = phonenumbers.parse(text, PHONE_REGION)
    except phonenumbers.NumberParseException:
        return _letters_and_digits(text)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _name(value: str) -> str:
    return " ".join(_plain(value).casefold().split())


def _ip_address(value: str) -> str:
    try:
        return ipaddress.ip_address(_plain(value)).compressed
    except ValueError:
        return _plain(value).casefold()


def _letters_and_digits(value: str) -> str:
    return "".join(letter for letter in _plain(value).casefold() if letter.isalnum())


NORMAL_FORMS: Mapping[str, Callable[[str], str]] = {
    "CREDIT_CARD": _letters_and_digits,
    "EMAIL_ADDRESS": _email,
    "IBAN_CODE": _letters_and_digits,
    "IP_ADDRESS": _ip_address,
    "MAC_ADDRESS": _letters_and_digits,
    "PERSON": _name,
    "PHONE_NUMBER": _phone,
    "UK_NHS": _letters_and_digits,
    "US_BANK_NUMBER": _letters_and_digits,
    "US_ITIN": _letters_and_digits,
    "US_PASSPORT": _letters_and_digits,
    "US_SSN": _letters_and_digits,
}
