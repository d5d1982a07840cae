"""The sample vectors of NIST SP 800-38G for FF1, all nine."""

import pytest

from streamproc.redact.ff1 import Ff1

KEY = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94")
"""Of AES-256; AES-128's and AES-192's are its beginning."""
DIGITS_TWEAK = bytes.fromhex("39383736353433323130")
LETTERS_TWEAK = bytes.fromhex("3737373770717273373737")
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
DIGITS = "0123456789"
LETTERS = "0123456789abcdefghi"

SAMPLES = [
    (16, 10, b"", DIGITS, "2433477484"),
    (16, 10, DIGITS_TWEAK, DIGITS, "6124200773"),
    (16, 36, LETTERS_TWEAK, LETTERS, "a9tv40mll9kdu509eum"),
    (24, 10, b"", DIGITS, "2830668132"),
    (24, 10, DIGITS_TWEAK, DIGITS, "2496655549"),
    (24, 36, LETTERS_TWEAK, LETTERS, "xbj3kv35jrawxv32ysr"),
    (32, 10, b"", DIGITS, "6657667009"),
    (32, 10, DIGITS_TWEAK, DIGITS, "1001623463"),
    (32, 36, LETTERS_TWEAK, LETTERS, "xs8a0azh2avyalyzuwd"),
]


def values(text: str) -> list[int]:
    return [ALPHABET.index(character) for character in text]


@pytest.mark.parametrize(("key_bytes", "radix", "tweak", "plain", "cipher"), SAMPLES)
def test_samples(key_bytes: int, radix: int, tweak: bytes, plain: str, cipher: str) -> None:
    ff1 = Ff1(KEY[:key_bytes])
    assert ff1.encrypt(radix, tweak, values(plain)) == values(cipher)
    assert ff1.decrypt(radix, tweak, values(cipher)) == values(plain)


@pytest.mark.parametrize(("radix", "length"), [(10, 5), (26, 4), (36, 3), (62, 3)])
def test_too_few_values_are_refused(radix: int, length: int) -> None:
    with pytest.raises(ValueError, match="too few"):
        Ff1(KEY).encrypt(radix, b"", [0] * length)
    with pytest.raises(ValueError, match="too few"):
        Ff1(KEY).decrypt(radix, b"", [0] * length)


def test_a_million_values_are_enough() -> None:
    assert Ff1(KEY).decrypt(10, b"", Ff1(KEY).encrypt(10, b"", [1] * 6)) == [1] * 6
