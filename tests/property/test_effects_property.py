"""What is said about rules against what they do, for events of any shape; and never a value."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from io import StringIO
from typing import Any, cast

import orjson
from any_events import SECRETS, body, documents, ids, shown
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from redaction import LIMITS, RING, RULESET, find_literals, record_of
from rich.console import Console

from streamproc.decode import decode
from streamproc.detect import Detector, Text, key_words
from streamproc.effects.difference import Comparison, Difference
from streamproc.effects.difference_report import difference_json, render_difference
from streamproc.effects.examine import Examiner
from streamproc.effects.explanation import Explainer
from streamproc.effects.explanation_report import explanation_json, render_explanation
from streamproc.effects.protection import Kind
from streamproc.events import Dropped, Finding, Json, Record, Redacted
from streamproc.identity import View
from streamproc.pipeline import Parts, Pipeline
from streamproc.redact import Memo, Redactor, ScopedSites, Survey, Tokens
from streamproc.redact.decisions import decisions_of
from streamproc.rules import parse_ruleset

RULES = (
    "",
    "{name: a, fields: ['**.email'], entity: EMAIL_ADDRESS, operator: hash}",
    "{name: b, fields: ['**.note'], entities: [PERSON], operator: drop}",
    "{name: c, fields: ['**.firstName'], entity: PERSON, operator: mask}",
    "{name: d, fields: ['properties.**'], entity: PERSON, operator: replace}",
    "{name: e, fields: ['**'], entities: [PERSON, EMAIL_ADDRESS], operator: keep}",
    "{name: f, fields: ['**.note'], entities: [CREDIT_CARD], operator: {mask: {last: 2}}}",
    "{name: g, fields: ['**.note'], without: [json, base64, form]}",
    "{name: h, fields: ['**.email'], entity: NOTE, operator: redact}",
    "{name: i, fields: ['**.note'], entity: NOTE, operator: drop_event}",
    "{name: j, fields: ['**'], without: [key]}",
)
rules = st.sampled_from(RULES)
several_rules = st.lists(st.sampled_from(RULES[1:]), unique=True, max_size=4).map(", ".join)
bodies = st.one_of(body, documents).flatmap(
    lambda properties: ids.map(lambda of_event: {**of_event, "properties": properties})
)
wanted = st.sets(st.sampled_from(sorted(SECRETS)), min_size=1)


class Literals:
    """A detector that knows beforehand what is personal."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known

    def detect(self, texts: Sequence[Text]) -> list[tuple[Finding, ...]]:
        return list(find_literals(texts, self._known))


parsed = cache(parse_ruleset)


def made(rule: str, known: Mapping[str, str] = SECRETS) -> Parts:
    ruleset = parsed(RULESET % rule, "test.yaml")
    return Parts(
        limits=LIMITS,
        sites=ScopedSites(ruleset, key_words, lambda *question: question, Memo(1_000)),
        detector=cast("Detector", Literals(known)),
        redactor=Redactor(Tokens(RING), "f00d"),
        view=View(),
        seal=None,
        ruleset="f00d",
    )


def compared(before: Parts, after: Parts, record: Record) -> Difference:
    comparison = Comparison(before, after, Tokens(RING))
    comparison.take([record])
    return comparison.difference


def printed(render: Any, *given_to: Any) -> str:
    console = Console(file=StringIO(), width=80)
    render(*given_to, console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined] # it is the StringIO above
    return text


@settings(deadline=None)
@given(body, rules)
def test_what_is_decided_is_what_the_manifest_says(properties: dict[str, Json], rule: str) -> None:
    parts = made(rule)
    ruleset = parts.sites.ruleset
    record = record_of({"properties": properties})
    (found,) = Examiner(parts).examine([decode(record, LIMITS)])
    assert isinstance(found, Survey)
    decided = [
        (decision.action.entity, decision.action.rule, decision.action.operator.name)
        for _, decisions in decisions_of(found)
        for decision in decisions
    ]

    redacted = parts.redactor.redact(found)

    if isinstance(redacted, Dropped):
        assert redacted.rule in {rule for _, rule, operator in decided if operator == "drop_event"}
    else:
        entries = Counter((each.entity, each.rule, each.operator) for each in redacted.manifest)
        # A whole field in which nothing changes has no entry, and what is in a text has no other.
        assert not entries - Counter(decided)
        if not ruleset.rules or ruleset.rules[0].entity is None:
            assert entries == Counter(decided)


def outcome(parts: Parts, record: Record) -> Redacted | None:
    return Pipeline(parts).run([record]).redacted[0]


@settings(deadline=None)
@given(bodies, rules, rules, wanted, wanted)
def test_what_is_shown_and_was_not_is_named(
    content: dict[str, Json], rule: str, other: str, known: set[str], new: set[str]
) -> None:
    before = made(rule, {name: SECRETS[name] for name in known})
    after = made(other, {name: SECRETS[name] for name in new})
    record = record_of(content)
    was, becomes = outcome(before, record), outcome(after, record)
    assume(becomes is not None)
    assert becomes is not None
    hidden = shown(was.body) if was is not None else ""

    difference = compared(before, after, record)

    leaked = [each for each in SECRETS if each in shown(becomes.body) and each not in hidden]
    if leaked:
        assert difference.less


@settings(deadline=None)
@given(bodies, rules)
def test_a_ruleset_differs_in_nothing_from_itself(content: dict[str, Json], rule: str) -> None:
    difference = compared(made(rule), made(rule), record_of(content))

    assert (difference.changes, difference.turns, difference.less) == ({}, {}, False)


@settings(deadline=None)
@given(body, rules, rules)
def test_a_difference_seen_from_the_other_side_is_the_opposite(
    properties: dict[str, Json], rule: str, other: str
) -> None:
    record = record_of({"properties": properties})
    there = compared(made(rule), made(other), record)
    back = compared(made(other), made(rule), record)

    assert len(there.turns) == len(back.turns)
    # Not the other way round: two masks that show other ends of a value expose something each.
    assert paths(there, "strengthened", "protected") <= paths(back, "exposed", "weakened")
    assert paths(back, "strengthened", "protected") <= paths(there, "exposed", "weakened")
    assert paths(there, "changed") == paths(back, "changed")


def paths(difference: Difference, *kinds: Kind) -> set[str]:
    return {change.path for change in difference.changes if change.kind in kinds}


@settings(deadline=None)
@given(bodies, rules, rules)
def test_no_value_is_in_what_is_told(content: dict[str, Json], rule: str, other: str) -> None:
    record = record_of(content)
    difference = compared(made(rule), made(other), record)
    parts = made(rule)
    explanation = Explainer(parts, Tokens(RING)).explain(record)

    told = [
        json.dumps(difference_json(difference)),
        printed(render_difference, difference),
        repr(difference),
        json.dumps(explanation_json(explanation)),
        printed(render_explanation, explanation),
        repr(explanation),
    ]

    assert not [each for each in SECRETS if any(each in text for text in told)]


@settings(deadline=None)
@given(bodies, several_rules)
def test_all_that_the_manifest_has_is_explained(content: dict[str, Json], several: str) -> None:
    parts = made(several)
    record = record_of(content)
    explanation = Explainer(parts, Tokens(RING)).explain(record)
    redacted = outcome(parts, record)

    explained = Counter(
        (field.path, piece.entity, piece.rule, piece.operator)
        for field in explanation.fields
        for piece in field.pieces
    )
    if redacted is None:
        assert explanation.outcome != "row"
    else:
        assert explanation.outcome == "row"
        entries = Counter((e.path, e.entity, e.rule, e.operator) for e in redacted.manifest)
        assert not entries - explained


@settings(deadline=None)
@given(bodies, rules)
def test_what_is_explained_to_stay_stays(content: dict[str, Json], rule: str) -> None:
    parts = made(rule)
    record = record_of(content)
    explanation = Explainer(parts, Tokens(RING)).explain(record)
    redacted = outcome(parts, record)
    raw = orjson.loads(cast("bytes", record.value))

    if explanation.outcome != "row":
        assert redacted is None
    elif not any(field.pieces for field in explanation.fields):
        assert redacted is not None
        assert redacted.body == raw
