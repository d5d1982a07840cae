import os
from pathlib import Path

import pytest

from streamproc.errors import ConfigError
from streamproc.rules import Hash, Mask, Replace, Ruleset, load_ruleset, parse_ruleset
from streamproc.shipped import shipped

SMALL = """\
version: 1
name: small
entities: [EMAIL_ADDRESS, PHONE_NUMBER]
operators:
  default: replace
  PHONE_NUMBER: {mask: {keep_last: 2}}
rules:
  - name: emails
    fields: ["**.email"]
    entity: EMAIL_ADDRESS
    operator: hash
"""


TEMPLATE = "operators.PHONE_NUMBER.replace.template"


def problems(text: str) -> list[tuple[int | None, str, str]]:
    """Return line, path and message of each problem."""
    with pytest.raises(ConfigError) as caught:
        parse_ruleset(text, "rules.yaml")
    assert all(problem.source == "rules.yaml" for problem in caught.value.problems)
    return [(p.line, p.path, p.message) for p in caught.value.problems]


def changed(old: str, new: str) -> str:
    assert SMALL.count(old) == 1
    return SMALL.replace(old, new)


def test_a_ruleset_is_read_with_its_defaults() -> None:
    ruleset = parse_ruleset(SMALL, "rules.yaml")
    assert ruleset.entities == {"EMAIL_ADDRESS", "PHONE_NUMBER"}
    assert ruleset.minimum_score == 0.4
    assert ruleset.operator_for("PHONE_NUMBER") == Mask(keep_last=2)
    assert ruleset.operator_for("EMAIL_ADDRESS") == Replace()
    assert ruleset.rules[0].operator == Hash()


def test_the_shipped_ruleset_is_in_order() -> None:
    assert load_ruleset(shipped("rules")).name == "default"


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "message"),
    [
        ("version: 1", "version: 2", 1, "version", "expected 1"),
        ("name: small", "nam: small", 2, "nam", "no such key; did you mean name?"),
        ("EMAIL_ADDRESS, ", "EMAIL_ADRESS, ", 3, "entities[0]", "did you mean EMAIL_ADDRESS?"),
        ("default: replace", "default: replcae", 5, "operators.default", "did you mean replace?"),
        ("keep_last", "kep_last", 6, "operators.PHONE_NUMBER.mask.kep_last", "mean keep_last?"),
        ("keep_last: 2", "keep_last: -1", 6, "operators.PHONE_NUMBER.mask.keep_last", "0"),
        ("  PHONE_NUMBER", "  US_SSN", 6, "operators.US_SSN", "is not among the entities searched"),
        ("default: replace", "default: keep", 5, "operators.default", "cannot be the default"),
        ("default: replace", "default: drop_event", 5, "operators.default", "needs a rule"),
        ("  default: replace\n", "", 4, "operators", "default is missing"),
        ('fields: ["**.email"]', "fields: []", 9, "rules[0].fields", "a list of 1 or more"),
        ("**.email", "emails[0]", 9, "rules[0].fields[0]", "list items cannot be named"),
        ("fields:", "field:", 8, "rules[0].fields", "is missing"),
        ("entity: EMAIL", "entity: EMIAL", 10, "rules[0].entity", "did you mean EMAIL_ADDRESS?"),
        ("    entity: EMAIL_ADDRESS\n", "", 8, "rules[0]", "one of entity"),
        (
            "entity: EMAIL_ADDRESS",
            "without: [jsn]",
            10,
            "rules[0].without[0]",
            "did you mean json?",
        ),
        ("entity: EMAIL_ADDRESS", "without: [json]", 8, "rules[0]", "has nothing to do"),
        ("    operator: hash\n", "", 8, "rules[0]", "operator is missing"),
        ("operator: hash", "operator: keep", 8, "rules[0]", "keep needs entities"),
        ("operator: hash", "operator: [hash]", 11, "rules[0].operator", "operator's name"),
        ("operator: hash", "operator: {mask: {name: hash}}", 11, "rules[0].operator", "name"),
        ("operator: hash", "operator: {mask: 4}", 11, "rules[0].operator", "options: {mask: {…}}"),
        ("operator: hash", "operator: delete", 11, "rules[0].operator", "there are replace, "),
        ("keep_last: 2", "keep_last: '2'", 6, "operators.PHONE_NUMBER.mask.keep_last", "a whole"),
        (
            "mask: {keep_last: 2}",
            "replace: {template: '<{ent}>'}",
            6,
            TEMPLATE,
            "expected no braces",
        ),
        ("EMAIL_ADDRESS, ", "EMAIL, ", 3, "entities[0]", "no such entity; did you mean EMAIL_ADD"),
        ("EMAIL_ADDRESS, ", "email_address, ", 3, "entities[0]", "did you mean EMAIL_ADDRESS?"),
        ("EMAIL_ADDRESS, ", "LOYALTY, ", 3, "entities[0]", "recognizers/*.yaml beside the ruleset"),
        ("[EMAIL_ADDRESS, PHONE_NUMBER]", "PHONE_NUMBER", 3, "entities", "expected a list"),
        ("name: small", "name: Small", 2, "name", "expected small letters, digits"),
        ("name: small", "name: 2024-01-01", 2, "name", "expected a text"),
        ("name: small", "name: [", 4, "", "is not YAML"),
        ("name: small", "1: small", 2, "", "expected a text as key"),
        ("entity: EMAIL_ADDRESS", "without: [text]", 10, "rules[0].without[0]", "there are name,"),
        ('["**.email"]', "[**.email]", 9, "", "what starts with * needs quotes"),
        ("mask: {keep_last: 2}", "mask: {skip: @}", 6, "", "it needs quotes"),
        ("rules:\n", "rules:\n\t", 8, "", "indent with spaces"),
    ],
)
def test_a_problem_names_line_path_and_what_was_expected(
    old: str, new: str, line: int, path: str, message: str
) -> None:
    found = problems(changed(old, new))
    assert (line, path) in [(at, where) for at, where, _ in found]
    assert any(message in text for _, where, text in found if where == path)


def test_every_problem_is_told_at_once() -> None:
    text = changed("operator: hash", "operator: hsh").replace("name: small", "name: Small!")
    assert [line for line, _, _ in problems(text)] == [2, 11]


def test_a_list_whose_only_item_is_wrong_is_not_said_to_be_empty() -> None:
    assert [path for _, path, _ in problems(changed("**.email", "emails[0]"))] == [
        "rules[0].fields[0]"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 5_000, "is nested too deeply"),
        ("name: 2024-13-41", "looks like a date or a number, and is none"),
        ("name: \0", "is not YAML"),
    ],
)
def test_what_the_parser_itself_gives_up_on_is_told(text: str, message: str) -> None:
    ((_, _, told),) = problems(text)
    assert message in told


def test_two_rules_of_one_name_are_refused() -> None:
    again = SMALL.partition("rules:\n")[2]
    assert problems(SMALL + again) == [(12, "rules[1].name", "is the name of rules[0] too")]


@pytest.mark.parametrize("text", ["", "[]", "just text", "version: [", "a: 1\na: 2", "\tx: 1"])
def test_what_is_no_ruleset_is_refused(text: str) -> None:
    assert problems(text)


def test_an_entity_of_ones_own_can_be_declared() -> None:
    ruleset = parse_ruleset(changed("entity: EMAIL_ADDRESS", "entity: LOYALTY_NUMBER"), "r.yaml")
    assert ruleset.rules[0].entity == "LOYALTY_NUMBER"


def fingerprint(text: str) -> str:
    return parse_ruleset(text, "rules.yaml").fingerprint


def test_the_fingerprint_is_of_the_meaning_not_of_the_layout() -> None:
    laid_out_anew = "# comment\n" + changed(
        "[EMAIL_ADDRESS, PHONE_NUMBER]", "\n  - PHONE_NUMBER\n  - EMAIL_ADDRESS"
    )
    assert fingerprint(laid_out_anew) == fingerprint(SMALL)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("keep_last: 2", "keep_last: 3"),
        ("operator: hash", "operator: redact"),
        ("**.email", "**.mail"),
        ("name: emails", "name: mails"),
        ("default: replace", "default: {replace: {template: x}}"),
    ],
)
def test_the_fingerprint_changes_with_the_meaning(old: str, new: str) -> None:
    assert fingerprint(changed(old, new)) != fingerprint(SMALL)


def test_a_folder_holds_one_ruleset(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    with pytest.raises(ConfigError, match=r"expected one \*\.yaml file, found none"):
        load_ruleset(tmp_path)
    file.write_text(SMALL, encoding="utf-8")
    by_folder: Ruleset = load_ruleset(tmp_path)
    assert by_folder == load_ruleset(file)
    (tmp_path / "other.yaml").write_text(SMALL, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"found mine\.yaml, other\.yaml"):
        load_ruleset(tmp_path)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_ruleset(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load_ruleset(tmp_path / "latin.yaml")


def test_what_is_no_file_is_refused_unread(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "endless.yaml").symlink_to("/dev/zero")

    for name in ("pipe.yaml", "endless.yaml"):
        with pytest.raises(ConfigError, match=rf"{name}: cannot be read: Not a regular file"):
            load_ruleset(tmp_path / name)


def test_a_file_in_yml_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(SMALL, encoding="utf-8")
    (tmp_path / "stricter.yml").write_text(SMALL, encoding="utf-8")

    with pytest.raises(ConfigError, match=r"stricter\.yml: expected a name in \.yaml"):
        load_ruleset(tmp_path)


LISTED = SMALL.replace("entity: EMAIL_ADDRESS", "entities: [EMAIL_ADDRESS]") + (
    "    texts: {file: lists/known.txt}\n"
)


@pytest.fixture(name="known")
def _known(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(LISTED, encoding="utf-8")
    (tmp_path / "lists").mkdir()
    return tmp_path / "lists" / "known.txt"


def test_a_list_as_windows_writes_it_is_read(known: Path) -> None:
    known.write_bytes(b"\xef\xbb\xbfjane@example.com\r\n# ours\r\nroe@example.com\r\n")

    (rule,) = load_ruleset(known.parent.parent).rules

    assert set(rule.texts or ()) == {"jane@example.com", "roe@example.com"}


def test_a_list_that_is_a_link_to_a_file_elsewhere_is_refused(
    known: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "secrets.txt"
    elsewhere.write_text("hunter2\n", encoding="utf-8")
    known.symlink_to(elsewhere)

    with pytest.raises(ConfigError, match=r"lists/known\.txt is a link to a file elsewhere"):
        load_ruleset(known.parent.parent)


def test_links_within_the_folder_are_followed_as_volumes_of_kubernetes_have_them(
    known: Path,
) -> None:
    data = known.parent / "..data"
    data.mkdir()
    (data / "known.txt").write_text("jane@example.com\n", encoding="utf-8")
    known.symlink_to(data / "known.txt")

    (rule,) = load_ruleset(known.parent.parent).rules

    assert set(rule.texts or ()) == {"jane@example.com"}
