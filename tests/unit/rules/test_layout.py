from pathlib import Path

import pytest

from streamproc.errors import ConfigError
from streamproc.rules import load_ruleset, parse_ruleset
from streamproc.rules.layout import laid_out
from streamproc.shipped import shipped

RULESETS = [shipped("rules/default.yaml"), *sorted(shipped("rules/examples").glob("*.yaml"))]


@pytest.mark.parametrize("file", RULESETS, ids=lambda file: file.name)
def test_shipped_rulesets_are_laid_out(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert laid_out(text, file.name) == text


WRITTEN = """\


# for everybody
version:   1
name: "mine"   # a name
entities: [EMAIL_ADDRESS,   PHONE_NUMBER, PERSON, CREDIT_CARD,
   IP_ADDRESS, IBAN_CODE, US_SSN, UK_NHS, MAC_ADDRESS]   # all
operators: {default: replace, # what is left
   PERSON: hash}
rules:
# addresses
- name: emails
  # fields
  fields:
  - "**.email"   # one
      # two
  - '**.mail'
  when:
      all:
      - path: context.country
        equals: "DE"
      - {path: properties.plan, matches: "^pro # no comment", }
  entity: EMAIL_ADDRESS
  operator:
    mask:
     keep_last: 4



# names
- name: names
  fields: [ "**.name" ]
  entities: [PERSON]
  texts: ["a long text, longer than any line may be, which stays in one piece all the same, as is",
      b]
  operator: >-
     drop
# the end
"""
LAID_OUT = """\
# for everybody
version: 1
name: "mine" # a name
entities:
  - EMAIL_ADDRESS
  - PHONE_NUMBER
  - PERSON
  - CREDIT_CARD
  - IP_ADDRESS
  - IBAN_CODE
  - US_SSN
  - UK_NHS
  - MAC_ADDRESS # all
operators:
  default: replace # what is left
  PERSON: hash
rules:
  # addresses
  - name: emails
    # fields
    fields:
      - "**.email" # one
      # two
      - '**.mail'
    when:
      all:
        - path: context.country
          equals: "DE"
        - {path: properties.plan, matches: "^pro # no comment"}
    entity: EMAIL_ADDRESS
    operator:
      mask:
        keep_last: 4

  # names
  - name: names
    fields: ["**.name"]
    entities: [PERSON]
    texts:
      - "a long text, longer than any line may be, which stays in one piece all the same, as is"
      - b
    operator: "drop"
# the end
"""


def test_a_ruleset_is_laid_out_with_its_comments() -> None:
    assert laid_out(WRITTEN, "rules.yaml") == LAID_OUT


def test_what_is_laid_out_stays_so_and_means_the_same() -> None:
    assert laid_out(LAID_OUT, "rules.yaml") == LAID_OUT
    before, after = (parse_ruleset(text, "r").fingerprint for text in (WRITTEN, LAID_OUT))
    assert before == after


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a: &x {b: 1}\nc: *x\n", "a: &x {b: 1}\nc: *x\n"),
        ("a: &x\n    b: 1\nc:\n   - *x\n", "a: &x\n  b: 1\nc:\n  - *x\n"),
        ("b: &x c\n*x  : {*x :  3}\n", "b: &x c\n*x : {*x : 3}\n"),
        ("a: [ ]\nb: { }\nc:\nd: ~\n", "a: []\nb: {}\nc:\nd: ~\n"),
        ("a: |\n    one\n      two\n\n\nb: 1\n", "a: |\n  one\n    two\n\nb: 1\n"),
        ("a: |- # why\n  one\n  two\n", "a: |- # why\n  one\n  two\n"),
        ('a: "one\n  two"\n', 'a: "one two"\n'),
        ("a: one\n  two # why\n", 'a: "one two" # why\n'),
        ("- [1, # z\n   2]\n- - 3\n", "-\n  - 1 # z\n  - 2\n-\n  - 3\n"),
        ("# nothing\n", "# nothing\n"),
        ("a: 1 # one\n# two\n\n\n# three\n", "a: 1 # one\n# two\n\n# three\n"),
        ("a: 'it''s # not'\n", "a: 'it''s # not'\n"),
        ("---\na: 1\n", "a: 1\n"),
        ("a: {b: 1, # one\n} # two\n", "a:\n  b: 1 # one\n# two\n"),
    ],
)
def test_all_of_yaml_that_is_read_is_laid_out(written: str, expected: str) -> None:
    assert laid_out(written, "x.yaml") == expected
    assert laid_out(expected, "x.yaml") == expected


def test_what_is_not_yaml_is_refused() -> None:
    with pytest.raises(ConfigError, match="is not YAML"):
        laid_out("a: [", "x.yaml")


def test_examples_are_in_order() -> None:
    for file in RULESETS:
        assert load_ruleset(file).rules
