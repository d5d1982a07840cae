from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from redaction import RING, record_of
from rich.console import Console

from streamproc.assemble import Assembly
from streamproc.effects.explanation import Explained, Explainer, Explanation
from streamproc.effects.explanation_report import explanation_json, render_explanation
from streamproc.errors import EventError
from streamproc.events import Micros, Origin, Record
from streamproc.identity import View
from streamproc.redact import Tokens
from streamproc.rules import Ruleset, narrowing, parse_ruleset
from streamproc.settings import Settings, TrackingPlanSettings, WorkerSettings

EMAIL = "jane.roe@example.com"
RULES = """
version: 1
name: own
entities: [EMAIL_ADDRESS, IP_ADDRESS, CREDIT_CARD, DATE_TIME]
operators: {default: replace, EMAIL_ADDRESS: hash, CREDIT_CARD: {mask: {keep_last: 4}}}
rules:
  - {name: pages, fields: ["**"], types: [page], entities: [EMAIL_ADDRESS], operator: replace}
  - name: germans
    fields: ["**"]
    when: {all: [{identified: true}, {path: context.country, in: [DE, AT]}]}
    entities: [EMAIL_ADDRESS]
    operator: redact
  - {name: ours, fields: ["**.by"], entities: [IP_ADDRESS], texts: [192.0.2.1], operator: keep}
  - {name: surely, fields: ["**.by"], entities: [IP_ADDRESS], minimum_score: 1, operator: drop}
  - {name: authors, fields: ["**.by"], entities: [EMAIL_ADDRESS], operator: encrypt}
  - {name: others, fields: ["**.by"], entities: [EMAIL_ADDRESS, IP_ADDRESS], operator: redact}
  - {name: logs, fields: ["**.log"], without: [json]}
  - {name: notes, fields: ["**.note"], entity: NOTE, operator: redact}
  - {name: remarks, fields: ["**.note"], entity: NOTE, operator: drop}
  - {name: born, fields: ["**.born"], entity: BIRTH, operator: {date_shift: {days: 9}}}
  - {name: robots, fields: [context.bot], entity: AGENT, operator: drop_event}
"""
Explain = Callable[[Mapping[str, Any]], Explanation]


@pytest.fixture(name="ruleset", scope="module")
def _ruleset() -> Ruleset:
    return parse_ruleset(RULES, "rules.yaml")


@pytest.fixture(name="explain", scope="module")
def _explain(assembly: Assembly, ruleset: Ruleset) -> Explain:
    parts = assembly.parts(ruleset)
    explainer = Explainer(parts, Tokens(RING))
    return lambda body: explainer.explain(record_of(body))


def field(explanation: Explanation, path: str, *, key: bool = False) -> Explained:
    (found,) = (each for each in explanation.fields if (each.path, each.key) == (path, key))
    return found


def lost(explained: Explained) -> dict[str, str]:
    losses = explained.pieces[0].lost if explained.pieces else explained.lost
    return {loss.rule: loss.because for loss in losses}


def test_a_finding_is_told_with_who_found_it_and_what_becomes_of_it(explain: Explain) -> None:
    found = field(explain({"properties": {"text": f"Mail {EMAIL}, ok"}}), "properties.text")

    assert found.shape == "Aaaa aaaa.aaa@aaaaaaa.aaa, aa"
    assert found.result == "Aaaa tok_…, aa"
    (piece,) = found.pieces
    assert piece[:8] == (
        "aaaa.aaa@aaaaaaa.aaa",
        "EMAIL_ADDRESS",
        1.0,
        "EmailRecognizer",
        "text",
        "operators.EMAIL_ADDRESS",
        "hash",
        "tok_…",
    )


def test_the_rules_that_lose_say_why(explain: Explain) -> None:
    explanation = explain({"properties": {"by": EMAIL}})

    assert field(explanation, "properties.by").pieces[0].rule == "authors"
    assert lost(field(explanation, "properties.by")) == {
        "pages": "only types page",
        "germans": "not when context.country in AT, DE",
        "ours": "for other entities",
        "surely": "for other entities",
        "others": "later in order",
    }
    assert explanation.elsewhere == {
        "pages": "only types page",
        "germans": "not when context.country in AT, DE",
    }


def test_a_rule_that_is_narrowed_away_says_by_what(explain: Explain) -> None:
    found = field(explain({"properties": {"by": "192.0.2.9"}}), "properties.by")

    assert found.pieces[0].rule == "others"
    assert lost(found)["ours"] == "narrowed away by texts"
    assert lost(found)["surely"] == "narrowed away by minimum_score"


def test_a_whole_field_is_decided_by_the_first_rule(explain: Explain) -> None:
    explanation = explain({"properties": {"note": {"a": EMAIL, "b": 1}}})

    found = field(explanation, "properties.note")
    assert (found.shape, found.how, found.result) == ("{2 keys}", "as a whole", "null")
    assert lost(found)["remarks"] == "later in order"
    assert lost(found)["pages"] == "only types page"
    assert not [each for each in explanation.fields if each.path.startswith("properties.note.")]


def test_where_nothing_is_found_the_rules_that_speak_of_it_are_told(explain: Explain) -> None:
    found = field(explain({"properties": {"by": "nobody"}}), "properties.by")

    assert (found.pieces, found.result, found.how) == ((), None, "searched") or found.pieces == []
    assert lost(found)["authors"] == "nothing found for it"


@pytest.mark.parametrize(
    ("value", "how"),
    [
        ("2024-03-05T10:00:00Z", "not searched: written by a machine"),
        (12, "not searched: no text, and no long number"),
        (True, "not searched: no text, and no long number"),
        (4111111111111111, "searched"),
        ("words", "searched"),
        ('{"a": "b"}', "searched, and opened"),
    ],
)
def test_it_says_what_was_searched(explain: Explain, value: object, how: str) -> None:
    assert field(explain({"properties": {"x": value}}), "properties.x").how == how


def test_a_document_is_explained_inside(explain: Explain) -> None:
    body = {"properties": {"x": '{"by": "jane.roe@example.com"}', "log": '{"by": "n"}'}}
    explanation = explain(body)

    assert field(explanation, "properties.x.by").pieces[0].rule == "authors"
    assert field(explanation, "properties.log").without == ["json"]
    assert not [each for each in explanation.fields if each.path == "properties.log.by"]


def test_a_key_that_is_no_word_is_explained(explain: Explain) -> None:
    explanation = explain({"properties": {EMAIL: "x"}})

    assert field(explanation, "properties.*", key=True).result == "tok_…"
    assert field(explanation, "properties.*").result is None


def test_keys_in_what_is_decided_as_a_whole_are_explained(explain: Explain) -> None:
    explanation = explain({"properties": {"note": [{EMAIL: "x"}]}})

    found = field(explanation, "properties.note[0].*", key=True)
    assert [piece.rule for piece in found.pieces] == ["operators.EMAIL_ADDRESS"]
    assert [piece.rule for piece in field(explanation, "properties.note").pieces] == ["notes"]


def test_list_items_have_their_index(explain: Explain) -> None:
    explanation = explain({"properties": {"items": [{"a": "b"}, {"a": EMAIL}]}})

    assert field(explanation, "properties.items[1].a").result == "tok_…"


def test_ids_that_have_to_stay_apart(explain: Explain) -> None:
    found = field(explain({"messageId": EMAIL, "userId": f"u {EMAIL} 192.0.2.1"}), "userId")

    assert found.pieces[0].rule == "identifiers"
    assert set(lost(found).values()) == {
        "only types page",
        "not when context.country in AT, DE",
    }


@pytest.mark.parametrize(
    ("written", "result"),
    [("2001-02-03", "0000-00-00"), ("long ago", "<BIRTH>")],
)
def test_a_date_that_is_shifted_keeps_its_shape(
    explain: Explain, written: str, result: str
) -> None:
    assert field(explain({"traits": {"born": written}}), "traits.born").result == result


def test_of_a_card_the_last_digits_are_told_by_their_shape(explain: Explain) -> None:
    found = field(explain({"properties": {"x": "4111111111111111"}}), "properties.x")

    assert found.result == "************0000"


def test_an_event_that_is_dropped(explain: Explain) -> None:
    explanation = explain({"context": {"bot": "x"}})

    assert (explanation.outcome, explanation.by) == ("dropped", "robots")


@pytest.mark.parametrize(
    ("body", "by"),
    [
        ({"type": "purchase"}, "unknown_type at type"),
        ({"properties": 1}, "wrong_type at properties"),
    ],
)
def test_what_is_no_event(explain: Explain, body: Mapping[str, Any], by: str) -> None:
    explanation = explain(body)

    assert explanation[1:4] == ("", "dead letter", by)
    assert explanation.fields == ()


def test_an_event_on_which_an_expression_does_not_end(
    assembly: Assembly, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finder(_written: str) -> Callable[[str], bool]:
        def stall(_text: str) -> bool:
            raise EventError("redact", "expression_too_slow")

        return stall

    monkeypatch.setattr(narrowing, "finder", finder)
    ours = RULES.replace("texts: [192.0.2.1]", "matching: '^192'")
    explainer = Explainer(assembly.parts(parse_ruleset(ours, "rules.yaml")), Tokens(RING))

    explanation = explainer.explain(record_of({"properties": {"by": "192.0.2.1"}}))

    assert explanation[1:4] == ("track", "dead letter", "expression_too_slow")


@pytest.mark.parametrize(
    ("written", "outcome"), [("mark", "row"), ("drop", "dropped"), ("dead_letter", "dead letter")]
)
def test_what_the_tracking_plan_says(
    tmp_path: Path, pytestconfig: pytest.Config, ruleset: Ruleset, written: str, outcome: str
) -> None:
    (tmp_path / "plan.yaml").write_text(
        f"{{version: 1, name: own, violations: {{unplanned_event: {written}}}}}", encoding="utf-8"
    )
    (tmp_path / "track").mkdir()
    schema = {"title": "Signed Up", "type": "object"}
    (tmp_path / "track" / "signed_up.json").write_text(json.dumps(schema), encoding="utf-8")
    assert pytestconfig.cache
    settings = Settings(
        worker=WorkerSettings(directory=pytestconfig.cache.mkdir("patterns")),
        tracking_plan=TrackingPlanSettings(directory=tmp_path),
    )
    parts = Assembly(settings, RING, View()).parts(ruleset)

    explanation = Explainer(parts, Tokens(RING)).explain(record_of({}))

    assert explanation.outcome == outcome
    assert [action for _, action in explanation.violations] == [written]
    assert explanation.fields


@pytest.mark.parametrize("width", [80, 160])
def test_it_is_told_to_people_and_scripts(explain: Explain, width: int) -> None:
    explanation = explain({"properties": {"by": f"{EMAIL} {EMAIL}", "log": "[n]"}})
    console = Console(file=StringIO(), width=width)
    render_explanation(explanation, console)
    told = console.file.getvalue()  # type: ignore[attr-defined] # it is the StringIO above
    made = explanation_json(explanation)

    assert "track: row" in told
    assert "9 of 11 rules in force" in told
    assert "[n]" not in told.replace("[a]", "")
    assert "left out of the search: json" in told
    assert max(map(len, told.splitlines())) <= width
    assert made["rules"][0] == {"rule": "pages", "in_force": False, "because": "only types page"}
    fields = {each["path"]: each for each in made["fields"]}
    assert fields["properties.by"]["pieces"][0]["lost"][0]["rule"] == "pages"


def test_a_record_without_a_value_is_explained(assembly: Assembly, ruleset: Ruleset) -> None:
    parts = assembly.parts(ruleset)
    explainer = Explainer(parts, Tokens(RING))

    explanation = explainer.explain(Record(Origin("raw", 0, 0), None, None, Micros(0)))

    assert (explanation.outcome, explanation.by) == ("dead letter", "empty")
