from __future__ import annotations

from datetime import date

from streamproc.erasure import RECEIPT, Case, SuppressionList, new_receipt
from streamproc.events import Micros, Token
from streamproc.identity.store import MemoryStore

ONE, TWO, THREE = (Token(f"tok_k1_{letter * 32}") for letter in "abc")
FIRST, SECOND = (f"erasure-20261123-{letter * 12}" for letter in "ab")


def case(receipt: str, *tokens: Token) -> Case:
    return Case(receipt, Micros(7), tokens)


def test_a_token_is_listed_as_long_as_any_case_has_it() -> None:
    listed = SuppressionList(MemoryStore())
    assert not listed.holds([ONE])

    listed.take(case(FIRST, ONE, TWO))
    listed.take(case(SECOND, TWO))
    assert listed.holds([THREE, ONE])
    assert not listed.holds([THREE])

    listed.lift(FIRST)
    assert not listed.holds([ONE])
    assert listed.holds([TWO])

    listed.lift(SECOND)
    listed.lift(SECOND)
    assert not listed.holds([ONE, TWO])
    assert len(listed) == 0


def test_a_case_that_is_read_again_is_one_case() -> None:
    store = MemoryStore()
    listed = SuppressionList(store)
    for _ in range(3):
        listed.take(case(FIRST, ONE, TWO))
    listed.take(case(FIRST, TWO))

    assert list(listed.cases()) == [case(FIRST, TWO)]
    assert not listed.holds([ONE])
    again = SuppressionList(store)
    assert (len(again), again.case(FIRST), again.case(SECOND)) == (1, case(FIRST, TWO), None)


def test_a_case_lifted_leaves_nothing() -> None:
    store = MemoryStore()
    listed = SuppressionList(store)
    listed.take(case(FIRST, ONE, TWO))
    listed.lift(FIRST)

    assert not list(store.scan(b""))


def test_a_receipt_names_the_day_and_nobody() -> None:
    receipt = new_receipt(date(2026, 11, 23), bytes(6))

    assert receipt == "erasure-20261123-aaaaaaaaaaaa"
    assert RECEIPT.fullmatch(receipt)
