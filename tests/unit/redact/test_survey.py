from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace

import orjson
import pytest
from redaction import LIMITS, find_literals, record_of, sites_of

from streamproc.decode import decode
from streamproc.errors import EventError
from streamproc.events import Json
from streamproc.redact import Sites, Survey, survey

EMAIL = "jane@example.com"
NAMES = "{name: names, fields: ['**.firstName'], entity: PERSON, operator: hash}"


def surveyed(body: Mapping[str, Json], sites: Sites) -> Survey:
    return survey(decode(record_of(body), LIMITS), sites)


def settle(found: Survey, literals: Mapping[str, str] | None = None) -> None:
    texts = [leaf.text for leaf in found.pending]
    for leaf, findings in zip(found.pending, find_literals(texts, literals or {}), strict=True):
        leaf.settle(findings)


def pending(found: Survey) -> list[object]:
    return [leaf.value for leaf in found.pending]


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_value_is_searched_once() -> None:
    sites = sites_of("")
    first = surveyed({"properties": {"a": {"note": "a note"}, "b": {"note": EMAIL}}}, sites)
    settle(first, {EMAIL: "EMAIL_ADDRESS"})
    again = surveyed({"properties": {"note": EMAIL, "c": {"note": "a note"}}}, sites)

    assert {"a note", EMAIL} <= set(pending(first))
    assert not {"a note", EMAIL} & set(pending(again))
    assert [leaf.site.path for leaf in again.leaves] == ["properties.note"]


def test_what_machines_write_is_neither_searched_nor_remembered() -> None:
    sites = sites_of("")
    body: Mapping[str, Json] = {"properties": {"trace": "0b9f9a3e-9d63-4d7c-9a2e-6f1a4b3c2d1e"}}

    assert "0b9f9a3e-9d63-4d7c-9a2e-6f1a4b3c2d1e" not in pending(surveyed(body, sites))


@pytest.mark.parametrize(
    ("value", "searched"),
    [
        (4_111_111_111_111_111, True),
        (15_551_234_567.0, True),
        (-1_234_567, True),
        (999_999, False),
        (1_234_567.5, False),
        (True, False),
    ],
)
def test_numbers_of_seven_digits_and_more_are_searched(value: Json, searched: bool) -> None:
    found = surveyed({"properties": {"v": value}}, sites_of(""))
    assert (value in [v for v in pending(found) if type(v) is type(value)]) is searched


def test_a_rule_leaves_out_numbers_and_keys() -> None:
    rule = "{name: raw, fields: ['properties.**'], without: [number, key]}"
    found = surveyed({"properties": {"n": 41111111111111, "a key": 1}}, sites_of(rule))

    assert not [value for value in pending(found) if value in {41111111111111, "a key"}]


def test_what_is_in_documents_is_searched_as_fields() -> None:
    inner = orjson.dumps({"note": EMAIL}).decode()
    found = surveyed({"properties": {"a": inner, "b": [in_base64(inner)]}}, sites_of(""))
    paths = [leaf.site.path for leaf in found.pending if leaf.value == EMAIL]

    assert paths == ["properties.a.note", "properties.b.note"]


def test_documents_in_documents_past_the_bound_are_refused() -> None:
    text = f"{EMAIL} and more of it"
    for _ in range(4):
        text = in_base64(text)

    with pytest.raises(EventError, match="documents_too_deep"):
        surveyed({"properties": {"a": text}}, sites_of(""))


def test_texts_that_may_hold_a_name_of_the_event_are_noted_for_it() -> None:
    body: Mapping[str, Json] = {
        "properties": {"firstName": "Zoltan", "note": "for zoltan", "other": "for Imre"}
    }
    sites = sites_of(NAMES)
    found = surveyed(body, sites)
    settle(found)
    again = surveyed(body, sites)

    for each in (found, again):
        assert [name for name, _ in each.names] == ["Zoltan"]
        assert {leaf.value for leaf in each.leaves} >= {"Zoltan", "for zoltan"}
        assert "for Imre" not in {leaf.value for leaf in each.leaves if leaf.answer}


@pytest.mark.parametrize(
    "note",
    [
        *("\u0130ldik\u00f3", "for ZOLTAN", "?n=%5Aoltan", "zo\\ltan \\u005a", "zoltanr@x.org"),
        "?n=%25%35%41oltan",
    ],
)
def test_a_name_is_looked_for_however_its_letters_are_written(note: str) -> None:
    body: Mapping[str, Json] = {"properties": {"firstName": "Zoltan", "note": note}}
    found = surveyed(body, sites_of(NAMES))

    assert bool(found.names) is (note != "\u0130ldik\u00f3")


def test_an_event_whose_names_are_nowhere_else_is_walked_once() -> None:
    body: Mapping[str, Json] = {"properties": {"firstName": "Zoltan", "note": "for Imre"}}

    assert surveyed(body, sites_of(NAMES)).names == ()


def test_a_memo_counts_what_it_did_not_know() -> None:
    sites = sites_of("")
    body: Mapping[str, Json] = {"properties": {"note": "a note"}}
    settle(surveyed(body, sites))
    missed = sites.memo.missed
    surveyed(body, sites)

    assert missed > 0
    assert sites.memo.missed == missed
    assert sites.memo.asked > missed


def test_a_name_with_a_slash_is_looked_for_where_json_escapes_it() -> None:
    value = (
        b'{"type":"track","event":"Tested","userId":"u-1",'
        b'"properties":{"firstName":"Zol\\/tan","note":"for Zol\\/tan"}}'
    )
    record = replace(record_of({}), value=value)
    assert survey(decode(record, LIMITS), sites_of(NAMES)).names


def test_type_and_times_are_not_searched_where_names_are_looked_for() -> None:
    body: Mapping[str, Json] = {"sentAt": "Mon, 06 Jan 2025 10:00:00 GMT", "firstName": "Track"}
    found = surveyed({"properties": body, "sentAt": "2025-01-06T10:00:00.000Z"}, sites_of(NAMES))

    assert found.names
    assert "track" not in pending(found)
