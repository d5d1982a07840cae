from __future__ import annotations

import pytest

from streamproc.detect import key_words
from streamproc.errors import ConfigError
from streamproc.events import Finding
from streamproc.rules import Plan, Ruleset, parse_ruleset

HEAD = """
version: 1
name: narrowed
entities: [EMAIL_ADDRESS, PERSON]
operators: {default: hash}
rules:
"""


def ruleset(*rules: str) -> Ruleset:
    return parse_ruleset(HEAD + "".join(f"  - {{{rule}}}\n" for rule in rules), "rules.yaml")


def decides(narrowing: str, text: str, found: str, score: float = 0.8, step: str = "text") -> bool:
    rule = f'name: own, fields: ["**"], entities: [EMAIL_ADDRESS], operator: keep, {narrowing}'
    start = text.index(found)
    finding = Finding(start, start + len(found), "EMAIL_ADDRESS", score, "r", step)
    policy = Plan(ruleset(rule), key_words).policy(("properties", "note"))
    return policy.action(finding, text).rule == "own"


@pytest.mark.parametrize(
    ("narrowing", "expected"),
    [
        ("texts: [help@example.com]", True),
        ("texts: [HELP@example.com]", True),
        ("texts: [other@example.com]", False),
        ("matching: '@example\\.com$'", True),
        ("matching: '^@'", False),
        ("near: [support]", True),
        ("near: [SUPPORT, desk]", True),
        ("near: [supp]", False),
        ("near: ['or mail']", True),
        ("minimum_score: 0.8", True),
        ("minimum_score: 0.9", False),
        ("maximum_score: 0.8", True),
        ("maximum_score: 0.7", False),
        ("texts: [help@example.com], near: [billing]", False),
    ],
)
def test_a_rule_decides_the_findings_it_describes(narrowing: str, expected: bool) -> None:
    text = "Call support or mail Help@example.com"

    assert decides(narrowing, text, "Help@example.com") is expected


def test_words_far_from_a_finding_are_not_near_it() -> None:
    text = "support" + " x" * 30 + " help@example.com"

    assert not decides("near: [support]", text, "help@example.com")


def test_a_finding_in_a_url_is_compared_as_it_is_meant() -> None:
    text = "https://example.com/?m=help%40example.com"

    assert decides("texts: [help@example.com]", text, "help%40example.com", step="url")


def test_what_one_rule_does_not_describe_goes_to_the_next() -> None:
    plan = Plan(
        ruleset(
            'name: own, fields: ["**"], entities: [EMAIL_ADDRESS], texts: [a@example.com], '
            "operator: keep",
            'name: others, fields: ["**"], entities: [EMAIL_ADDRESS], operator: redact',
        ),
        key_words,
    )
    policy = plan.policy(("note",))

    def rule(text: str, entity: str) -> str:
        return policy.action(Finding(0, len(text), entity, 1.0, "r"), text).rule

    assert rule("a@example.com", "EMAIL_ADDRESS") == "own"
    assert rule("b@example.com", "EMAIL_ADDRESS") == "others"
    assert rule("a@example.com", "PERSON") == "operators.PERSON"


@pytest.mark.parametrize(
    "rule",
    [
        "name: a, fields: [x], entity: EMAIL_ADDRESS, operator: hash, texts: [a]",
        "name: a, fields: [x], without: [url], near: [a]",
        "name: a, fields: [x], entities: [PERSON], operator: keep, matching: '(a+)+$'",
        "name: a, fields: [x], entities: [PERSON], operator: keep, texts: []",
        "name: a, fields: [x], entities: [PERSON], operator: keep, near: ['']",
        "name: a, fields: [x], entities: [PERSON], operator: keep, minimum_score: 2",
    ],
)
def test_what_describes_no_finding_is_refused(rule: str) -> None:
    with pytest.raises(ConfigError) as refused:
        ruleset(rule)

    assert refused.value.problems[0].line == 7


def test_entities_may_have_minimum_scores_of_their_own() -> None:
    text = HEAD.replace("rules:", "minimum_scores: {PERSON: 0.9}")
    made = parse_ruleset(text, "rules.yaml")

    assert made.lowest_score == 0.4
    assert made.scores == {"PERSON": 0.9, "EMAIL_ADDRESS": 0.4}


def test_a_minimum_for_what_nobody_searches_is_refused() -> None:
    text = HEAD.replace("rules:", "minimum_scores: {US_SSN: 0.9}")

    with pytest.raises(ConfigError, match="US_SSN is not among the entities searched"):
        parse_ruleset(text, "rules.yaml")
