from __future__ import annotations

import pytest

from streamproc.effects.cases import parse_cases, write_cases
from streamproc.evaluate.inventory import WHOLE_FIELD, Inventory, Seen, Where
from streamproc.evaluate.proposals import Proposal, cases_of, extended, propose
from streamproc.rules import FieldPath, Ruleset, parse_ruleset

RULES = """\
# What this file is for.
version: 1
name: own
entities: [EMAIL_ADDRESS, IP_ADDRESS, PHONE_NUMBER] # all we look for
operators:
  EMAIL_ADDRESS: {mask: {keep_last: 4}}
  IP_ADDRESS: keep # they are our own
  default: replace

rules:
  # People give their names here.
  - name: names
    entity: PERSON
    fields:
      - "**.name" # whoever's
    operator: hash
"""


def ruleset(text: str = RULES) -> Ruleset:
    return parse_ruleset(text, "own.yaml")


def inventory(
    path: str, filled: int, values: int, entity: str = "EMAIL_ADDRESS", step: str = "text"
) -> Inventory:
    where = Where(path, entity, step, f"operators.{entity}", "replace")
    made = Inventory(records=values)
    made.seen[where] = Seen(filled, filled, filled)
    made.values[path] = values
    return made


def test_a_field_that_is_nearly_always_one_finding_is_proposed() -> None:
    (proposal,) = propose(inventory("properties.contact", 9, 10), ruleset())

    assert proposal[:2] == ("properties.contact", "EMAIL_ADDRESS")
    assert proposal.operator.name == "mask"
    assert proposal.rule == "scanned-email-address"
    assert proposal.share == 0.9


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(inventory("properties.contact", 8, 10), id="80 % is not more than 80 %"),
        pytest.param(inventory("properties.contact", 4, 4), id="four values"),
        pytest.param(inventory("properties.*", 9, 9), id="a key that is no word"),
        pytest.param(inventory("messageId", 9, 9), id="no rule reaches it"),
        pytest.param(inventory("timestamp", 9, 9), id="nor this"),
        pytest.param(inventory("properties", 9, 9), id="an object in every event"),
        pytest.param(inventory("event.by", 9, 9), id="a text in every event"),
        pytest.param(inventory("properties._", 9, 9), id="a key without letters"),
        pytest.param(inventory("properties.ip", 9, 9, "IP_ADDRESS"), id="kept by the ruleset"),
        pytest.param(inventory("properties.contact", 9, 9, step=WHOLE_FIELD), id="decided already"),
    ],
)
def test_no_other_field_is_proposed(seen: Inventory) -> None:
    assert propose(seen, ruleset()) == []


def test_findings_of_several_steps_count_together() -> None:
    seen = inventory("properties.contact", 5, 10)
    by_url = next(iter(seen.seen))._replace(step="url")
    seen.seen[by_url] = Seen(4, 4, 4)

    assert len(propose(seen, ruleset())) == 1


def test_a_rule_gets_a_name_that_is_free() -> None:
    taken = RULES.replace("name: names", "name: scanned-email-address")
    (proposal,) = propose(inventory("properties.contact", 9, 10), ruleset(taken))

    assert proposal.rule == "scanned-email-address-2"


def proposals() -> list[Proposal]:
    own = ruleset()
    found = [
        *propose(inventory("properties.contact", 9, 10), own),
        *propose(inventory("context.traits.work", 9, 10), own),
        *propose(inventory("properties.call", 9, 10, "PHONE_NUMBER"), own),
    ]
    assert len(found) == 3
    return found


def test_rules_are_added_and_every_line_of_the_file_stays() -> None:
    text = extended(RULES, proposals())

    assert text.startswith(RULES)
    added = parse_ruleset(text, "own.yaml").rules[1:]
    assert [(rule.name, rule.entity) for rule in added] == [
        ("scanned-email-address", "EMAIL_ADDRESS"),
        ("scanned-phone-number", "PHONE_NUMBER"),
    ]
    assert added[0].fields == (
        FieldPath.parse("properties.contact"),
        FieldPath.parse("context.traits.work"),
    )
    assert added[0].operator == ruleset().operator_for("EMAIL_ADDRESS")


def test_rules_are_added_where_there_are_none() -> None:
    without = RULES[: RULES.index("rules:")]

    assert len(parse_ruleset(extended(without, proposals()), "own.yaml").rules) == 2


def test_cases_are_read_as_they_were_written() -> None:
    cases = cases_of(proposals())

    assert parse_cases(write_cases(cases, "Two\nlines."), "cases.yaml").cases == cases
    assert cases[0].event["properties"] == {"contact": "jane.roe@example.com"}
    assert cases[0].expect.manifest[0].path == "properties.contact"
