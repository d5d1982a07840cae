"""Signatures of statements: who may say what."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.errors import ConfigError
from streamproc.rollout.records import Abort, Activate, ShadowEnd, encode
from streamproc.rollout.signatures import (
    HEADER,
    Trust,
    generate_signing_key,
    read_signing_key,
    read_trust,
)

OURS, OTHERS = generate_signing_key(), generate_signing_key()
TOPIC = "streamproc.rules"
TRUST = read_trust(f"# who publishes\n\n{OURS.public} Jane Roe\n", "signers", TOPIC, 10)
KEY, VALUE = encode(Activate(id=7, attempt=1, topic="raw", fences={"0": 5}), "nonce")


def test_what_a_trusted_key_signed_counts() -> None:
    assert TRUST.allows(KEY, VALUE, OURS.sign(TOPIC, KEY, VALUE), 10)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {HEADER: b""},
        {HEADER: b"no:signature"},
        {HEADER: OURS.id.encode() + b":no base64"},
        {HEADER: OURS.id.encode() + b":" + base64.b64encode(bytes(64))},
        OTHERS.sign(TOPIC, KEY, VALUE),
        {
            HEADER: OTHERS.sign(TOPIC, KEY, VALUE)[HEADER].replace(
                OTHERS.id.encode(), OURS.id.encode()
            )
        },
        OURS.sign("another.topic", KEY, VALUE),
        OURS.sign(TOPIC, KEY + b"1", VALUE),
        OURS.sign(TOPIC, KEY[:-1], KEY[-1:] + VALUE),
    ],
)
def test_all_else_counts_for_nothing(headers: dict[str, bytes]) -> None:
    assert not TRUST.allows(KEY, VALUE, headers, 10)
    assert not TRUST.allows(KEY, VALUE, headers)


def test_what_was_said_before_signatures_were_asked_for_counts() -> None:
    assert TRUST.allows(KEY, VALUE, {}, 9)


def test_a_worker_may_give_up_a_try_and_a_publisher_alone_a_ruleset() -> None:
    for attempt, allowed in ((1, True), (0, False)):
        said = encode(Abort(id=7, attempt=attempt, by="worker", reason="too_slow"), "nonce")
        assert TRUST.allows(*said, {}, 10) is allowed
    assert not TRUST.allows(*encode(ShadowEnd(id=7), "nonce"), {}, 10)


@given(st.binary(max_size=80), st.integers(min_value=0))
def test_a_changed_byte_is_noticed(noise: bytes, at: int) -> None:
    place = at % len(VALUE)
    changed = VALUE[:place] + noise + VALUE[place + 1 :]
    headers = OURS.sign(TOPIC, KEY, VALUE)
    assert TRUST.allows(KEY, changed, headers, 10) is (changed == VALUE)


def test_a_private_key_is_read_as_it_was_written() -> None:
    again = read_signing_key(OURS.pem.encode(), "file")
    assert (again.id, again.public) == (OURS.id, OURS.public)
    assert OURS.pem.splitlines()[1] not in repr(again)


@pytest.mark.parametrize(
    "text", [b"", b"no key", OURS.public.encode()], ids=["empty", "words", "public"]
)
def test_what_is_no_private_key_is_refused_unquoted(text: bytes) -> None:
    with pytest.raises(ConfigError, match="expected an Ed25519 private key") as told:
        read_signing_key(text, "file")
    assert not text or text.decode() not in str(told.value)


def test_every_wrong_line_of_a_list_is_told() -> None:
    text = f"{OURS.public} Jane\nAAAA short\nno base64!\n"
    with pytest.raises(ConfigError) as told:
        read_trust(text, "signers", TOPIC, 0)
    assert [problem.path for problem in told.value.problems] == ["line 2", "line 3"]


def test_a_list_that_names_nobody_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected a line with a public key"):
        read_trust("# nobody\n", "signers", TOPIC, 0)


def test_signers_have_their_own_ids() -> None:
    both = read_trust(f"{OURS.public} a\n{OTHERS.public} b\n", "signers", TOPIC, 0)
    assert isinstance(both, Trust)
    assert set(both.signers) == {OURS.id, OTHERS.id}
    assert both.allows(KEY, VALUE, OTHERS.sign(TOPIC, KEY, VALUE), 0)
