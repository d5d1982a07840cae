"""What the topic of rules says of a ruleset that is tried beside the one in force."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest

from streamproc.rollout.ledger import Ledger
from streamproc.rollout.records import Activate, Prepare, Shadow, ShadowEnd, decode, encode

UNTIL = datetime(2026, 1, 1, tzinfo=UTC)


def shadow(number: int) -> Shadow:
    return Shadow(id=number, sample=0.01, until=UNTIL)


def test_it_is_read_as_it_was_written() -> None:
    for statement in (shadow(2), ShadowEnd(id=2)):
        assert decode(encode(statement, "n")[1]) == statement


@pytest.mark.parametrize(
    "wrong", [{"sample": 0}, {"sample": 1.5}, {"until": "2026-01-01T00:00:00"}, {"until": "soon"}]
)
def test_what_is_no_sample_and_no_moment_is_no_statement(wrong: dict[str, object]) -> None:
    said = {"type": "shadow", "id": 2, "sample": 0.5, "until": "2026-01-01T00:00:00Z"}

    assert decode(orjson.dumps(said)) is not None
    assert decode(orjson.dumps(said | wrong)) is None


def test_the_last_one_counts_until_it_is_ended() -> None:
    ledger = Ledger("raw")
    assert ledger.apply(shadow(2))
    assert ledger.apply(shadow(3))
    assert not ledger.apply(ShadowEnd(id=2))
    assert (ledger.shadow, ledger.shadow_ended) == (shadow(3), False)

    assert ledger.apply(ShadowEnd(id=3))
    assert ledger.shadow_ended

    assert ledger.apply(shadow(4))
    assert not ledger.shadow_ended


def test_an_end_of_what_was_never_tried_does_not_count() -> None:
    assert not Ledger("raw").apply(ShadowEnd(id=2))


def test_it_puts_nothing_in_force_and_holds_nobody() -> None:
    ledger = Ledger("raw")
    ledger.apply(Prepare(id=1, attempt=1))
    ledger.apply(Activate(id=1, attempt=1, topic="raw", fences={}))

    ledger.apply(shadow(2))

    assert (ledger.latest, ledger.undecided) == (1, [])
    assert ledger.in_force(0, 10) == 1
