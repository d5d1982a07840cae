"""What a canary says: an event of a person nobody is, with personal data wherever it may hide.

Every value is from a range set aside for examples: e-mail at example.com, .org and .net (RFC 2606),
telephone numbers 555-0100 to 555-0199, addresses of 2001:db8::/32 (RFC 3849), the card networks'
published test cards. E-mail addresses and network addresses hold 50 bits of chance and more: where
one is found, it is the canary's, and each stands in one place of the event, so it says which.

User id, device and the e-mail address among the traits are those of one of a few people who take
turns: identity state, which links them, does not grow with the number of canaries.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import quote
from uuid import UUID

import orjson

from streamproc.canaries.marks import letters, mark, nonce_of
from streamproc.canaries.planting import Kind, Personal, Planted, Tree, in_text, in_url, settle

__all__ = [
    "EVENT",
    "KINDS",
    "LIBRARY",
    "PLACES",
    "Canary",
    "Place",
    "Recipe",
    "hatch",
    "known_again",
]

Place: TypeAlias = Literal["traits", "prose", "url", "encoded_url", "nested", "keys"]
"""Where personal data hides in a canary."""

EVENT: Final = "Canary Sent"
"""The name of the tracked event: canaries have a table of their own in the warehouse."""
LIBRARY: Final = "streamproc-canary"
"""What canaries say that sent them, in ``context.library.name``."""
KINDS: Final[frozenset[Kind]] = frozenset({"card", "email", "ip", "person", "phone"})
"""Kinds of values that canaries have."""
UNMISTAKABLE: Final = frozenset({"email", "ip"})
"""Kinds of values that nothing else can hold by chance."""

NAMES: Final = (
    ("Ingrid", "Lindqvist"), ("Rosalind", "Whitcombe"), ("Valentina", "Marchetti"),
    ("Nikolai", "Sokolov"), ("Beatriz", "Villanueva"), ("Tomasz", "Wisniewski"),
    ("Fatima", "Siddiqui"), ("Kenji", "Takahashi"),
)  # fmt: skip
DOMAINS: Final = ("example.com", "example.org", "example.net")
AREA_CODES: Final = ("206", "212", "303", "312", "404", "415", "503", "617", "713", "808")
CARDS: Final = ("4012888888881881", "4111111111111111", "5555555555554444", "378282246310005")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What canaries are made by; the same one makes the same canaries.

    Attributes:
        secret: What everything in them follows from, and nobody else has.
        people: How many people take turns.
        places: Where in them personal data is planted.
        kinds: Which of it may not get through; what else there is nobody looks for.
    """

    secret: bytes = field(repr=False)
    people: int
    places: frozenset[Place]
    kinds: frozenset[Kind]


@dataclass(frozen=True, slots=True)
class Canary:
    """An event of somebody who does not exist, as a record of the raw topic.

    Attributes:
        message_id: Its mark.
        key: The record's key: the device.
        value: The record's value, JSON.
        ids: User id and device. They name nobody and are nothing to be looked for; rules that
            redact what looks personal leave them as they are.
        planted: What of it may not get through, and where it is.
    """

    message_id: str
    key: bytes = field(repr=False)
    value: bytes = field(repr=False)
    ids: tuple[str, str] = field(repr=False)
    planted: tuple[Planted, ...] = field(repr=False)

    @property
    def unmistakable(self) -> tuple[Planted, ...]:
        """Those values that are a leak wherever they are found, not in its own row alone."""
        return tuple(each for each in self.planted if each.kind in UNMISTAKABLE)


class _Person(NamedTuple):
    """One of those who take turns."""

    user_id: str
    anonymous_id: str
    email: Personal
    first: Personal
    last: Personal


def hatch(recipe: Recipe, nonce: bytes) -> Canary:
    """Return the canary of ``nonce`` (:data:`~.marks.NONCE_BYTES` bytes), always the same one.

    Canaries are tracked events; where ``traits`` are wanted, every second one is an identify event.
    """
    message_id = mark(recipe.secret, nonce)
    turn = int.from_bytes(nonce)
    person = _person(recipe.secret, turn // 2 % recipe.people)
    event, planted = settle(_event(recipe, person, nonce), message_id)
    assert isinstance(event, Mapping)
    value = orjson.dumps({"messageId": message_id, **event})
    wanted = tuple(each for each in planted if each.kind in recipe.kinds)
    ids = person.user_id, person.anonymous_id
    return Canary(message_id, person.anonymous_id.encode(), value, ids, wanted)


def known_again(recipe: Recipe, message_id: str) -> Canary | None:
    """Return the canary that a message id is of; None if it is of none made with the secret."""
    nonce = nonce_of(recipe.secret, message_id)
    return None if nonce is None else hatch(recipe, nonce)


def _event(recipe: Recipe, person: _Person, nonce: bytes) -> dict[str, Tree]:
    def chance(place: str) -> Random:
        # Of its own for each place: a canary of other settings is known again by what they share.
        return _chance(recipe.secret, place.encode(), nonce)

    ids: dict[str, Tree] = {"userId": person.user_id, "anonymousId": person.anonymous_id}
    context: dict[str, Tree] = {
        "library": {"name": LIBRARY, "version": "1"},
        "ip": _ip(chance("ip")),
    }
    if "traits" in recipe.places:
        traits = _traits(person, chance("traits"))
        if nonce[-1] % 2:
            return {"type": "identify", **ids, "traits": traits, "context": context}
        context["traits"] = traits
    properties: dict[str, Tree] = {}
    for place in sorted(recipe.places & PLANTED_IN.keys()):
        properties |= PLANTED_IN[place](person, chance(place))
    return {"type": "track", "event": EVENT, **ids, "properties": properties, "context": context}


def _traits(person: _Person, rng: Random) -> dict[str, Tree]:
    return {
        "email": person.email,
        "firstName": person.first,
        "lastName": person.last,
        "phone": _phone(rng),
    }


def _prose(person: _Person, rng: Random) -> dict[str, Tree]:
    text = "Please write to {email} or ring me at {phone}, thanks, {first}"
    return {"note": in_text(text, email=_email(person, rng), phone=_phone(rng), first=person.first)}


def _url(person: _Person, rng: Random) -> dict[str, Tree]:
    link = "https://app.example.com/confirm?step=2&contact={email}#done"
    return {"link": in_url(link, email=_email(person, rng))}


def _encoded_url(person: _Person, rng: Random) -> dict[str, Tree]:
    inner = "https://app.example.com/welcome?contact={email}&campaign=spring"
    within = in_url(inner, email=_email(person, rng))
    outer = f"https://go.example.net/r?to={quote(within.text, safe='')}"
    return {"redirect": within._replace(text=outer)}


def _nested(person: _Person, rng: Random) -> dict[str, Tree]:
    buyer: dict[str, Tree] = {
        "reach": [_email(person, rng)],
        "card": Personal("card", rng.choice(CARDS)),
    }
    return {"items": [{"sku": "CN-1", "buyers": [buyer]}]}


def _keys(person: _Person, rng: Random) -> dict[str, Tree]:
    seats: dict[str | Personal, Tree] = {_email(person, rng): "owner"}
    return {"seats": seats}


PLANTED_IN: Final[dict[Place, Callable[[_Person, Random], dict[str, Tree]]]] = {
    "prose": _prose,
    "url": _url,
    "encoded_url": _encoded_url,
    "nested": _nested,
    "keys": _keys,
}
PLACES: Final[frozenset[Place]] = frozenset({"traits", *PLANTED_IN})


def _person(secret: bytes, number: int) -> _Person:
    rng = _chance(secret, b"person", number.to_bytes(4))
    first, last = rng.choice(NAMES)
    return _Person(
        user_id=f"canary_{letters(rng.randbytes(8))}",
        anonymous_id=str(UUID(int=rng.getrandbits(128), version=4)),
        email=Personal("email", _address(first, rng)),
        first=Personal("person", first),
        last=Personal("person", last),
    )


def _email(person: _Person, rng: Random) -> Personal:
    return Personal("email", _address(person.first.value, rng))


def _address(first: str, rng: Random) -> str:
    tag = base64.b32encode(rng.randbytes(7)).decode().rstrip("=").lower()
    return f"{first.lower()}.{tag}@{rng.choice(DOMAINS)}"


def _phone(rng: Random) -> Personal:
    return Personal("phone", f"({rng.choice(AREA_CODES)}) 555-01{rng.randint(0, 99):02}")


def _ip(rng: Random) -> Personal:
    # No group is short, so that there is one way to write it.
    groups = ":".join(f"{rng.randint(0x1000, 0xFFFF):x}" for _ in range(6))
    return Personal("ip", f"2001:db8:{groups}")


def _chance(secret: bytes, purpose: bytes, nonce: bytes) -> Random:
    # Not for secrets as such: who could undo the generator would have the values, not the secret.
    seed = hmac.digest(secret, purpose + b":" + nonce, hashlib.sha256)
    return Random(int.from_bytes(seed))  # noqa: S311
