import time
from pathlib import Path

import pytest

from streamproc.errors import ConfigError
from streamproc.rules import Surroundings, check_ruleset, load_ruleset, parse_ruleset
from streamproc.rules.document import MOST_BYTES
from streamproc.shipped import shipped

RULESETS = [shipped("rules/default.yaml"), *sorted(shipped("rules/examples").glob("*.yaml"))]

OWN = """\
version: 1
name: own
entities: [EMAIL_ADDRESS]
operators: {default: replace}
rules:
  - name: emails
    fields: ["**.email"]
    entity: EMAIL_ADDRESS
    operator: {encrypt: {per_subject: true}}
"""


def own(folder: Path, text: str = OWN) -> Path:
    file = folder / "own.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("file", RULESETS, ids=lambda file: file.name)
def test_nothing_is_odd_about_shipped_rulesets(file: Path) -> None:
    assert check_ruleset(file, Surroundings(subject_keys=False)).warnings == ()


def test_keys_that_an_operator_needs_and_nobody_has_are_told_with_all_else(tmp_path: Path) -> None:
    file = own(tmp_path, OWN.replace("name: own", "name: Own"))
    with pytest.raises(ConfigError) as caught:
        check_ruleset(file, Surroundings(subject_keys=False))
    assert [(each.line, each.path) for each in caught.value.problems] == [
        (2, "name"),
        (9, "rules[0].operator.encrypt.per_subject"),
    ]
    assert check_ruleset(own(tmp_path), Surroundings(subject_keys=True)).ruleset.name == "own"


def test_warnings_have_lines_in_their_order(tmp_path: Path) -> None:
    again = OWN.partition("rules:\n")[2].replace("emails", "again").replace("**", "propertys")
    checked = check_ruleset(own(tmp_path, OWN + again), Surroundings())
    assert [(each.line, each.column) for each in checked.warnings] == [(10, 5), (11, 14)]


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    file = own(tmp_path, OWN + "#" * 10_000_000)
    with pytest.raises(ConfigError, match=rf"at most {MOST_BYTES:,} bytes, found 10,"):
        load_ruleset(file)


def many(rules: int) -> str:
    """Return a ruleset with expressions, lists and scopes of its own in every rule."""
    head = OWN.partition("  - name")[0]
    written = (
        f"  - name: rule-{number}\n"
        f'    fields: ["properties.part{number}.email", "**.at{number}", {{key: "^k{number}_"}}]\n'
        f'    events: ["Order {number}*"]\n'
        f"    when: {{path: properties.plan, matches: '^pro{number}[a-z]+[0-9]+$'}}\n"
        f"    entities: [EMAIL_ADDRESS]\n"
        f"    matching: '@team{number}\\.example$'\n"
        f"    operator: keep\n"
        for number in range(rules)
    )
    return head + "".join(written)


def test_two_hundred_rules_are_checked_in_two_seconds(tmp_path: Path) -> None:
    file = own(tmp_path, many(200))
    taken: list[float] = []
    while len(taken) < 5 and min(taken, default=2.0) >= 2:  # cores are shared: the best of five
        before = time.process_time()
        checked = check_ruleset(file, Surroundings())
        taken.append(time.process_time() - before)
        assert len(checked.ruleset.rules) == 200
    assert min(taken) < 2


# -- lists in files -------------------------------------------------------------------------------

KEPT = OWN.replace(
    "entity: EMAIL_ADDRESS\n    operator: {encrypt: {per_subject: true}}",
    "entities: [EMAIL_ADDRESS]\n    texts: {file: lists/own.txt}\n    operator: keep",
)


def listed(folder: Path, text: str) -> Path:
    (folder / "lists").mkdir(exist_ok=True)
    (folder / "lists" / "own.txt").write_text(text, encoding="utf-8")
    return own(folder, KEPT)


def test_texts_may_stand_in_a_file_beside_the_ruleset(tmp_path: Path) -> None:
    file = listed(tmp_path, "# ours\n\n  a@example.com\nb@example.com\n")
    assert load_ruleset(file).rules[0].texts == frozenset({"a@example.com", "b@example.com"})


def test_what_a_list_holds_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    before = load_ruleset(listed(tmp_path, "a@example.com\n")).fingerprint
    assert load_ruleset(listed(tmp_path, "# so\na@example.com\n")).fingerprint == before
    assert load_ruleset(listed(tmp_path, "b@example.com\n")).fingerprint != before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lists/none.txt", "none.txt cannot be read"),
        ("/etc/hostname.txt", "a file below the ruleset's folder"),
        ("lists/../../own.txt", "a file below the ruleset's folder"),
        ("own.yaml", "a file below the ruleset's folder"),
        ("lists/empty.txt", "holds no text"),
    ],
)
def test_a_list_that_cannot_be_had_is_told(tmp_path: Path, name: str, message: str) -> None:
    listed(tmp_path, "a@example.com\n")
    (tmp_path / "lists" / "empty.txt").write_text("# nothing\n")
    with pytest.raises(ConfigError, match=message):
        load_ruleset(own(tmp_path, KEPT.replace("lists/own.txt", name)))


def test_a_ruleset_without_a_folder_has_no_lists() -> None:
    with pytest.raises(ConfigError, match="no files beside this ruleset"):
        parse_ruleset(KEPT, "own.yaml")
