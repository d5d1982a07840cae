import base64
import json

import pytest

from streamproc.errors import ConfigError
from streamproc.redact import KeyRing, parse_key_ring, write_key_ring

SECRET = bytes(range(32))
OTHER = bytes(range(1, 33))


def text(active: str = "k1", **keys: object) -> str:
    return json.dumps({"active": active, "keys": keys})


def base64_of(secret: bytes) -> str:
    return base64.b64encode(secret).decode()


def test_a_ring_is_read_as_it_was_written() -> None:
    secrets = {"k1": SECRET, "k2": OTHER}
    assert parse_key_ring(write_key_ring("k2", secrets), "ring") == KeyRing("k2", secrets)


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
        (text("k2", k1=base64_of(SECRET)), "expected the name of one of the keys"),
        (text("k1", k1=base64_of(SECRET), k2=base64_of(SECRET)), "the same key"),
        (text("k_1", k_1=base64_of(SECRET)), "letters and digits"),
        (text(["k1"], k1=base64_of(SECRET)), "expected the name of one of the keys"),  # type: ignore[arg-type]
        ('{"active": "k1", "keys": {"k1": "a", "k1": "b"}}', "twice"),
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
