from __future__ import annotations

from collections.abc import Iterable

from streamproc.erasure import spared
from streamproc.events import Micros, Token
from streamproc.identity.attributes import AttributeRecord

ANNA, BEN, ACME = Token("tok_k1_a"), Token("tok_k1_b"), Token("tok_k1_z")


def record(*joins: tuple[str, Token]) -> AttributeRecord:
    return AttributeRecord("crm", "contact", Token("tok_k1_r"), joins, {"plan": "pro"}, Micros(1))


def is_anna(tokens: Iterable[Token]) -> bool:
    return ANNA in tokens


def test_a_record_about_nobody_else_is_gone() -> None:
    assert spared(record(("user_id", ANNA)), is_anna) is None
    assert spared(record(("user_id", ANNA), ("account", ACME)), is_anna) is None


def test_a_record_about_somebody_else_too_loses_the_joins_of_who_was_erased() -> None:
    both = record(("user_id", ANNA), ("email", BEN), ("account", ACME))

    assert spared(both, is_anna) == record(("email", BEN), ("account", ACME))


def test_others_records_are_left_alone() -> None:
    for kept in (record(("user_id", BEN)), record(("account", ACME)), record()):
        assert spared(kept, is_anna) is kept
