"""What rows owe, by their fingerprints, the rulesets these are of, and their manifests."""

from __future__ import annotations

import pytest

from streamproc.debt.owed import Owed, Table, Today, owed_by, states_of, unsettled
from streamproc.rules import Ruleset, parse_ruleset
from streamproc.warehouse.provenance import Handled, Made

TEXT = "version: 1\nname: r\nentities: [EMAIL_ADDRESS]\noperators: {default: %s}\nrules: []\n"
REDACTS, HASHES, MASKS = (
    parse_ruleset(TEXT % operator, "r.yaml") for operator in ("redact", "hash", "mask")
)
TODAY = Today("t0", HASHES)
KNOWN = {"t0": HASHES, "m0": MASKS, "r0": REDACTS}


def handled(ruleset: str | None, operator: str, path: str = "properties.contact") -> Handled:
    return Handled("track", "tracks", ruleset, path, "EMAIL_ADDRESS", operator)


def keeping(types: str) -> Ruleset:
    keep = (
        f"{{name: k, fields: ['**'], types: [{types}], entities: [EMAIL_ADDRESS], operator: keep}}"
    )
    return parse_ruleset((TEXT % "hash").replace("[]", f"[{keep}]"), "r.yaml")


def test_fingerprints_stand_to_today_s_as_their_rulesets_do() -> None:
    found = states_of(["t0", "m0", "r0", "x0", None], KNOWN, TODAY)

    assert found == {
        "t0": "today",
        "m0": "weaker",
        "r0": "strong",
        "x0": "unknown",
        None: "unknown",
    }
    assert list(unsettled(found)) == ["m0", "x0", None]


def test_rows_of_the_same_rules_and_other_detectors_may_owe_something() -> None:
    made = [Made("tracks", "o0", 5), Made("tracks", "m0", 1)]
    known = {**KNOWN, "o0": HASHES}

    debt = owed_by(made, {}, known, TODAY, {"o0", "m0"})

    assert debt.rulesets == {"o0": "weaker", "m0": "weaker"}
    assert [(each.was, each.now, each.rows) for each in debt.owed] == [
        ("found by other detectors", "found by these", 5),
        ("mask", "hash", 1),
    ]
    assert owed_by(made, {}, known, TODAY).rulesets["o0"] == "strong"


def test_rows_of_a_weaker_ruleset_are_owed_by_table_and_path() -> None:
    made = [Made("paid", "m0", 3), Made("tracks", "m0", 5), Made("tracks", "t0", 7)]

    debt = owed_by(made, {}, KNOWN, TODAY)

    assert debt.owed == [
        Owed("tracks", "**", "EMAIL_ADDRESS", "mask", "hash", "rules", 5),
        Owed("paid", "**", "EMAIL_ADDRESS", "mask", "hash", "rules", 3),
    ]
    assert debt.tables[1] == Table("tracks", {"today": 7, "strong": 0, "weaker": 5, "unknown": 0})


def test_rows_under_today_s_or_stronger_rules_owe_nothing() -> None:
    debt = owed_by([Made("tracks", "t0", 7), Made("tracks", "r0", 1)], {}, KNOWN, TODAY)

    assert debt.owed == []
    assert debt.tables == [Table("tracks", {"today": 7, "strong": 1, "weaker": 0, "unknown": 0})]


def test_manifests_say_of_rows_by_unknown_rules_what_is_weaker_for_certain() -> None:
    there = {handled("x0", "mask"): 4, handled("x0", "redact"): 2, handled("x0", "hash"): 1}

    debt = owed_by([Made("tracks", "x0", 7)], there, KNOWN, TODAY)

    assert debt.owed == [
        Owed("tracks", "properties.contact", "EMAIL_ADDRESS", "mask", "hash", "manifest", 4)
    ]


def test_what_a_manifest_writes_of_lists_and_odd_keys_is_a_field_of_the_rules() -> None:
    there = {handled("x0", "mask", "properties.items[0].*.contact"): 1}

    (owed,) = owed_by([Made("tracks", "x0", 1)], there, KNOWN, TODAY).owed

    assert owed.path == "properties.items[0].*.contact"


@pytest.mark.parametrize(("types", "owed"), [("page", 1), ("track", 0)])
def test_a_rule_for_other_types_does_not_excuse_a_manifest(types: str, owed: int) -> None:
    today = Today("t0", keeping(types))

    debt = owed_by([Made("tracks", "x0", 1)], {handled("x0", "mask"): 1}, KNOWN, today)

    assert len(debt.owed) == owed


def test_an_operator_that_nobody_knows_owes_nothing_by_itself() -> None:
    there = {handled("x0", "of_another_version"): 1}

    assert owed_by([Made("tracks", "x0", 1)], there, KNOWN, TODAY).owed == []
