from collections.abc import Collection

import pytest

from streamproc.rules import parse_ruleset
from streamproc.rules.lint import left_to_default, remarks

HEAD = """
version: 1
name: linted
entities: [EMAIL_ADDRESS, PERSON, PHONE_NUMBER]
operators: {default: replace, PERSON: hash}
rules:
"""


def told(*rules: str, planned: Collection[tuple[str, str | None]] | None = None) -> list[str]:
    """Return what is told of ``rules``, each with the place it is told of."""
    ruleset = parse_ruleset(HEAD + "".join(f"  - {{{rule}}}\n" for rule in rules), "rules.yaml")
    return [
        f"{'.'.join(map(str, place[1:]))}: {message}"
        for place, message in remarks(ruleset, planned)
    ]


WHOLE = "entity: EMAIL_ADDRESS, operator: hash"
FOUND = "entities: [EMAIL_ADDRESS, PERSON], operator: hash"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"fields: ['**.email'], {WHOLE}", f"fields: [context.email], {WHOLE}"),
        (f"fields: ['**'], {FOUND}", f"fields: [a, b.c], {FOUND}"),
        (f"fields: ['**'], {FOUND}", "fields: [a], entities: [PERSON], operator: drop"),
        ("fields: ['**'], without: [name]", "fields: [a], without: [url]"),
        # Whole values end the search there and below, whichever rule comes first.
        (f"fields: [a], {WHOLE}", f"fields: [a.b], {WHOLE}"),
        (f"fields: [a], {WHOLE}", f"fields: [a.b], {FOUND}"),
        (f"fields: [a], {WHOLE}", "fields: [a], without: [name]"),
        # In force whenever the other is.
        (f"fields: [a], {WHOLE}", f"fields: [a], types: [track], {WHOLE}"),
        (
            f"fields: [a], types: [track, page], {WHOLE}",
            f"fields: [a], types: [page], sources: [web], {WHOLE}",
        ),
        (
            f"fields: [a], events: ['Order*'], {WHOLE}",
            f"fields: [a], events: [Order Completed], {WHOLE}",
        ),
        (
            f"fields: [a], when: {{identified: true}}, {WHOLE}",
            f"fields: [a], when: {{all: [{{identified: true}}, {{path: b, equals: 1}}]}}, {WHOLE}",
        ),
    ],
)
def test_a_rule_that_others_leave_nothing_is_told(first: str, second: str) -> None:
    assert told(f"name: one, {first}", f"name: two, {second}") == [
        "1: never decides a value: one does"
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"fields: [context.email], {WHOLE}", f"fields: ['**.email'], {WHOLE}"),
        (f"fields: ['**'], minimum_score: 0.8, {FOUND}", f"fields: [a], {FOUND}"),
        ("fields: ['**'], entities: [PERSON], operator: drop", f"fields: [a], {FOUND}"),
        (f"fields: ['**.b'], {FOUND}", "fields: [a.b], without: [name]"),
        (f"fields: [a.b], {WHOLE}", f"fields: [a], {FOUND}"),
        (f"fields: [a], types: [track], {WHOLE}", f"fields: [a], {WHOLE}"),
        (f"fields: [a], types: [track], {WHOLE}", f"fields: [a], types: [track, page], {WHOLE}"),
        (f"fields: [a], topics: [web], {WHOLE}", f"fields: [a], sources: [web], {WHOLE}"),
        (
            f"fields: [a], events: [Order Completed], {WHOLE}",
            f"fields: [a], events: ['Order*'], {WHOLE}",
        ),
        (
            f"fields: [a], when: {{identified: true}}, {WHOLE}",
            f"fields: [a], when: {{identified: false}}, {WHOLE}",
        ),
        # Exceptions first: the way rules are meant to be written.
        (
            f"fields: [a], when: {{consent_denied: [x]}}, {WHOLE}",
            f"fields: [a], {WHOLE}",
        ),
    ],
)
def test_a_rule_that_may_decide_something_is_not_told(first: str, second: str) -> None:
    assert told(f"name: one, {first}", f"name: two, {second}") == []


def test_single_fields_that_others_decide_are_told() -> None:
    assert told(
        f"name: one, fields: ['**.email'], {WHOLE}",
        f"name: two, fields: [a.mail, a.email], {WHOLE}",
    ) == ["1.fields.1: never decides this: one does"]


def test_rules_that_leave_nothing_together_are_told() -> None:
    assert told(
        "name: one, fields: ['**'], entities: [PERSON], operator: drop",
        "name: two, fields: ['**'], entities: [EMAIL_ADDRESS], operator: drop",
        f"name: three, fields: [a], {FOUND}",
    ) == ["2: never decides a value: one, two do"]


def test_paths_that_cover_only_together_are_told() -> None:
    assert told(
        f"name: one, fields: [a], {FOUND}",
        f"name: two, fields: ['a.*.**'], {FOUND}",
        f"name: three, fields: ['a.**'], {FOUND}",
    ) == ["2: never decides a value: other rules do, together"]


@pytest.mark.parametrize("fields", ["'**'", "properties.**", "'*.**'"])
def test_what_is_kept_wherever_it_is_is_told(fields: str) -> None:
    (message,) = told(f"name: one, fields: [{fields}], entities: [PERSON], operator: keep")
    assert "keeps every finding of its entities" in message


@pytest.mark.parametrize(
    "narrowed", ["texts: [Jane]", "maximum_score: 0.5", "types: [track]", "near: [team]"]
)
def test_what_is_kept_under_a_condition_is_not_told(narrowed: str) -> None:
    rule = f"name: one, fields: ['**'], entities: [PERSON], operator: keep, {narrowed}"
    assert told(rule) == []


def test_a_slip_in_the_first_step_of_a_path_is_told() -> None:
    (message,) = told(f"name: one, fields: [propertis.email], {WHOLE}")
    assert message == "0.fields.0: is no field of the event spec; did you mean properties?"
    assert told(f"name: one, fields: [custom.email], {WHOLE}") == []


@pytest.mark.parametrize("field", ["type", "sentAt", "timestamp.**"])
def test_a_field_that_no_rule_reaches_is_told(field: str) -> None:
    (message,) = told(f"name: one, fields: [{field}], {WHOLE}")
    assert "0.fields.0: is not reached by rules" in message


def test_a_score_that_no_finding_has_is_told() -> None:
    (message,) = told(f"name: one, fields: ['**.a'], maximum_score: 0.3, {FOUND}")
    assert message == "0.maximum_score: leaves no finding: the ruleset leaves out those below 0.4"


PLANNED = {("track", "Order Completed"), ("page", None), ("identify", None)}


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("events: ['Order*']", []),
        ("events: [Any Page]", []),  # one schema is for all pages
        (
            "types: [track], events: [Ordr Completed]",
            ["is no event of the tracking plan; did you mean Order Completed?"],
        ),
        ("types: [screen], events: ['Home*']", ["is no event of the tracking plan"]),
    ],
)
def test_names_that_the_tracking_plan_has_not_are_told(scope: str, expected: list[str]) -> None:
    rule = f"name: one, fields: [a], {scope}, {WHOLE}"
    assert [line.partition(": ")[2] for line in told(rule, planned=PLANNED)] == expected
    assert told(rule) == []  # without a plan every name may be one


def test_entities_that_only_the_default_speaks_of_are_named() -> None:
    ruleset = parse_ruleset(HEAD + f"  - {{name: one, fields: [a], {FOUND}}}\n", "rules.yaml")
    assert left_to_default(ruleset) == ["PHONE_NUMBER"]
