from __future__ import annotations

import time

import pytest
from redaction import RING

from streamproc.effects.protection import Kind, covers_of, shifts
from streamproc.redact import Tokens
from streamproc.redact.decisions import Decision
from streamproc.rules import Action, Ruleset, parse_ruleset
from streamproc.rules.operators import Operator

TOKENS = Tokens(RING)
RULES = """
version: 1
name: own
entities: [EMAIL_ADDRESS]
operators: {default: replace}
rules: [{name: a, fields: [a], entities: [EMAIL_ADDRESS], operator: %s}]
"""


def operator(written: str) -> Operator:
    ruleset: Ruleset = parse_ruleset(RULES % written, "rules.yaml")
    made = ruleset.rules[0].operator
    assert made is not None
    return made


def decided(written: str, start: int, end: int, entity: str = "X") -> list[Decision]:
    return [Decision(start, end, Action("a", entity, operator(written)), None)] if written else []


HASHED = Action("a", "X", operator("hash"))


def kinds(text: str, before: list[Decision], after: list[Decision]) -> set[Kind]:
    covers = (covers_of(text, each, TOKENS) for each in (before, after))
    return {shift.kind for shift in shifts(text, *covers)}


CARD = "4111-1111-1111-1111"
LADDER = ["drop", "hash", "{mask: {}}", "{generalise: {numbers: 10}}", ""]


@pytest.mark.parametrize("place", range(1, 4))
def test_what_leaves_more_of_a_value_protects_less(place: int) -> None:
    better, worse = LADDER[place - 1], LADDER[place]

    assert kinds("37", decided(better, 0, 2), decided(worse, 0, 2)) == {"weakened"}
    assert kinds("37", decided(worse, 0, 2), decided(better, 0, 2)) == {"strengthened"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{truncate_ip: {v4_bits: 16}}", "truncate_ip"),
        ("{generalise: {numbers: 10}}", "{generalise: {numbers: 7}}"),
        ("{generalise: {dates: year}}", "{generalise: {dates: month}}"),
        ("replace", "truncate_ip"),
    ],
)
def test_what_neither_can_read_is_replaced_by_both(before: str, after: str) -> None:
    assert kinds("no number", decided(before, 0, 9), decided(after, 0, 9)) == set()


@pytest.mark.parametrize("written", LADDER[:-1])
@pytest.mark.parametrize("shown", ["", "keep"])
def test_what_is_kept_is_exposed(written: str, shown: str) -> None:
    assert kinds("37", decided(written, 0, 2), decided(shown, 0, 2)) == {"exposed"}
    assert kinds("37", decided(shown, 0, 2), decided(written, 0, 2)) == {"protected"}


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("drop", "redact", "changed"),
        ("hash", "replace", "changed"),
        ("hash", "{mask: {}}", "weakened"),
        ("hash", "{mask: {keep_last: 4}}", "exposed"),
        ("{mask: {keep_last: 4}}", "{mask: {keep_last: 6}}", "exposed"),
        ("{mask: {keep_last: 6}}", "{mask: {keep_last: 4}}", "protected"),
        ("{mask: {keep_last: 4}}", "{mask: {keep_first: 4}}", "exposed"),
        ("{mask: {keep_last: 4}}", "{mask: {keep_last: 4, character: x}}", "changed"),
        ("{mask: {keep_last: 4}}", "{format_preserve: {keep_last: 4}}", "changed"),
        ("{format_preserve: {}}", "{format_preserve: {keep_last: 4}}", "exposed"),
        ("{mask: {keep_last: 4}}", "hash", "strengthened"),
        ("hash", "hash", None),
        ("keep", "", None),
        ("truncate_ip", "replace", None),  # it is no address: replaced either way
    ],
)
def test_of_a_card(before: str, after: str, kind: Kind | None) -> None:
    found = kinds(CARD, decided(before, 0, len(CARD)), decided(after, 0, len(CARD)))

    assert found == ({kind} if kind else set())


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("192.0.2.77", "{truncate_ip: {v4_bits: 16}}", "{truncate_ip: {v4_bits: 24}}"),
        ("37", "{generalise: {numbers: 10}}", "{generalise: {numbers: 5}}"),
        ("2024-03-05", "{generalise: {dates: year}}", "{generalise: {dates: month}}"),
        ("2024-03-05", "{date_shift: {days: 30}}", "{date_shift: {days: 3}}"),
        ("37", "{encrypt: {per_subject: true}}", "encrypt"),
    ],
)
def test_options_that_leave_more_protect_less(text: str, before: str, after: str) -> None:
    one, other = decided(before, 0, len(text)), decided(after, 0, len(text))

    assert kinds(text, one, other) == {"weakened"}
    assert kinds(text, other, one) == {"strengthened"}
    assert kinds(text, one, one) == set()


def test_tokens_of_another_entity_are_other_tokens() -> None:
    assert kinds("a b", decided("hash", 0, 3, "A"), decided("hash", 0, 3, "B")) == {"changed"}


def test_what_is_left_of_a_finding_is_exposed() -> None:
    assert kinds("Jane Roe", decided("hash", 0, 8), decided("hash", 0, 4)) == {"exposed"}


def test_punctuation_at_its_edge_does_not_count() -> None:
    assert kinds("Jane.", decided("hash", 0, 5), decided("hash", 0, 4)) == set()


def test_to_drop_for_one_finding_hides_the_whole_value() -> None:
    assert kinds("Jane wins", decided("drop", 0, 4), decided("replace", 0, 9)) == {"weakened"}


def test_two_findings_fare_each_for_itself() -> None:
    before = decided("hash", 0, 4) + decided("hash", 5, 8)
    covers = (covers_of("Jane Roe", each, TOKENS) for each in (before, before[:1]))

    (shift,) = shifts("Jane Roe", *covers)

    assert (shift.kind, shift.before, shift.after) == ("exposed", before[1], None)


def test_a_text_with_thousands_of_findings_is_compared_in_no_time() -> None:
    text = "jane " * 20_000
    places = range(0, len(text), 5)
    before = [each for at in places for each in decided_at(at)]

    began = time.perf_counter()
    covers = (covers_of(text, each, TOKENS) for each in (before, before[::2]))
    found = shifts(text, *covers)

    assert len(found) == 10_000
    assert time.perf_counter() - began < 10  # a second; were it quadratic, minutes


def decided_at(place: int) -> list[Decision]:
    return [Decision(place, place + 4, HASHED, None)]
