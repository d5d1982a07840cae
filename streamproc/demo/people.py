"""Invented people: names of several cultures, and data that can be nobody's.

Every value is from a range set aside for examples, so that a slip of the demo reaches no one:

- e-mail at example.com, example.org and example.net (RFC 2606);
- phone numbers 555-0100 to 555-0199 of real area codes, reserved for fiction by the North American
  Numbering Plan, written in the ways people write them;
- addresses 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 (RFC 5737) and 2001:db8::/32 (RFC 3849);
- the card networks' published test cards and the IBAN registry's published examples;
- social security numbers of the areas 900 to 999, which are never issued, with groups below 50,
  which no taxpayer number uses either.

No name is a word of anything else the generator writes, and none is shorter than five letters: a
name found where it should not be is a leak, not a coincidence.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from random import Random

from streamproc.canaries.planting import Personal

__all__ = ["FIRST_NAMES", "LAST_NAMES", "Person", "invent", "ip_address"]

FIRST_NAMES = (
    "Agnieszka", "Amina", "Anneliese", "Bartosz", "Beatriz", "Björn", "Chiara", "Deepika",
    "Dmitri", "Emeka", "Fatima", "Giulia", "Gustavo", "Hamza", "Haruto", "Ifeoma", "Imogen",
    "Ingrid", "Jelena", "Joaquín", "Kavita", "Kenji", "Kwame", "Leonie", "Lucía", "Mateo",
    "Mehmet", "Mirela", "Nikolai", "Noémie", "Oluwaseun", "Petra", "Priya", "Quynh",
    "Rashid", "Renata", "Rosalind", "Saoirse", "Siddharth", "Thandiwe", "Tomasz", "Ulrike",
    "Valentina", "Vikram", "Wanjiru", "Wilhelmina", "Ximena", "Yevgenia", "Yusuf", "Zainab",
    "Zoltan",
)  # fmt: skip
LAST_NAMES = (
    "Adeyemi", "Aguilar", "Ashworth", "Banerjee", "Bashir", "Bellini", "Brandt", "Brennan",
    "Castellanos", "Chaudhary", "Dlamini", "Dabrowski", "Farouk", "Ferreira", "Fitzgerald",
    "Gallagher", "García", "Haddad", "Hargreaves", "Hofmann", "Horvath", "Jovanovic",
    "Kamau", "Keller", "Kowalczyk", "Krishnan", "Lefebvre", "Lindqvist", "Marchetti",
    "Mendoza", "Mensah", "Moretti", "Mukherjee", "Müller", "Nakamura", "Nguyen", "Novak",
    "Nwosu", "Okafor", "Oliveira", "Onyango", "Pereira", "Petrov", "Popescu", "Raman",
    "Siddiqui", "Sigurdsson", "Sokolova", "Takahashi", "Villanueva", "Volkov", "Whitcombe",
    "Wisniewski", "Zambrano",
)  # fmt: skip

AREA_CODES = (
    "201", "206", "212", "213", "303", "305", "312", "404", "415", "503", "512", "602",
    "617", "646", "702", "713", "773", "808", "815", "901", "917", "972",
)  # fmt: skip
PHONE_FORMATS = (
    "({0}) {1}-{2}",
    "{0}-{1}-{2}",
    "{0}.{1}.{2}",
    "+1 {0}-{1}-{2}",
    "+1 ({0}) {1}-{2}",
    "+1{0}{1}{2}",
)
CARDS = (
    "4111 1111 1111 1111",
    "4012888888881881",
    "4242 4242 4242 4242",
    "5555 5555 5555 4444",
    "5105-1051-0510-5100",
    "3782 822463 10005",
    "371449635398431",
    "6011 1111 1111 1117",
    "6011000990139424",
)
IBANS = (
    "GB82WEST12345698765432",
    "DE89 3704 0044 0532 0130 00",
    "FR1420041010050500013M02606",
    "NL91ABNA0417164300",
    "ES91 2100 0418 4502 0005 1332",
    "IT60X0542811101000000123456",
    "BE68539007547034",
    "AT61 1904 3002 3457 3201",
    "SE4550000000058398257466",
)
STREETS = (
    "Alder Crescent", "Birchfield Avenue", "Copperbeech Lane", "Dovecote Road",
    "Elmwood Terrace", "Foxglove Street", "Hawthorn Drive", "Juniper Hill Road",
    "Larkspur Way", "Quince Orchard Street",
)  # fmt: skip
PLACES = (
    ("Springfield", "IL", "62704", "US"),
    ("Portland", "OR", "97205", "US"),
    ("Austin", "TX", "78701", "US"),
    ("Denver", "CO", "80202", "US"),
    ("Seattle", "WA", "98101", "US"),
    ("Boston", "MA", "02108", "US"),
)
COMPANIES = ("Northwind", "Tailspin", "Fabrikam", "Wingtip", "Litware", "Proseware", "Adatum")


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person; what is personal about them is ready to be planted."""

    user_id: str | Personal
    """One in ten is the e-mail address, as some applications have it."""
    first: Personal
    last: Personal
    full: Personal
    email: Personal
    phone: Personal
    street: Personal
    place: tuple[str, str, str, str]
    """City, state, postal code, country."""
    birth_date: Personal
    ssn: Personal
    card: Personal
    iban: Personal
    company: str


def invent(rng: Random, number: int) -> Person:
    """Return a person; people of different ``number`` share neither user id nor e-mail address."""
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    email = Personal("email", _email(rng, first, last, number))
    return Person(
        user_id=email if rng.random() < 0.1 else f"u_{100_000 + number}",
        first=Personal("person", first),
        last=Personal("person", last),
        full=Personal("person", f"{first} {last}"),
        email=email,
        phone=Personal("phone", _phone(rng)),
        street=Personal("address", f"{rng.randint(1, 980)} {rng.choice(STREETS)}"),
        place=rng.choice(PLACES),
        birth_date=Personal(
            "birth_date",
            f"{rng.randint(1948, 2005)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
        ),
        ssn=Personal(
            "ssn", f"{rng.randint(900, 999)}-{rng.randint(1, 49):02}-{rng.randint(1, 9999):04}"
        ),
        card=Personal("card", rng.choice(CARDS)),
        iban=Personal("iban", rng.choice(IBANS)),
        company=rng.choice(COMPANIES),
    )


def ip_address(rng: Random) -> Personal:
    """Return an address of the documentation ranges, one in eight of IPv6."""
    if rng.random() < 0.125:
        return Personal(
            "ip", f"2001:db8::{rng.randint(0x1000, 0xFFFF):x}:{rng.randint(0x1000, 0xFFFF):x}"
        )
    network = rng.choice(("192.0.2", "198.51.100", "203.0.113"))
    return Personal("ip", f"{network}.{rng.randint(1, 254)}")


def _email(rng: Random, first: str, last: str, number: int) -> str:
    plain_first, plain_last = _ascii(first), _ascii(last)
    local = rng.choice(
        (
            f"{plain_first}.{plain_last}{number}",
            f"{plain_first[0]}{plain_last}{number}",
            f"{plain_first}_{plain_last}{number}",
            f"{plain_first}.{plain_last}+news{number}",
        )
    )
    return f"{local}@{rng.choice(('example.com', 'example.com', 'example.org', 'example.net'))}"


def _phone(rng: Random) -> str:
    written = rng.choice(PHONE_FORMATS)
    return written.format(rng.choice(AREA_CODES), "555", f"01{rng.randint(0, 99):02}")


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
