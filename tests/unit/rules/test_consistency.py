import pytest

from streamproc.errors import ConfigError
from streamproc.rules import parse_ruleset
from streamproc.rules.mending import without_broken

TEXT = """\
version: 1
name: own
entities: [EMAIL_ADDRESS, PERSON]
operators: {default: replace}
rules:
  - name: one
    fields: ["**.email"]
    entity: EMAIL_ADDRESS
    operator: hash
    %s
"""


def problems(text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(ConfigError) as caught:
        parse_ruleset(text, "own.yaml")
    return [(each.line, each.path) for each in caught.value.problems]


def test_the_rest_of_a_ruleset_is_looked_at_beside_what_cannot_be_read() -> None:
    text = (
        TEXT.replace("name: own", "name: Own").replace(
            "{default: replace}", "{default: shred, PERSON: drop_event, US_SSN: hash}"
        )
        % "types: [nobody]"
    )
    text += "  - {name: one, fields: [type.x], entity: EMIAL_ADDRESS, operator: hash}\n"
    assert problems(text) == [
        (2, "name"),
        (4, "operators.default"),
        (4, "operators.PERSON"),
        (4, "operators.US_SSN"),
        (10, "rules[0].types[0]"),
        (11, "rules[1].name"),
        (11, "rules[1].fields[0]"),
        (11, "rules[1].entity"),
    ]


def test_what_nobody_searches_for_is_not_told_while_the_entities_are_wrong() -> None:
    text = TEXT.replace("PERSON]", "PERSN]").replace("{default", "{PERSON: hash, default") % ""
    assert problems(text) == [(3, "entities[1]")]


@pytest.mark.parametrize("content", [None, "text", 7, [], {"rules": "none"}, {"rules": [7, None]}])
def test_what_is_nothing_like_a_ruleset_is_refused(content: object) -> None:
    assert problems(str(content))


def test_what_is_broken_is_taken_out_and_rules_keep_their_places() -> None:
    content = {
        "version": 2,
        "entities": ["A", "B", "C"],
        "operators": {"default": "x", "A": "hash"},
        "rules": [{"name": "one"}, {"name": "two"}],
        "own": 1,
    }
    broken = [("version",), ("entities", 0), ("entities", 2), ("operators", "default"), ("own",)]
    mended = without_broken(content, [*broken, ("rules", 0, "fields"), ("rules", 0, "operator")])
    assert mended["version"] == 1
    assert mended["entities"] == ["B"]
    assert mended["operators"] == {"default": "redact", "A": "hash"}
    assert [rule["name"] for rule in mended["rules"]] == ["broken-0", "two"]
    assert "own" not in mended
    assert content["version"] == 2


@pytest.mark.parametrize(
    "said",
    [
        "when: {all: [{identified: true}, {all: [{identified: false}]}]}",
        "when: {any: [{all: [{identified: true}, {not: {identified: true}}]}]}",
        "when: {not: {all: [{path: a, exists: true}, {path: a, exists: false}]}}",
        "when: {all: [{path: a, above: 1}, {path: a, exists: false}]}",
        "types: [alias, group]\n    events: [Order]",
    ],
)
def test_a_scope_that_contradicts_itself_is_refused(said: str) -> None:
    ((line, path),) = problems(TEXT % said)
    assert path.startswith(("rules[0].when", "rules[0].events"))
    assert line is not None
    assert line >= 10


@pytest.mark.parametrize(
    "said",
    [
        "when: {all: [{path: a, equals: 1}, {path: a, equals: 2}]}",  # a may be a list
        "when: {any: [{identified: true}, {identified: false}]}",
        "when: {all: [{path: a, exists: false}, {path: b, equals: 1}]}",
        "types: [track, group]\n    events: [Order]",
    ],
)
def test_a_scope_that_some_event_is_in_is_not_refused(said: str) -> None:
    assert parse_ruleset(TEXT % said, "own.yaml").rules
