from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from io import StringIO
from typing import Any

import pytest
from redaction import RING, record_of
from rich.console import Console

from streamproc.assemble import Assembly
from streamproc.effects import difference as module
from streamproc.effects.difference import Comparison, Difference, Turn
from streamproc.effects.difference_report import difference_json, render_difference
from streamproc.errors import EventError
from streamproc.redact import Tokens
from streamproc.rules import narrowing, parse_ruleset, regexes

HEAD = """
version: 1
name: own
entities: [EMAIL_ADDRESS, IP_ADDRESS, CREDIT_CARD]
operators: {default: replace, EMAIL_ADDRESS: hash}
"""
EMAIL = "jane.roe@example.com"
Compare = Callable[..., Difference]


@pytest.fixture(name="compare")
def _compare(assembly: Assembly) -> Compare:
    def compare(before: str, after: str, *bodies: Mapping[str, Any]) -> Difference:
        rulesets = (parse_ruleset(f"{HEAD}rules: [{rules}]", "own") for rules in (before, after))
        one, other = map(assembly.parts, rulesets)
        comparison = Comparison(one, other, Tokens(RING))
        comparison.take([record_of(body, offset=place) for place, body in enumerate(bodies)])
        return comparison.difference

    return compare


def said(difference: Difference) -> list[tuple[str, str, str, str, int, int]]:
    return [
        (change.kind, change.path, change.rule, change.new_rule, count.values, count.events)
        for change, count in difference.worst_first()
    ]


KEEP = "{name: kept, fields: ['**.ours'], entities: [EMAIL_ADDRESS], operator: keep}"
WHOLE = "{name: notes, fields: ['**.note'], entity: NOTE, operator: redact}"


def test_a_value_that_would_be_kept_is_newly_exposed(compare: Compare) -> None:
    body = {"properties": {"ours": [f"{EMAIL} and {EMAIL}", EMAIL], "other": EMAIL}}

    difference = compare("", KEEP, body, body, {"properties": {"ours": "nothing"}})

    of_entity = "operators.EMAIL_ADDRESS"
    assert said(difference) == [("exposed", "properties.ours", of_entity, "kept", 6, 2)]
    assert (difference.less, difference.events) == (True, 3)


def test_the_same_seen_from_the_other_side_is_newly_protected(compare: Compare) -> None:
    difference = compare(KEEP, "", {"properties": {"ours": EMAIL}})

    assert [change[0] for change in said(difference)] == ["protected"]
    assert not difference.less


def test_a_rule_with_another_name_is_no_difference(compare: Compare) -> None:
    renamed = WHOLE.replace("notes", "remarks")

    assert said(compare(WHOLE, renamed, {"properties": {"note": "x y"}})) == []


def test_what_was_decided_as_a_whole_object_is_exposed_value_by_value(compare: Compare) -> None:
    body = {"properties": {"note": {"by": EMAIL, "at": [{"hour": 12}], "empty": "", EMAIL: 1}}}

    difference = compare(WHOLE, "", body)

    assert said(difference) == [
        ("exposed", "properties.note.*", "notes", "", 1, 1),
        ("exposed", "properties.note.at.hour", "notes", "", 1, 1),
        ("weakened", "properties.note.*", "notes", "operators.EMAIL_ADDRESS", 1, 1),
        ("weakened", "properties.note.by", "notes", "operators.EMAIL_ADDRESS", 1, 1),
    ]


def test_masks_are_told_with_what_they_leave(compare: Compare) -> None:
    card = "{name: cards, fields: ['**.card'], entity: CARD, operator: {mask: {keep_last: %d}}}"
    difference = compare(card % 4, card % 6, {"properties": {"card": "4111111111111111"}})

    (change,) = difference.changes
    assert change.kind == "exposed"
    assert change.operator == "mask {keep_last: 4}"
    assert change.new_operator == "mask {keep_last: 6}"


def test_a_key_that_drops_its_field_hides_what_is_in_it(compare: Compare) -> None:
    drop = "{name: gone, fields: ['properties.*'], entities: [EMAIL_ADDRESS], operator: drop}"

    difference = compare(drop, "", {"properties": {EMAIL: {"a": "x"}}})

    assert said(difference) == [
        ("exposed", "properties.*.a", "gone", "", 1, 1),
        ("weakened", "properties.*", "gone", "operators.EMAIL_ADDRESS", 1, 1),
    ]


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ('{"mail": "jane.roe@example.com", "a": 1}', None),  # found in the text as well
        ("bWFpbCBqYW5lLnJvZUBleGFtcGxlLmNvbSBwbGVhc2U=", "exposed"),
    ],
)
def test_a_document_that_would_not_be_opened(
    compare: Compare, document: str, kind: str | None
) -> None:
    shut = "{name: shut, fields: ['**.log'], without: [json, base64]}"

    difference = compare("", shut, {"properties": {"log": document}})

    assert [change[0] for change in said(difference)] == ([kind] if kind else [])


def test_documents_in_documents_that_would_not_be_opened(compare: Compare) -> None:
    shut = "{name: shut, fields: ['**.log'], without: [json, base64]}"
    inner = b64encode(f"mail {EMAIL} please".encode()).decode()

    difference = compare("", shut, {"properties": {"log": f'{{"a": {{"b": "{inner}"}}}}'}})

    assert said(difference) == [("exposed", "properties.log", "operators.EMAIL_ADDRESS", "", 1, 1)]


def test_documents_that_both_open_are_compared_inside(compare: Compare) -> None:
    body = {"properties": {"log": '{"ours": "jane.roe@example.com"}'}}

    difference = compare("", KEEP, body)

    assert said(difference)[0][:2] == ("exposed", "properties.log.ours")


def test_ids_that_become_tokens_anyway_do_not_change(compare: Compare) -> None:
    mask = "{name: masked, fields: ['**'], entities: [EMAIL_ADDRESS], operator: mask}"
    replace = mask.replace("operator: mask", "operator: replace")

    assert said(compare(mask, replace, {"userId": EMAIL, "messageId": EMAIL})) == []


DROP = "{name: robots, entity: AGENT, fields: [context.bot], operator: drop_event}"


@pytest.mark.parametrize(
    ("before", "after", "turn", "less"),
    [
        (DROP, "", Turn("dropped", "row", "robots"), True),
        ("", DROP, Turn("row", "dropped", "robots"), False),
    ],
)
def test_events_that_are_dropped_or_not_any_more(
    compare: Compare, before: str, after: str, turn: Turn, *, less: bool
) -> None:
    difference = compare(before, after, {"context": {"bot": "yes"}}, {"context": {}})

    assert (dict(difference.turns), difference.less) == ({turn: 1}, less)


def test_a_dead_letter_that_would_become_a_row_is_less_protected(compare: Compare) -> None:
    nested = EMAIL
    for _ in range(5):
        nested = '{{"a": "{}"}}'.format(nested.replace("\\", "\\\\").replace('"', '\\"'))
    shut = "{name: shut, fields: ['**.log'], without: [json]}"

    difference = compare("", shut, {"properties": {"log": nested}})

    assert difference.less
    assert list(difference.turns) == [Turn("dead letter", "row", "documents_too_deep")]


def test_an_event_on_which_an_expression_does_not_end_is_no_row(
    compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regexes, "SEARCH_SECONDS", 0.05)
    when = r"when: {path: properties.price, matches: '(?:\p{Sc}|\p{Sc}{2})+$'}"
    rule = f"{{name: asked, fields: ['**'], entity: NOTE, operator: redact, {when}}}"

    difference = compare("", rule, {"properties": {"price": "€" * 200 + "x"}})

    assert list(difference.turns) == [Turn("row", "dead letter", "expression_too_slow")]


def test_so_is_one_with_a_finding_on_which_it_does_not_end(
    compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finder(_written: str) -> Callable[[str], bool]:
        def stall(_text: str) -> bool:
            raise EventError("redact", "expression_too_slow")

        return stall

    monkeypatch.setattr(narrowing, "finder", finder)
    rule = KEEP.replace("operator", "matching: jane, operator")

    difference = compare("", rule, {"properties": {"ours": EMAIL}})

    assert list(difference.turns) == [Turn("row", "dead letter", "expression_too_slow")]


def test_what_is_no_event_is_counted_by_why(compare: Compare) -> None:
    difference = compare("", KEEP, {"type": "purchase"}, {})

    assert (dict(difference.refused), difference.events) == ({"unknown_type": 1}, 1)


def test_more_paths_than_are_kept_count_together(
    compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_CHANGES", 2)
    everywhere = KEEP.replace("**.ours", "**")

    difference = compare("", everywhere, {"properties": dict.fromkeys("abcde", EMAIL)})

    counts = {change.path: count.values for change, count in difference.changes.items()}
    assert counts == {"properties.a": 1, "properties.b": 1, "(other fields)": 3}
    assert difference.less


def test_the_worst_is_on_top_and_the_most_frequent(compare: Compare) -> None:
    difference = compare(
        f"{WHOLE}, {KEEP}",
        "",
        {"properties": {"note": "a", "ours": EMAIL}},
        {"properties": {"ours": EMAIL}, "context": {"note": "b"}},
        {"properties": {"note": "c"}},
    )

    assert [change[:2] for change in said(difference)] == [
        ("exposed", "properties.note"),
        ("exposed", "context.note"),
        ("protected", "properties.ours"),
    ]


@pytest.mark.parametrize("width", [80, 160])
def test_it_is_told_to_people_and_scripts(compare: Compare, width: int) -> None:
    difference = compare(
        f"{WHOLE}, {DROP}", "", {"properties": {"note": "a"}}, {"context": {"bot": "yes"}}
    )
    console = Console(file=StringIO(), width=width)
    render_difference(difference, console)
    told = console.file.getvalue()  # type: ignore[attr-defined] # it is the StringIO above
    made = difference_json(difference)

    assert "1 event: dropped now, row then (robots)." in told
    assert "redact NOTE by notes" in told
    assert "2 events compared: 1 field would be less protected." in told
    assert max(map(len, told.splitlines())) <= width
    assert made["less_protected"] is True
    assert made["changes"] == [
        {
            "kind": "exposed",
            "path": "properties.note",
            "before": {"entity": "NOTE", "rule": "notes", "operator": "redact"},
            "after": None,
            "values": 1,
            "events": 1,
        }
    ]
    assert made["outcomes"] == [{"before": "dropped", "after": "row", "by": "robots", "events": 1}]


def test_suppressing_less_of_people_who_were_erased_is_less_protected_without_any_event(
    assembly: Assembly,
) -> None:
    drop, anonymise = (
        assembly.parts(parse_ruleset(f"{HEAD}suppressed: {handling}", "own"))
        for handling in ("drop", "anonymise")
    )

    less, more, same = (
        Comparison(one, other, Tokens(RING)).difference
        for one, other in ((drop, anonymise), (anonymise, drop), (drop, drop))
    )

    assert said(less) == [("exposed", module.ERASED, "suppressed", "suppressed", 0, 0)]
    assert (less.less, more.less, same.changes) == (True, False, {})
    text = StringIO()
    render_difference(less, Console(file=text, width=120))
    assert "anonymise events by suppressed" in text.getvalue()
