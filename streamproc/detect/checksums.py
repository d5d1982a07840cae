"""Checksums of identifying numbers, by name, over the text of a number as people write it.

Each takes a text, passes over what is neither letter nor digit (spaces, hyphens, dots), and returns
whether the check holds. It does not for a text with a character that its numbers cannot have, or
with fewer than two that count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = ["CHECKSUMS"]

_DIHEDRAL = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)
"""Multiplication in the dihedral group of order ten (Verhoeff 1969)."""

_PERMUTATION = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)
"""What Verhoeff's scheme does with a digit, by its place from the right modulo 8."""

_QUASIGROUP = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)
"""Damm's totally anti-symmetric quasigroup of order ten (Damm 2004, page 111)."""


def _luhn(text: str) -> bool:
    """ISO/IEC 7812-1, annex B: payment cards, IMEI, SIM cards, Canadian SIN."""
    digits = _digits(text)
    doubled = (2 * digit - 9 * (digit > 4) for digit in digits[-2::-2])
    return len(digits) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _mod97(text: str) -> bool:
    """ISO/IEC 7064 MOD 97-10, letters for 10 to 35: legal entity identifiers."""
    number = _base36(text)
    return len(number) > 2 and int("".join(map(str, number))) % 97 == 1


def _iban(text: str) -> bool:
    """ISO 13616: MOD 97-10 with the country and the check digits moved to the end."""
    written = _written(text)
    return _mod97(written[4:] + written[:4])


def _mod11(text: str) -> bool:
    """Weights from the right 1, 2, 3 and on, X for a last 10: ISBN-10, NHS numbers."""
    written = _written(text)
    digits = _digits(written.removesuffix("X")) + [10] * written.endswith("X")
    weighted = (place * digit for place, digit in enumerate(reversed(digits), 1))
    return len(digits) > 1 and sum(weighted) % 11 == 0


def _mod11_2(text: str) -> bool:
    """ISO/IEC 7064 MOD 11-2, X for a last 10: ORCID, ISNI, Chinese resident identity numbers."""
    written = _written(text)
    digits = _digits(written.removesuffix("X")) + [10] * written.endswith("X")
    product = 0
    for digit in digits:
        product = (product * 2 + digit) % 11
    return len(digits) > 1 and product == 1


def _verhoeff(text: str) -> bool:
    """Verhoeff 1969: Indian Aadhaar numbers."""
    digits = _digits(text)
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_DIHEDRAL[check][int(_PERMUTATION[place % 8][digit])])
    return len(digits) > 1 and check == 0


def _damm(text: str) -> bool:
    """Damm 2004."""
    digits = _digits(text)
    check = 0
    for digit in digits:
        check = int(_QUASIGROUP[check][digit])
    return len(digits) > 1 and check == 0


CHECKSUMS: Mapping[str, Callable[[str], bool]] = {
    "damm": _damm,
    "iban": _iban,
    "luhn": _luhn,
    "mod11": _mod11,
    "mod11_2": _mod11_2,
    "mod97": _mod97,
    "verhoeff": _verhoeff,
}


def _written(text: str) -> str:
    return "".join(filter(str.isalnum, text)).upper()


def _digits(text: str) -> list[int]:
    """Return the digits of ``text``; none of them if there is a letter among them."""
    written = _written(text)
    return [int(digit) for digit in written] if written.isdecimal() else []


def _base36(text: str) -> list[int]:
    """Return digits as they are and ASCII letters as 10 to 35; none where there is another one."""
    written = _written(text)
    return [int(character, 36) for character in written] if written.isascii() else []
