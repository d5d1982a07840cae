from __future__ import annotations

import base64

import pytest

from streamproc.deadletters import generate_key_pair, pack_original, sealer, unpack_original, unseal
from streamproc.errors import ConfigError


def test_only_the_private_key_opens_what_was_sealed() -> None:
    ours, other = generate_key_pair(), generate_key_pair()
    sealed = sealer(ours.public)(b"ada@example.com")
    assert b"ada" not in sealed
    assert unseal(ours.private, sealed) == b"ada@example.com"
    with pytest.raises(ConfigError):
        unseal(other.private, sealed)


def test_sealing_twice_gives_different_bytes() -> None:
    seal = sealer(generate_key_pair().public)
    assert seal(b"same") != seal(b"same")


@pytest.mark.parametrize("damaged", [b"", b"short", bytes(100)])
def test_damaged_bytes_do_not_open(damaged: bytes) -> None:
    with pytest.raises(ConfigError, match="does not open"):
        unseal(generate_key_pair().private, damaged)


@pytest.mark.parametrize("key", ["", "no base64!", base64.b64encode(b"short").decode(), "é" * 44])
def test_a_bad_public_key_is_named_and_not_quoted(key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        sealer(key)
    assert str(refused.value) == "dead_letters.public_key: expected base64 of 32 bytes"


def test_a_private_key_is_not_printed() -> None:
    pair = generate_key_pair()
    assert pair.private not in repr(pair)


@pytest.mark.parametrize("key", [None, b"", b"k"])
@pytest.mark.parametrize("value", [None, b"", b"\x00\xff" * 9])
def test_key_and_value_are_packed_and_unpacked(key: bytes | None, value: bytes | None) -> None:
    assert unpack_original(pack_original(key, value)) == (key, value)


def test_other_bytes_do_not_unpack() -> None:
    packed = pack_original(b"key", b"value")
    for other in [packed[:cut] for cut in range(len(packed))] + [packed + b"x", b"\x02" + packed]:
        with pytest.raises(ValueError, match="not a packed original"):
            unpack_original(other)
