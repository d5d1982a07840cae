"""FF1, format-preserving encryption: numbers of one radix and length onto themselves.

NIST SP 800-38G revision 1 (draft), algorithms 7 and 8, over AES. Ours, because the libraries that
are kept up do FF3-1, which NIST has withdrawn, and those that do FF1 are not kept up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

__all__ = ["MINIMUM_DOMAIN", "Ff1", "numeral", "numerals"]

MINIMUM_DOMAIN = 1_000_000
"""Fewest values that a radix and length must have (revision 1, section 5.1)."""

ROUNDS = 10
BLOCK = 16


class Split(NamedTuple):
    """What a radix, a tweak and a length fix for all rounds."""

    left: int
    right: int
    number_bytes: int
    """b: bytes of the right half as a number."""
    derived_bytes: int
    """d: bytes of a round's pseudorandom number."""
    start: bytes
    """P and the tweak with its padding: what every round's input begins with."""


class Ff1:
    """Encrypts sequences of numerals under one key. Safe to share between threads."""

    def __init__(self, key: bytes) -> None:
        """Keep the AES key: 16, 24 or 32 bytes."""
        self._key = algorithms.AES(key)

    def encrypt(self, radix: int, tweak: bytes, values: Sequence[int]) -> list[int]:
        """Return as many numerals of ``radix`` as ``values`` has.

        Raises:
            ValueError: So few values have this radix and length that all could be tried.
        """
        split = _split(radix, tweak, len(values))
        block = self._block_cipher()
        left, right = numeral(values[: split.left], radix), numeral(values[split.left :], radix)
        for number in range(ROUNDS):
            added = _round(block, split, number, right)
            length = split.left if number % 2 == 0 else split.right
            left, right = right, (left + added) % radix**length
        return numerals(left, radix, split.left) + numerals(right, radix, split.right)

    def decrypt(self, radix: int, tweak: bytes, values: Sequence[int]) -> list[int]:
        """Return what :meth:`encrypt` made ``values`` of.

        Raises:
            ValueError: As :meth:`encrypt`.
        """
        split = _split(radix, tweak, len(values))
        block = self._block_cipher()
        left, right = numeral(values[: split.left], radix), numeral(values[split.left :], radix)
        for number in reversed(range(ROUNDS)):
            added = _round(block, split, number, left)
            length = split.left if number % 2 == 0 else split.right
            left, right = (right - added) % radix**length, left
        return numerals(left, radix, split.left) + numerals(right, radix, split.right)

    def _block_cipher(self) -> CipherContext:
        # A context a call: one that is shared must not be used by two threads at once.
        return Cipher(self._key, modes.ECB()).encryptor()  # noqa: S305 - as FF1 calls for: single blocks


def numeral(values: Sequence[int], radix: int) -> int:
    """Return the number that the digits ``values`` write, the first one weighing most."""
    number = 0
    for value in values:
        number = number * radix + value
    return number


def numerals(number: int, radix: int, length: int) -> list[int]:
    """Return ``number`` as ``length`` digits, the first one weighing most."""
    values = [0] * length
    for index in reversed(range(length)):
        number, values[index] = divmod(number, radix)
    return values


def _split(radix: int, tweak: bytes, length: int) -> Split:
    if radix**length < MINIMUM_DOMAIN:
        raise ValueError("too few values have this form")
    left = length // 2
    right = length - left
    number_bytes = ((radix**right - 1).bit_length() + 7) // 8
    parameters = b"".join(
        (
            b"\x01\x02\x01",
            radix.to_bytes(3),
            bytes((ROUNDS, left % 256)),
            length.to_bytes(4),
            len(tweak).to_bytes(4),
        )
    )
    padding = bytes((-len(tweak) - number_bytes - 1) % BLOCK)
    return Split(
        left,
        right,
        number_bytes,
        4 * ((number_bytes + 3) // 4) + 4,
        parameters + tweak + padding,
    )


def _round(block: CipherContext, split: Split, number: int, half: int) -> int:
    mixed = bytes(BLOCK)
    message = split.start + bytes((number,)) + half.to_bytes(split.number_bytes)
    for at in range(0, len(message), BLOCK):
        mixed = block.update(_xor(mixed, message[at : at + BLOCK]))
    derived = mixed
    for index in range(1, (split.derived_bytes + BLOCK - 1) // BLOCK):
        derived += block.update(_xor(mixed, index.to_bytes(BLOCK)))
    return int.from_bytes(derived[: split.derived_bytes])


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(BLOCK)
