from pathlib import Path

import pytest

from streamproc.events import Token
from streamproc.redact import ENCRYPTED, Ciphers, KeyRing
from streamproc.subject_keys import SubjectKeyFile

RING = KeyRing("k1", {"k1": bytes(range(32)), "k0": bytes(32)})
CIPHERS = Ciphers(RING)
JANE = Token("tok_k1_" + "a" * 32)


def test_ciphertexts_stay_the_same_from_release_to_release() -> None:
    assert CIPHERS.encrypted("jane@example.com") == (
        "enc_k1_odpjnbljhnclcfncbacimddaeijogmmoiffnaknchjoildedjigagoakkcbfmplcz"
    )


@pytest.mark.parametrize("value", ["", "x", "Jané", "名前", "a" * 10_000])
def test_what_is_encrypted_can_be_read_again(value: str) -> None:
    assert CIPHERS.revealed(CIPHERS.encrypted(value)) == (value, None)


def test_a_ciphertext_is_told_from_letters_behind_it() -> None:
    ciphertext = CIPHERS.encrypted("Jane")
    match = ENCRYPTED.search(f"to {ciphertext}abcd and others")
    assert match is not None
    assert match[0] == ciphertext


def test_an_older_key_s_ciphertexts_can_still_be_read() -> None:
    older = Ciphers(KeyRing("k0", RING.secrets)).encrypted("Jane")
    assert older.startswith("enc_k0_")
    assert CIPHERS.revealed(older).value == "Jane"


def test_what_cannot_be_read_says_why() -> None:
    ciphertext = CIPHERS.encrypted("Jane")
    changed = ciphertext[:-2] + ("b" if ciphertext[-2] == "a" else "a") + "z"
    unknown = Ciphers(KeyRing("k9", {"k9": bytes(32)})).encrypted("Jane")
    renamed = ciphertext.replace("enc_k1", "enc_k0")
    assert [CIPHERS.revealed(text) for text in (changed, unknown, renamed, "enc_k1_", "Jane")] == [
        (None, "damaged"),
        (None, "unknown_key"),
        (None, "damaged"),
        (None, "damaged"),
        (None, "damaged"),
    ]


def test_a_revealed_value_does_not_show_by_itself() -> None:
    assert "Jane" not in repr(CIPHERS.revealed(CIPHERS.encrypted("Jane")))


def test_a_person_s_key_opens_what_was_encrypted_for_that_person(tmp_path: Path) -> None:
    store = SubjectKeyFile(tmp_path / "subjects.db", RING)
    ciphers = Ciphers(RING, store)
    ciphertext = ciphers.encrypted_for(JANE, "Jane")
    assert ciphertext is not None
    assert ENCRYPTED.fullmatch(ciphertext)
    assert ciphertext == ciphers.encrypted_for(JANE, "Jane")
    assert ciphertext != ciphers.encrypted_for(Token("tok_k1_" + "b" * 32), "Jane")
    assert ciphers.revealed(ciphertext).value == "Jane"
    assert CIPHERS.revealed(ciphertext) == (None, "forgotten")
    store.forget([JANE])
    assert ciphers.revealed(ciphertext) == (None, "forgotten")
    assert ciphers.encrypted_for(JANE, "Jane") is None
    store.close()


def test_shifts_are_within_bounds_and_never_nothing() -> None:
    shifts = {CIPHERS.shift_of(Token(f"tok_{number}"), 2) for number in range(200)}
    assert shifts == {-2, -1, 1, 2}
