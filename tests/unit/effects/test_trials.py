from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest

from streamproc.effects.cases import parse_cases
from streamproc.effects.junit import junit_xml
from streamproc.effects.trials import Difference, Outcome, Trials, unreached
from streamproc.rules import Ruleset

RULES = """
version: 1
name: own
entities: [EMAIL_ADDRESS, IP_ADDRESS, CREDIT_CARD]
operators: {default: replace, EMAIL_ADDRESS: hash}
rules:
  - {name: robots, entity: AGENT, fields: [context.bot], operator: drop_event}
  - {name: secrets, entity: SECRET, fields: ["**.secret"], operator: drop}
  - {name: ours, entities: [IP_ADDRESS], fields: ["**"], texts: [192.0.2.1], operator: keep}
  - {name: logs, fields: ["**.log"], without: [url]}
  - {name: raw-logs, fields: ["**.log"], without: [json]}
  - {name: only-pages, fields: ["**.note"], types: [page], without: [name]}
"""

Run = Callable[[str, str], Outcome]


@pytest.fixture(name="run", scope="module")
def _run(trials: Callable[[str], tuple[Ruleset, Trials]]) -> Run:
    made = trials(RULES)[1]

    def run(properties: str, expect: str) -> Outcome:
        event = f"{{type: track, event: A, userId: u-1, {properties}}}"
        suite = parse_cases(f"- name: case\n  event: {event}\n  expect: {expect}", "cases.yaml")
        (outcome,) = made.run(suite)
        return outcome

    return run


@pytest.mark.parametrize(
    ("properties", "expect"),
    [
        ("properties: {a: x@example.com, b: 1}", "{values: {properties.a: tok_*}}"),
        ("properties: {a: x@example.com, b: 1}", "{values: {properties.b: unchanged}}"),
        ("properties: {secret: x}", "{values: {properties: {equals: {}}}}"),
        ("properties: {secret: x}", "{values: {properties.secret: absent}}"),
        ("properties: {a: absent}", "{values: {properties.a: {equals: absent}}}"),
        (
            "properties: {a: Mail x@example.com}",
            "{values: {properties.a: {matches: '^Mail tok_'}}}",
        ),
        ("properties: {a: [{b: 192.0.2.9}]}", "{values: {'properties.a[0].b': <IP_ADDRESS>}}"),
        ("context: {bot: yes}", "{dropped: robots}"),
        ("properties: []", "{dead: wrong_type}"),
        (
            "properties: {ip: 192.0.2.1}",
            "{manifest: [{path: properties.ip, entity: IP_ADDRESS, rule: ours, operator: keep}]}",
        ),
    ],
)
def test_what_is_as_expected_passes(run: Run, properties: str, expect: str) -> None:
    assert run(properties, expect).differences == ()


@pytest.mark.parametrize(
    ("properties", "expect", "difference"),
    [
        (
            "properties: {b: 1}",
            "{values: {properties.b: true}}",
            Difference("properties.b", "true", "1"),
        ),
        (
            "properties: {a: x@example.com}",
            "{values: {properties.a: absent}}",
            Difference("properties.a", "absent", '"tok_test_'),
        ),
        (
            "properties: {secret: x}",
            "{values: {properties.secret: unchanged}}",
            Difference("properties.secret", 'unchanged: "x"', "absent"),
        ),
        (
            "properties: {a: tok_1}",
            "{values: {properties.a: tok_*}}",
            Difference("properties.a", "tok_*", '"tok_1"'),
        ),
        (
            "context: {bot: yes}",
            "{values: {userId: unchanged}}",
            Difference("event", "a row", "dropped by robots"),
        ),
        (
            "properties: {}",
            "{dead: not_json}",
            Difference("event", "a dead letter: not_json", "a row"),
        ),
        (
            "properties: {ip: 192.0.2.9}",
            "{manifest: [{path: properties.ip, entity: IP_ADDRESS, rule: ours, operator: keep}]}",
            Difference(
                "manifest",
                "properties.ip: IP_ADDRESS, keep by ours",
                "properties.ip: IP_ADDRESS, replace by operators.IP_ADDRESS",
            ),
        ),
    ],
)
def test_what_is_not_is_told(
    run: Run, properties: str, expect: str, difference: Difference
) -> None:
    (found,) = run(properties, expect).differences

    assert found[:2] == difference[:2]
    assert found.got.startswith(difference.got)


def test_masked_digits_never_stand_for_digits(
    trials: Callable[[str], tuple[Ruleset, Trials]],
) -> None:
    _, made = trials(RULES[: RULES.index("rules:")].replace("CREDIT_CARD", "IBAN_CODE"))
    event = "{type: track, event: A, userId: u-1, properties: {a: '4111111111111111'}}"
    expect = "{values: {properties.a: '************1111'}}"
    text = f"- name: case\n  event: {event}\n  expect: {expect}"

    (outcome,) = made.run(parse_cases(text, "cases.yaml"))

    assert outcome.differences


@pytest.mark.parametrize(
    ("properties", "reached"),
    [
        ("properties: {a: plain}", set()),
        ("properties: {secret: x}", {"secrets"}),
        ("context: {bot: yes}", {"robots"}),
        ("properties: {ip: 192.0.2.1}", {"ours"}),
        ("properties: {ip: 192.0.2.9}", set()),
        ("properties: {log: x}", {"logs"}),
        ("properties: {note: x}", set()),
        ("properties: {body: '{\"log\": 1}'}", {"logs"}),
    ],
)
def test_a_rule_is_reached_where_it_decides(run: Run, properties: str, reached: set[str]) -> None:
    found = run(properties, "{values: {userId: u-1}}").reached

    assert {name for name in found if not name.startswith("operators.")} == reached


def test_a_rule_that_no_case_reaches_is_named(
    run: Run, trials: Callable[[str], tuple[Ruleset, Trials]]
) -> None:
    outcomes = [
        run(properties, "{values: {userId: u-1}}")
        for properties in ("properties: {secret: x, log: y}", "properties: {ip: 192.0.2.1}")
    ]

    missed = unreached(trials(RULES)[0], outcomes)

    assert missed == ["robots", "raw-logs", "only-pages"]


def test_junit_counts_failures_and_writes_what_xml_can_hold() -> None:
    differences = (Difference("a", '"<&\x00"', "absent"),)
    outcomes = [
        Outcome("a.yaml", 1, "fine", (), frozenset()),
        Outcome("a.yaml", 9, "bad \x0b", differences, frozenset()),
        Outcome("b.yaml", 1, "fine", (), frozenset()),
    ]

    root = ET.fromstring(junit_xml(outcomes, ["unloved"]))

    suites = [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in root]
    assert suites == [("a.yaml", "2", "1"), ("b.yaml", "1", "0"), ("coverage", "1", "1")]
    failures = [failure.get("message") for failure in root.iter("failure")]
    assert failures == ['a: expected "<&\ufffd", got absent', "no case reaches unloved"]
    assert ET.fromstring(junit_xml(outcomes, None)).find("*[@name='coverage']") is None
