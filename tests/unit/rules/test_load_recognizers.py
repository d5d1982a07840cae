from pathlib import Path

import pytest

from streamproc.detect.definitions import FLAGS, Custom, Predefined, WrittenPattern
from streamproc.errors import ConfigError
from streamproc.rules import Hash, Ruleset, load_ruleset, parse_ruleset
from streamproc.rules.load_recognizers import Recognizers, load_recognizers, parse_recognizers
from streamproc.shipped import shipped

SMALL = r"""
recognizers:
  - name: Badges
    type: custom
    supported_entity: BADGE
    case_sensitive: true
    checksum: luhn
    minimum_entropy: 1.5
    context: [badge, staff]
    patterns:
      - {name: badge, regex: 'B\d{6}', score: 0.3}
  - name: Cards
    class_name: CreditCardRecognizer
    context: [plastic]
"""


def read(text: str) -> Recognizers:
    return parse_recognizers({Path("cards.yaml"): text})


def problems(text: str) -> list[tuple[int | None, str, str]]:
    """Return line, path and message of each problem."""
    with pytest.raises(ConfigError) as caught:
        read(text)
    return [(p.line, p.path, p.message) for p in caught.value.problems]


def changed(old: str, new: str) -> str:
    assert SMALL.count(old) == 1
    return SMALL.replace(old, new)


def test_a_file_is_read() -> None:
    recognizers = read(SMALL)
    assert recognizers.definitions == (
        Custom(
            name="Badges",
            entity="BADGE",
            patterns=(WrittenPattern("badge", r"B\d{6}", 0.3),),
            context=("badge", "staff"),
            flags=FLAGS & ~2,
            checksum="luhn",
            minimum_entropy=1.5,
        ),
        Predefined(name="Cards", recognizer="CreditCardRecognizer", context=("plastic",)),
    )
    assert recognizers.groups == {"cards": {"BADGE", "CREDIT_CARD"}}


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "message"),
    [
        ("patterns:", "pattern:", 10, "recognizers[0].pattern", "did you mean patterns?"),
        ("score: 0.3", "score: 3", 11, "recognizers[0].patterns[0].score", "expected 1 or less"),
        ("score: 0.3", "scor: 1", 11, "recognizers[0].patterns[0].scor", "did you mean score?"),
        (r"B\d{6}", "(", 11, "recognizers[0].patterns[0].regex", "no regular expression"),
        (r"B\d{6}", "(B+)+$", 11, "recognizers[0].patterns[0].regex", "takes more than"),
        (r"B\d{6}", "B*", 11, "recognizers[0].patterns[0].regex", "matches the empty text"),
        (
            r"'B\d{6}'",
            r'"\bB"',
            11,
            "recognizers[0].patterns[0].regex",
            "holds a control character",
        ),
        (r"'B\d{6}'", r'"B\d"', 11, "", "between single quotes a backslash is a backslash"),
        ("name: Badges", "name: ''", 3, "recognizers[0].name", "expected 1 or more characters"),
        ("luhn", "lun", 7, "recognizers[0].checksum", "did you mean luhn?"),
        ("luhn", "xyz", 7, "recognizers[0].checksum", "there are damm, iban, luhn"),
        ("BADGE", "badge", 5, "recognizers[0].supported_entity", "expected capitals"),
        ("    supported_entity: BADGE\n", "", 3, "recognizers[0]", "supported_entity is missing"),
        ("type: custom", "type: predefined", 3, "recognizers[0]", "has no case_sensitive"),
        ("type: custom", "type: own", 4, "recognizers[0].type", "'custom' or 'predefined'"),
        ("name: Badges", "name: UrlRecognizer", 3, "recognizers[0]", "one of Presidio's"),
        ("name: Badges", "name: Cards", 12, "recognizers[1].name", "another recognizer's name"),
        ("CreditCardRec", "CreditCradRec", 12, "recognizers[1]", "mean CreditCardRecognizer?"),
        ("class_name: CreditCardRecognizer", "deny_list: [a]", 12, "recognizers[1]", "is missing"),
        ("recognizers:", "recognisers:", 2, "recognisers", "did you mean recognizers?"),
        ("recognizers:", "global_regex_flags: 64\nrecognizers:", 2, "global_regex_flags", "sum"),
        (
            "context: [plastic]",
            "supported_languages: [{lang: en}]",
            14,
            "",
            "did you mean language",
        ),
    ],
)
def test_a_problem_names_line_path_and_what_was_expected(
    old: str, new: str, line: int, path: str, message: str
) -> None:
    found = problems(changed(old, new))
    assert any(
        at == line and (path or where) == where and message in text for at, where, text in found
    ), found


def test_files_whose_name_would_not_be_looked_for_are_told(tmp_path: Path) -> None:
    (tmp_path / "badges.yml").write_text(changed("luhn", "luhn"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"badges\.yml: expected a name in \.yaml"):
        load_recognizers(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "[]", "recognizers: []", "recognizers: [X]", "recognizers: ["]
)
def test_what_is_no_list_of_recognizers_is_refused(text: str) -> None:
    assert problems(text)


def test_every_problem_of_every_file_is_told_at_once() -> None:
    wrong = changed("luhn", "lun").replace("score: 0.3", "score: 3")
    with pytest.raises(ConfigError) as caught:
        parse_recognizers({Path("a.yaml"): wrong, Path("b.yaml"): changed("Badges", "''")})
    found = [(problem.source, problem.line) for problem in caught.value.problems]
    assert sorted(found, key=str) == [("a.yaml", 11), ("a.yaml", 7), ("b.yaml", 3)]


@pytest.mark.parametrize("name", ["default.yaml", "My own.yaml", "Upper.yaml"])
def test_a_file_whose_name_is_no_group_s_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"expected a name such as secrets\.yaml"):
        parse_recognizers({Path(name): SMALL})


@pytest.mark.parametrize(
    "more", ["enabled: false", "supported_language: de", "supported_languages: [de, fr]"]
)
def test_what_is_switched_off_or_for_another_language_is_left_out(more: str) -> None:
    recognizers = read(changed("type: custom", f"type: custom\n    {more}"))
    assert recognizers.entities == {"CREDIT_CARD"}


def test_a_file_replaces_the_one_of_its_name_in_a_later_folder(tmp_path: Path) -> None:
    for folder, entity in (("mine", "BADGE"), ("theirs", "PASS")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "cards.yaml").write_text(changed("BADGE", entity))
    (tmp_path / "theirs" / "others.yaml").write_text(
        changed("BADGE", "OTHER").replace("name: Cards", "name: Other cards").replace("Badges", "X")
    )
    recognizers = load_recognizers(tmp_path / "mine", tmp_path / "theirs", tmp_path / "none")
    assert recognizers.groups.keys() == {"cards", "others"}
    assert recognizers.entities == {"BADGE", "OTHER", "CREDIT_CARD"}


# -- in a ruleset ---------------------------------------------------------------------------------

RULES = """\
version: 1
name: small
entities: [EMAIL_ADDRESS, cards]
operators:
  cards: redact
  CREDIT_CARD: hash
  default: replace
rules:
  - {name: staff, fields: ["**.staff"], entities: [cards], operator: keep}
"""


def ruleset(text: str = RULES, recognizers: str = SMALL) -> Ruleset:
    return parse_ruleset(text, "rules.yaml", read(recognizers))


def test_a_group_stands_for_its_entities_everywhere() -> None:
    read_back = ruleset()
    assert read_back.entities == {"EMAIL_ADDRESS", "BADGE", "CREDIT_CARD"}
    assert read_back.rules[0].entities == frozenset({"BADGE", "CREDIT_CARD"})
    assert {entity: found.name for entity, found in read_back.operators.items()} == {
        "BADGE": "redact",
        "CREDIT_CARD": "hash",  # said of the entity itself
        "default": "replace",
    }


def test_a_ruleset_keeps_the_recognizers_of_what_it_searches() -> None:
    assert [found.name for found in ruleset().recognizers] == ["Badges", "Cards"]
    only = ruleset("version: 1\nname: x\nentities: [BADGE]\noperators: {default: redact}\n")
    assert [found.name for found in only.recognizers] == ["Badges"]


def test_recognizers_count_in_the_fingerprint() -> None:
    assert ruleset().fingerprint == ruleset(recognizers="# a comment\n" + SMALL).fingerprint
    assert ruleset().fingerprint != ruleset(recognizers=changed("0.3", "0.4")).fingerprint


def test_a_group_that_is_not_searched_is_told_by_its_own_name() -> None:
    with pytest.raises(ConfigError) as caught:
        ruleset(RULES.replace("[EMAIL_ADDRESS, cards]", "[EMAIL_ADDRESS]"))
    assert [(p.line, p.path, p.message) for p in caught.value.problems] == [
        (5, "operators.cards", "cards is not among the entities searched"),
        (6, "operators.CREDIT_CARD", "CREDIT_CARD is not among the entities searched"),
        (9, "rules[0].entities[0]", "cards is not among the entities searched"),
    ]


def test_a_group_of_which_some_is_searched_can_be_spoken_of() -> None:
    text = RULES.replace("[EMAIL_ADDRESS, cards]", "[CREDIT_CARD]")
    assert ruleset(text).operator_for("CREDIT_CARD") == Hash()


def test_an_entity_that_nothing_finds_is_told_with_what_is_near() -> None:
    with pytest.raises(ConfigError, match=r"entities\[1\]: no such entity; did you mean cards\?"):
        ruleset(RULES.replace("[EMAIL_ADDRESS, cards]", "[EMAIL_ADDRESS, crads]"))


def test_a_folder_s_own_recognizers_come_beside_those_shipped(tmp_path: Path) -> None:
    (tmp_path / "recognizers").mkdir()
    (tmp_path / "recognizers" / "cards.yaml").write_text(SMALL)
    (tmp_path / "rules.yaml").write_text(RULES.replace("EMAIL_ADDRESS", "secrets"))
    assert load_ruleset(tmp_path).entities >= {"BADGE", "API_KEY", "PASSWORD"}


def test_the_shipped_recognizers_are_in_order() -> None:
    recognizers = load_recognizers(shipped("rules/recognizers"))
    assert recognizers.groups.keys() == {"numbers", "people", "places", "secrets"}
    assert recognizers.groups["secrets"] == {
        *("ACCESS_TOKEN", "API_KEY", "JWT", "PASSWORD", "PRIVATE_KEY")
    }
