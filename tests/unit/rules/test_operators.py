import pytest

from streamproc.errors import ConfigError
from streamproc.rules import DateShift, Encrypt, Generalise, Hash, Mask, TruncateIp, parse_ruleset

RULESET = """
version: 1
name: test
entities: [EMAIL_ADDRESS, PERSON]
operators: {default: %s}
rules: [%s]
"""


def parsed(operator: str, rule: str = "") -> object:
    return parse_ruleset(RULESET % (operator, rule), "test.yaml").operators["default"]


@pytest.mark.parametrize(
    ("written", "operator"),
    [
        ("encrypt", Encrypt()),
        ("{encrypt: {per_subject: true}}", Encrypt(per_subject=True)),
        ("{mask: {first: 2, skip: '@.'}}", Mask(first=2, skip="@.")),
        ("{truncate_ip: {v4_bits: 16}}", TruncateIp(v4_bits=16)),
        ("{date_shift: {days: 7, day_first: true}}", DateShift(days=7, day_first=True)),
        ("{generalise: {dates: year}}", Generalise(dates="year")),
        ("{generalise: {numbers: 5}}", Generalise(numbers=5)),
    ],
)
def test_an_operator_is_written_with_its_options(written: str, operator: object) -> None:
    assert parsed(written) == operator


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{mask: {keep_last: 4, first: 2}}", "either keep_first and keep_last, or first and last"),
        ("{mask: {skip: 'a@'}}", "no letters, no digits"),
        ("generalise", "either dates or numbers"),
        ("{generalise: {dates: year, numbers: 5}}", "either dates or numbers"),
        ("{generalise: {numbers: 1}}", "expected 2 or more"),
        ("{truncate_ip: {v4_bits: 32}}", "expected 31 or less"),
        ("{date_shift: {days: 0}}", "expected 1 or more"),
        ("{encrypt: {persubject: true}}", "did you mean per_subject"),
        ("{hash: {join: true}}", "join needs a rule with entity"),
    ],
)
def test_options_that_do_not_go_together_are_told(written: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parsed(written)


def test_tokens_are_joined_of_whole_fields_alone() -> None:
    rule = "{name: r, fields: [properties.email], %s: %s, operator: {hash: {join: true}}}"
    whole = parse_ruleset(RULESET % ("replace", rule % ("entity", "EMAIL_ADDRESS")), "test.yaml")
    assert whole.rules[0].operator == Hash(join=True)
    with pytest.raises(ConfigError, match="join needs entity"):
        parsed("replace", rule % ("entities", "[EMAIL_ADDRESS]"))
