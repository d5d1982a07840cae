"""Events of any shape: nothing found is left, nothing else is changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from any_events import SECRETS, body, documents, ids, shown
from hypothesis import given
from hypothesis import strategies as st
from redaction import LIMITS, RING, find_literals, record_of, redacted, sites_of

from streamproc.decode import decode
from streamproc.events import Dropped, Json, Redacted
from streamproc.redact import Redactor, Sites, Tokens, survey

rules = st.sampled_from(
    [
        "",
        "{name: a, fields: ['**.email'], entity: EMAIL_ADDRESS, operator: hash}",
        "{name: b, fields: ['**.note'], entities: [PERSON], operator: drop}",
        "{name: c, fields: ['**.firstName'], entity: PERSON, operator: mask}",
        "{name: d, fields: ['properties.**'], entity: PERSON, operator: replace}",
    ]
)


@given(body, rules)
def test_nothing_found_is_left_anywhere(properties: dict[str, Json], rule: str) -> None:
    result = redacted({"properties": properties}, SECRETS, rule)
    everything = shown(result.body) + repr(result.manifest)
    assert not [value for value in SECRETS if value in everything]


@given(body, rules)
def test_doing_it_twice_changes_nothing(properties: dict[str, Json], rule: str) -> None:
    once = redacted({"properties": properties}, SECRETS, rule).body
    again: Mapping[str, Any] = orjson.loads(orjson.dumps(once))
    assert redacted(again, SECRETS, rule).body == once


@given(body)
def test_what_holds_nothing_stays_as_it_is_in_its_order(properties: dict[str, Json]) -> None:
    result = redacted({"properties": properties}, {})
    assert shown(result.body["properties"]) == shown(properties)
    assert result.manifest == ()


@given(body)
def test_every_finding_is_in_the_manifest(properties: dict[str, Json]) -> None:
    result = redacted({"properties": properties}, SECRETS)
    planted = sum(shown(properties).count(value) for value in SECRETS)
    assert len(result.manifest) == planted


@given(documents, ids, rules)
def test_documents_redacted_twice_change_nothing(
    properties: dict[str, Json], of_event: dict[str, Json], rule: str
) -> None:
    once = redacted({"properties": properties, **of_event}, SECRETS, rule)
    again: Mapping[str, Any] = orjson.loads(orjson.dumps(once.body))
    assert redacted(again, SECRETS, rule).body == once.body
    assert once.body.get("messageId", once.message_id) == once.message_id


@given(st.lists(documents, min_size=1, max_size=4), rules)
def test_what_is_remembered_of_documents_changes_no_result(
    bodies: list[dict[str, Json]], rule: str
) -> None:
    sites = sites_of(rule)
    warm = [redact_with(sites, properties) for properties in (*bodies, *bodies)][len(bodies) :]
    assert warm == [redact_with(sites_of(rule), properties) for properties in bodies]


def redact_with(sites: Sites, properties: dict[str, Json]) -> Redacted | Dropped:
    found = survey(decode(record_of({"properties": properties}), LIMITS), sites)
    texts = [leaf.text for leaf in found.pending]
    for leaf, findings in zip(found.pending, find_literals(texts, SECRETS), strict=True):
        leaf.settle(findings)
    return Redactor(Tokens(RING), "f00d").redact(found)


@given(st.lists(body, min_size=1, max_size=4), rules)
def test_what_is_remembered_changes_no_result(bodies: list[dict[str, Json]], rule: str) -> None:
    sites = sites_of(rule)
    warm = [redact_with(sites, properties) for properties in (*bodies, *bodies)][len(bodies) :]
    assert warm == [redact_with(sites_of(rule), properties) for properties in bodies]
