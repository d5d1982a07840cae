from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.canaries import MARK, mark, nonce_of

SECRET = bytes(range(32))
NONCES = st.binary(min_size=8, max_size=8)


@given(NONCES)
def test_who_has_the_secret_knows_the_nonce_of_a_mark(nonce: bytes) -> None:
    assert nonce_of(SECRET, mark(SECRET, nonce)) == nonce


@given(NONCES)
def test_a_mark_made_with_another_secret_is_none(nonce: bytes) -> None:
    assert nonce_of(SECRET, mark(b"another" * 8, nonce)) is None


@given(NONCES, st.integers(0, 31), st.sampled_from("abcdefghijklmnop"))
def test_a_mark_with_one_letter_changed_is_none(nonce: bytes, at: int, letter: str) -> None:
    made = mark(SECRET, nonce)
    start = len(MARK) + at
    changed = made[:start] + letter + made[start + 1 :]
    assert (nonce_of(SECRET, changed) == nonce) == (changed == made)


@pytest.mark.parametrize(
    "message_id", ["", "m-1", MARK, MARK + "a" * 31, MARK + "a" * 33, MARK + "z" * 32]
)
def test_what_does_not_look_like_a_mark_is_none(message_id: str) -> None:
    assert nonce_of(SECRET, message_id) is None
