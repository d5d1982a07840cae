"""Two rulesets held against each other by their texts."""

from __future__ import annotations

import pytest

from streamproc.debt.weaker import EVERYWHERE, Weakness, weaknesses
from streamproc.rules import Ruleset, load_ruleset, parse_ruleset
from streamproc.shipped import shipped

HASHED = "  - {name: contact, fields: [properties.contact], entity: CONTACT, operator: hash}\n"
WIDE = "  - {name: all, fields: ['properties.**'], entity: ANY, operator: %s}\n"
EMAILS = "  - {name: e, fields: ['**'], entities: [EMAIL_ADDRESS], operator: %s, %s}\n"


def rules(*written: str, operator: str = "hash", **other: object) -> Ruleset:
    head = {"version": 1, "name": "r", "entities": "[EMAIL_ADDRESS, PHONE_NUMBER]", **other}
    text = "".join(f"{key}: {value}\n" for key, value in head.items())
    listed = f"rules:\n{''.join(written)}" if written else "rules: []\n"
    return parse_ruleset(f"{text}operators: {{default: {operator}}}\n{listed}", "rules.yaml")


def told(before: Ruleset, now: Ruleset) -> list[tuple[str, ...]]:
    return [tuple(each) for each in weaknesses(before, now)]


def test_a_ruleset_is_as_strong_as_itself_and_as_one_of_another_name() -> None:
    assert not weaknesses(rules(HASHED), rules(HASHED))
    assert not weaknesses(rules(HASHED), rules(HASHED, name="other"))


def test_the_shipped_ruleset_less_a_rule_is_weaker_in_the_fields_of_that_rule() -> None:
    whole = load_ruleset(shipped("rules"))
    index = next(i for i, rule in enumerate(whole.rules) if rule.entity is not None)
    less = whole.model_copy(update={"rules": (*whole.rules[:index], *whole.rules[index + 1 :])})

    assert weaknesses(less, whole)
    assert {each.was for each in weaknesses(less, whole)} <= {"nothing", "hash"}


def test_a_rule_more_is_told_by_its_path_and_only_by_that() -> None:
    assert told(rules(), rules(HASHED)) == [("properties.contact", "*", "nothing", "hash")]
    assert not told(rules(HASHED), rules())[1:]
    assert not told(rules(HASHED), rules(HASHED.replace("contact]", "contact, context.x]")))[1:]


def test_what_is_the_same_in_every_field_is_told_once() -> None:
    assert told(rules(operator="hash"), rules(operator="redact")) == [
        (EVERYWHERE, "EMAIL_ADDRESS", "hash", "redact"),
        (EVERYWHERE, "PHONE_NUMBER", "hash", "redact"),
    ]


def test_an_entity_that_was_not_searched_for_was_not_hidden() -> None:
    before, now = rules(entities="[EMAIL_ADDRESS]"), rules()

    assert told(before, now) == [(EVERYWHERE, "PHONE_NUMBER", "nothing", "hash")]
    assert not weaknesses(now, before)


def test_a_higher_score_finds_less() -> None:
    before, now = rules(minimum_scores="{PHONE_NUMBER: 0.8}"), rules()

    assert told(before, now) == [
        (EVERYWHERE, "PHONE_NUMBER", "found from 0.8 on", "found from 0.4 on")
    ]
    assert not weaknesses(now, before)


@pytest.mark.parametrize(
    ("weak", "strong"),
    [
        ("keep", "mask"),
        ("{mask: {keep_last: 4}}", "{mask: {keep_last: 2}}"),
        ("{mask: {keep_last: 4}}", "mask"),
        ("{mask: {first: 2}}", "{mask: {first: 4}}"),
        ("mask", "hash"),
        ("{truncate_ip: {v4_bits: 24}}", "{truncate_ip: {v4_bits: 16}}"),
        ("{generalise: {dates: month}}", "{generalise: {dates: year}}"),
        ("{format_preserve: {keep_last: 4}}", "format_preserve"),
        ("encrypt", "{encrypt: {per_subject: true}}"),
        ("hash", "drop_event"),
    ],
)
def test_operators_are_ordered_by_what_they_leave(weak: str, strong: str) -> None:
    less, more = (rules(EMAILS % (each, "severity: low")) for each in (weak, strong))

    assert [each.entity for each in weaknesses(less, more)] == ["EMAIL_ADDRESS"]
    assert not weaknesses(more, less)


def test_a_condition_that_is_gone_counts_where_it_hid_more() -> None:
    scoped = EMAILS % ("keep", "types: [page]")
    hashed = rules()

    assert told(rules(scoped), hashed) == [(EVERYWHERE, "EMAIL_ADDRESS", "keep", "hash")]
    assert not weaknesses(hashed, rules(scoped))


def test_a_condition_both_have_is_no_weakness() -> None:
    scoped = EMAILS % ("keep", "types: [page]")
    more = HASHED

    assert told(rules(scoped), rules(scoped, more)) == [
        ("properties.contact", "*", "nothing", "hash")
    ]


def test_a_narrowing_that_is_wider_is_a_weakness() -> None:
    wide, narrow = (
        EMAILS % ("keep", f"texts: [{each}]") for each in ("a@x.org, b@x.org", "a@x.org")
    )

    assert told(rules(wide), rules(narrow)) == [(EVERYWHERE, "EMAIL_ADDRESS", "keep", "hash")]


def test_where_two_paths_meet_the_order_of_rules_is_looked_at() -> None:
    ending = "  - {name: end, fields: ['**.secret'], entity: SECRET, operator: hash}\n"
    wide = WIDE % "redact"

    assert told(rules(ending, wide), rules(wide, ending)) == [
        ("properties.**.secret", "*", "hash", "redact")
    ]
    assert not weaknesses(rules(wide, ending), rules(ending, wide))


def test_fields_by_expression_are_fields_of_their_own() -> None:
    keyed = "  - {name: k, fields: [{key: '^card_'}], entity: CARD, operator: redact}\n"

    assert told(rules(), rules(keyed)) == [("**./^card_/", "*", "nothing", "redact")]
    assert not weaknesses(rules(keyed), rules(keyed, HASHED))[1:]


def test_a_step_that_was_left_out_is_a_weakness() -> None:
    without = "  - {name: w, fields: [properties.note], without: [name, url]}\n"

    assert told(rules(without), rules()) == [
        ("properties.note", "*", "searched without name, url", "searched with it")
    ]
    assert not weaknesses(rules(), rules(without))


def test_many_conditions_count_as_if_any_could_hold_with_any_other() -> None:
    many = [
        EMAILS.replace("name: e", f"name: e{n}") % ("keep", f"sources: [s{n}]") for n in range(9)
    ]

    assert told(rules(*many), rules(*many[:-1])) == [(EVERYWHERE, "EMAIL_ADDRESS", "keep", "hash")]


def test_weaknesses_name_no_operator_s_options() -> None:
    found = weaknesses(rules(EMAILS % ("{mask: {keep_last: 4}}", "severity: low")), rules())

    assert found == [Weakness(EVERYWHERE, "EMAIL_ADDRESS", "mask", "hash")]
