from __future__ import annotations

import orjson
import pytest

from streamproc.rollout.records import (
    Abort,
    Activate,
    Prepare,
    Published,
    Statement,
    decode,
    encode,
)

PUBLISHED = Published(
    id=3,
    nonce="n",
    files={"default.yaml": "version: 1", "recognizers/own.yaml": "recognizers: []"},
    fingerprint="0123456789abcdef",
    rows="fedcba9876543210",
    author="someone",
    message="why",
    at="2026-01-01T00:00:00+00:00",
    restores=1,
)


@pytest.mark.parametrize(
    "statement",
    [
        PUBLISHED,
        Prepare(id=3, attempt=1),
        Activate(id=3, attempt=1, topic="events.raw", fences={"0": 0, "11": 2**40}),
        Abort(id=3, attempt=0, by="worker", reason="refused"),
    ],
)
def test_what_was_written_is_read(statement: Statement) -> None:
    assert decode(encode(statement, "n")[1]) == statement


def test_keys_of_two_statements_differ() -> None:
    prepare = Prepare(id=3, attempt=1)
    keys = {encode(statement, nonce)[0] for statement in (prepare, PUBLISHED) for nonce in "ab"}

    assert len(keys) == 4


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"null",
        b"[]",
        b"\xff\x00",
        b"version: 1",
        b'{"type": "candidate"}',
        b'{"type": "prepare", "id": 0, "attempt": 1}',
        b'{"type": "prepare", "id": "1", "attempt": 1}',
        b'{"type": "activate", "id": 1, "attempt": 1, "topic": "t", "fences": {"0": -1}}',
        b'{"type": "activate", "id": 1, "attempt": 1, "topic": "t"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_statement_is_none(value: bytes | None) -> None:
    assert decode(value) is None


def test_keys_that_a_later_version_writes_are_left_out() -> None:
    later = orjson.dumps({"type": "prepare", "id": 1, "attempt": 1, "why": "later"})

    assert decode(later) == Prepare(id=1, attempt=1)


def test_a_ruleset_does_not_print_its_files() -> None:
    assert "recognizers" not in repr(PUBLISHED)
