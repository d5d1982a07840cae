import base64
import json

import pytest

from streamproc.errors import ConfigError
from streamproc.redact import KeyRing, parse_key_ring, write_key_ring

SECRET = bytes(range(32))
OTHER = bytes(range(1, 33))


def text(active: str = "k1", **keys: object) -> str:
    return json.dumps({"active": active, "keys": keys})


def text_of_overlap(*overlap: object) -> str:
    keys = {"k1": base64_of(SECRET), "k2": base64_of(OTHER)}
    return json.dumps({"active": "k1", "overlap": overlap, "keys": keys})


def base64_of(secret: bytes) -> str:
    return base64.b64encode(secret).decode()


def test_a_ring_is_read_as_it_was_written() -> None:
    secrets = {"k1": SECRET, "k2": OTHER}
    assert parse_key_ring(write_key_ring("k2", secrets), "ring") == KeyRing("k2", secrets)


def test_keys_that_overlap_are_read_as_they_were_written() -> None:
    secrets = {"k1": SECRET, "k2": OTHER}
    written = write_key_ring("k2", secrets, ["k1"])
    assert parse_key_ring(written, "ring") == KeyRing("k2", secrets, ("k1",))


def test_a_rotation_starts_an_overlap_and_retiring_ends_it() -> None:
    rotated = KeyRing("k1", {"k1": SECRET}).rotated("k2", OTHER)
    assert rotated == KeyRing("k2", {"k1": SECRET, "k2": OTHER}, ("k1",))
    again = rotated.rotated("k3", bytes(32))
    assert again.overlap == ("k2", "k1")
    assert again.retired("k1").overlap == ("k2",)
    assert again.retired("k1").secrets == again.secrets


@pytest.mark.parametrize("name", ["k1", "k_2", "", "k" * 17])
def test_a_key_that_is_there_or_has_no_name_is_not_added(name: str) -> None:
    with pytest.raises(ValueError, match="new name"):
        KeyRing("k1", {"k1": SECRET}).rotated(name, OTHER)


@pytest.mark.parametrize("name", ["k1", "k2"])
def test_only_a_key_that_overlaps_is_retired(name: str) -> None:
    with pytest.raises(ValueError, match="overlaps"):
        KeyRing("k1", {"k1": SECRET}).retired(name)


def test_a_ring_never_shows_its_keys() -> None:
    shown = repr(KeyRing("k1", {"k1": SECRET}))
    assert shown == "KeyRing(active='k1', overlap=())"


def test_each_purpose_and_each_key_has_a_subkey_of_its_own() -> None:
    rings = [KeyRing("k1", {"k1": SECRET}), KeyRing("k1", {"k1": OTHER})]
    subkeys = {ring.derive(purpose) for ring in rings for purpose in ("value", "identity")}
    assert len(subkeys) == 4
    assert not subkeys & {SECRET, OTHER}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not JSON"),
        ("[]", "expected"),
        ("{}", "expected"),
        ('{"active": "k1", "keys": {}, "more": 1}', "expected"),
        (text(), "at least one key"),
        (text(k1=base64_of(b"short")), "expected 32 bytes"),
        (text(k1=base64_of(SECRET + b"x")), "expected 32 bytes"),
        (text(k1="not base64!"), "expected 32 bytes"),
        (text(k1=7), "expected 32 bytes"),
        (text(k1="é" * 44), "expected 32 bytes"),
        (text("k2", k1=base64_of(SECRET)), "expected the name of one of the keys"),
        (text("k1", k1=base64_of(SECRET), k2=base64_of(SECRET)), "the same key"),
        (text("k_1", k_1=base64_of(SECRET)), "letters and digits"),
        (text(["k1"], k1=base64_of(SECRET)), "expected the name of one of the keys"),  # type: ignore[arg-type]
        ('{"active": "k1", "keys": {"k1": "a", "k1": "b"}}', "twice"),
        (text_of_overlap("k1"), "keys that are not active"),
        (text_of_overlap("k3"), "a list of names of keys"),
        (text_of_overlap("k2", "k2"), "a list of names of keys"),
        (text_of_overlap(7), "a list of names of keys"),
    ],
)
def test_a_ring_that_cannot_be_used_is_refused(content: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse_key_ring(content, "ring.json")
    assert all(problem.source == "ring.json" for problem in caught.value.problems)


def test_a_problem_never_quotes_a_key() -> None:
    secret = base64_of(SECRET)[:-4]
    with pytest.raises(ConfigError) as caught:
        parse_key_ring(text(k1=secret), "ring.json")
    assert secret[:8] not in str(caught.value)
