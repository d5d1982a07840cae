"""Events of any shape: nothing found is left, nothing else is changed."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
from hypothesis import given
from hypothesis import strategies as st
from redaction import LIMITS, RING, find_literals, record_of, redacted, sites_of

from streamproc.decode import decode
from streamproc.events import Dropped, Json, Redacted
from streamproc.redact import Redactor, Sites, Tokens, survey

SECRETS = {"qq Qqqq": "PERSON", "qq@qqq.qq": "EMAIL_ADDRESS", "4444123412341234": "CREDIT_CARD"}

plain = st.text(st.characters(codec="utf-8", exclude_characters="q4"), max_size=8)
secret = st.sampled_from(sorted(SECRETS))
text = st.one_of(plain, secret, st.tuples(plain, secret, plain, secret).map("".join))
scalar = st.none() | st.booleans() | st.integers(-99, 99) | text
key = st.one_of(st.sampled_from(["email", "firstName", "note"]), text)
body = st.dictionaries(
    key,
    st.recursive(
        scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(key, inner, max_size=3)
    ),
    max_size=4,
)
document = st.one_of(
    body.map(json.dumps),
    body.map(lambda content: b64encode(json.dumps(content).encode()).decode()),
    st.tuples(text, text).map(lambda pair: urlencode({"a": pair[0], "note": pair[1]})),
    text.map(lambda content: b64encode(f"and {content}".encode()).decode()),
)
documents = st.dictionaries(
    st.one_of(st.sampled_from(["email", "firstName", "note"]), document),
    st.one_of(document, text, st.lists(document, max_size=2)),
    max_size=3,
)
ids = st.fixed_dictionaries({}, optional={"messageId": document, "anonymousId": document})
rules = st.sampled_from(
    [
        "",
        "{name: a, fields: ['**.email'], entity: EMAIL_ADDRESS, operator: hash}",
        "{name: b, fields: ['**.note'], entities: [PERSON], operator: drop}",
        "{name: c, fields: ['**.firstName'], entity: PERSON, operator: mask}",
        "{name: d, fields: ['properties.**'], entity: PERSON, operator: replace}",
    ]
)


def shown(value: object) -> str:
    return orjson.dumps(value).decode()


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
