from collections.abc import Sequence

import pytest

from streamproc.detect import key_words
from streamproc.events import Finding
from streamproc.rules import Plan, parse_ruleset

RULES = """\
version: 1
name: plan
entities: [EMAIL_ADDRESS, IP_ADDRESS, PHONE_NUMBER]
operators: {default: replace, EMAIL_ADDRESS: hash}
rules:
  - {name: note-phones, fields: [properties.note], entities: [PHONE_NUMBER], operator: redact}
  - {name: note-all, fields: ["properties.*"], entities: [PHONE_NUMBER, IP_ADDRESS], operator: keep}
  - {name: first, fields: ["**.firstName", traits.name], entity: PERSON, operator: hash}
  - {name: second, fields: ["**.firstName"], entity: PERSON, operator: redact}
  - {name: below, fields: ["context.device.**"], entity: DEVICE, operator: drop}
  - {name: items, fields: ["properties.products[*].sku"], entity: SKU, operator: redact}
"""


@pytest.fixture
def plan() -> Plan:
    return Plan(parse_ruleset(RULES, "rules.yaml"), key_words)


def whole(plan: Plan, path: Sequence[str | int]) -> str | None:
    action = plan.policy(path).whole
    return action and action.rule


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        (["firstName"], "first"),
        (["context", "traits", "first_name"], "first"),
        (["a", "b", 0, "c", "FirstName"], "first"),
        (["traits", "name"], "first"),
        (["context", "traits", "name"], None),
        (["traits", "name", "first"], None),
        (["context", "device"], "below"),
        (["context", "device", "os", "version"], "below"),
        (["context"], None),
        (["properties", "products", 3, "sku"], "items"),
        (["properties", "products", "sku"], "items"),
        (["properties", "products"], None),
        ([], None),
    ],
)
def test_the_first_rule_on_a_field_decides_its_value(
    plan: Plan, path: Sequence[str | int], rule: str | None
) -> None:
    assert whole(plan, path) == rule


@pytest.mark.parametrize(
    ("path", "entity", "rule", "operator"),
    [
        (["properties", "note"], "PHONE_NUMBER", "note-phones", "redact"),
        (["properties", "note"], "IP_ADDRESS", "note-all", "keep"),
        (["properties", "note"], "EMAIL_ADDRESS", "operators.EMAIL_ADDRESS", "hash"),
        (["properties", "other", 1], "PHONE_NUMBER", "note-all", "keep"),
        (["traits", "other"], "PHONE_NUMBER", "operators.PHONE_NUMBER", "replace"),
    ],
)
def test_the_first_rule_on_a_finding_decides_it_and_operators_the_rest(
    plan: Plan, path: Sequence[str | int], entity: str, rule: str, operator: str
) -> None:
    action = plan.policy(path).action(Finding(0, 4, entity, 0.9, "r"), "text")
    assert (action.rule, action.operator.name) == (rule, operator)


def test_the_context_of_a_field_is_its_key_and_where_that_is_generic_the_one_above(
    plan: Plan,
) -> None:
    phone = plan.below(plan.root, "homePhone")
    assert phone.context == ("home", "phone")
    assert plan.below(phone, "number").context == ("home", "phone", "number")
    assert plan.below(phone, "model").context == ("model",)


@pytest.mark.parametrize(
    ("key", "plain"),
    [
        ("firstName", True),
        ("utm_source", True),
        ("address1", True),
        ("jane@example.com", False),
        ("Jane Doe", False),
        ("5552125", False),
        ("a1b2c3d4e5", False),
        ("x" * 33, False),
        ("größe", False),
        ("", False),
        ("some-words-in-a-row", True),
        ("aa-bb-cc-dd-ee-f1", False),  # a MAC address
    ],
)
def test_a_key_is_plain_if_it_cannot_be_personal_data(plan: Plan, key: str, plain: bool) -> None:
    assert plan.below(plan.root, key).plain is plain


KEYED = """\
version: 1
name: keyed
entities: [EMAIL_ADDRESS]
operators: {default: redact}
rules:
  - {name: exact, fields: [properties.card_no], entity: CARD, operator: drop}
  - {name: keyed, fields: [{key: "^card_?(no|number)"}], entity: CARD, operator: hash}
"""


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        (["properties", "card_no"], "exact"),
        (["properties", "cardNumber"], "keyed"),
        (["traits", "CARD NO"], "keyed"),
        (["a", "b", 0, "card_number_2"], "keyed"),
        (["properties", "discard_no"], None),
        (["card_no", "of"], None),
    ],
)
def test_an_expression_for_keys_speaks_of_every_field_of_such_a_key(
    path: Sequence[str | int], rule: str | None
) -> None:
    plan = Plan(parse_ruleset(KEYED, "rules.yaml"), key_words)
    assert whole(plan, path) == rule
