from __future__ import annotations

import base64

import pytest

from streamproc.deadletters import generate_key_pair, pack_original, sealer, unpack_original, unseal
from streamproc.deadletters.seal import unpack_headers
from streamproc.errors import ConfigError
from streamproc.events import Headers


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


@pytest.mark.parametrize(
    "headers", [(), (("a", b"1"),), (("a", b""), ("", None), ("ä", b"\x00\xff"), ("a", b"2"))]
)
def test_headers_are_packed_in_order_and_key_and_value_stay(headers: Headers) -> None:
    packed = pack_original(b"k", None, headers)
    assert unpack_headers(packed) == headers
    assert unpack_original(packed) == (b"k", None)


def test_what_has_no_headers_is_packed_as_it_was_before_there_were_any() -> None:
    assert pack_original(b"k", None) == b"\x01\x00\x00\x00\x01k\xff\xff\xff\xff"


@pytest.mark.parametrize("headers", [(), (("name", b"content"),)])
def test_other_bytes_do_not_unpack(headers: Headers) -> None:
    packed = pack_original(b"key", b"value", headers)
    cuts = [packed[:cut] for cut in range(len(packed))]
    other_version = b"\x03" + packed[1:]
    for other in [*cuts, packed + b"x", b"\x02" + packed, other_version]:
        with pytest.raises(ValueError, match="not a packed original"):
            unpack_original(other)
