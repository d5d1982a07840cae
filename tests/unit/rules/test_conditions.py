from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from streamproc.rules.conditions import Condition, compiled, compiled_together

BODY: dict[str, Any] = {
    "userId": "u-1",
    "context": {
        "country": "DE",
        "consentManagement": {
            "allowedConsentIds": {"support": "Support", "ads": "Ads"},
            "deniedConsentIds": ["marketing", 7],
        },
        "consent": {"categoryPreferences": {"ads": False, "analytics": True, "maps": "yes"}},
    },
    "properties": {
        "total": 100,
        "share": 0.5,
        "paid": True,
        "note": None,
        "zip": "02134",
        "age": " 93.5 ",
        "price": "1,000",
        "plan": "pro-2024",
        "items": [{"sku": "a"}, {"sku": "b", "tags": ["x", "y"]}],
    },
}


def holds(written: dict[str, Any], body: dict[str, Any] = BODY) -> bool:
    condition = Condition.model_validate(written)
    others = Condition.model_validate({"path": "context.country", "equals": "??"})
    alone = compiled(condition)(body)
    assert compiled_together([(1, others), (4, condition)])(body) == 4 * alone
    return alone


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ({"path": "context.country", "equals": "DE"}, True),
        ({"path": "context.country", "equals": "de"}, False),
        ({"path": "context.Country", "equals": "DE"}, True),  # keys as in field paths
        ({"path": "context.nowhere", "equals": "DE"}, False),
        ({"path": "context.country", "in": ["FR", "DE"]}, True),
        ({"path": "context.country", "in": ["FR"]}, False),
        ({"path": "properties.total", "equals": 100.0}, True),
        ({"path": "properties.total", "equals": "100"}, False),
        ({"path": "properties.paid", "equals": True}, True),
        ({"path": "properties.paid", "equals": 1}, False),
        ({"path": "properties.paid", "above": 0}, False),
        ({"path": "properties.items[*].sku", "equals": "b"}, True),
        ({"path": "properties.items.tags", "equals": "y"}, True),
        ({"path": "**.sku", "equals": "a"}, True),
        ({"path": {"key": "^s.u$"}, "equals": "b"}, True),
        ({"path": {"key": "^country$"}, "equals": "FR"}, False),
        ({"path": {"key": "consent_?given"}, "exists": True}, False),
        ({"path": "properties.*.sku", "equals": "c"}, False),
        ({"path": "properties.plan", "matches": "^pro"}, True),
        ({"path": "properties.plan", "matches": "^PRO"}, False),
        ({"path": "properties.total", "matches": "^100$"}, True),
        ({"path": "properties.share", "matches": "^0.5$"}, True),
        ({"path": "properties.paid", "matches": "rue"}, False),
        ({"path": "properties.zip", "matches": "^02134$"}, True),
        ({"path": "properties.zip", "equals": 2134}, False),
        ({"path": "properties.zip", "below": 3000}, True),
        ({"path": "properties.age", "above": 89}, True),
        ({"path": "properties.age", "at_most": 93.5}, True),
        ({"path": "properties.age", "below": 93.5}, False),
        ({"path": "properties.plan", "above": 0}, False),
        ({"path": "properties.price", "above": 0}, False),
        ({"path": "properties.plan", "exists": True}, True),
        ({"path": "properties.note", "exists": True}, False),
        ({"path": "properties.note", "exists": False}, True),
        ({"path": "nowhere.at.all", "exists": False}, True),
        ({"path": "properties.total", "above": 99}, True),
        ({"path": "properties.total", "above": 100}, False),
        ({"path": "properties.total", "at_least": 100}, True),
        ({"path": "properties.total", "at_most": 99}, False),
        ({"path": "properties.share", "below": 1}, True),
        ({"path": "properties.plan", "below": 1}, False),
        ({"consent_denied": ["marketing"]}, True),
        ({"consent_denied": ["ads", "other"]}, True),
        ({"consent_denied": ["analytics"]}, False),
        ({"consent_denied": [" Marketing"]}, True),
        ({"consent_denied": ["7"]}, True),
        ({"consent_denied": ["maps"]}, True),  # what is neither true nor false is no agreement
        ({"consent_given": ["analytics"]}, True),
        ({"consent_given": ["Support", "marketing"]}, True),
        ({"consent_given": ["ads"]}, False),  # given there and denied here
        ({"consent_given": ["maps", "other"]}, False),
        ({"identified": True}, True),
        ({"identified": False}, False),
        ({"all": [{"identified": True}, {"path": "context.country", "equals": "DE"}]}, True),
        ({"all": [{"identified": True}, {"path": "context.country", "equals": "FR"}]}, False),
        ({"any": [{"identified": False}, {"path": "context.country", "equals": "DE"}]}, True),
        ({"not": {"path": "context.country", "in": ["DE"]}}, False),
        ({"not": {"path": "context.nowhere", "in": ["DE"]}}, True),
    ],
)
def test_what_a_condition_says_of_an_event(test: dict[str, Any], expected: bool) -> None:
    assert holds(test) is expected


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"context": None},
        {"context": "DE"},
        {"context": {"consent": [], "consentManagement": {"deniedConsentIds": True}}},
        {"context": {"consent": {"categoryPreferences": [False]}}},
    ],
)
def test_consent_that_is_not_there_is_neither_denied_nor_given(body: dict[str, Any]) -> None:
    assert not holds({"consent_denied": ["marketing", "ads"]}, body)
    assert not holds({"consent_given": ["marketing", "ads"]}, body)
    assert holds({"not": {"consent_given": ["marketing", "ads"]}}, body)


@pytest.mark.parametrize("ids", ["marketing", ["Marketing"], {"marketing": "Marketing"}])
def test_ids_that_are_no_list_count_as_well(ids: Any) -> None:
    denied = {"context": {"consentManagement": {"deniedConsentIds": ids}}}
    allowed = {"context": {"consentManagement": {"allowedConsentIds": ids}}}

    assert holds({"consent_denied": ["marketing"]}, denied)
    assert not holds({"consent_denied": ["marketing"]}, allowed)
    assert holds({"consent_given": ["marketing"]}, allowed)


def test_many_steps_of_any_depth_end_in_an_event_that_is_nested_deeply() -> None:
    body: dict[str, Any] = {"y": 1}
    for _ in range(60):
        body = {"a": body}
    many = "**.a." * 12  # 10**12 ways to share the depth out among them

    assert holds({"path": f"{many}y", "equals": 1}, body)
    assert not holds({"path": f"{many}x", "exists": True}, body)


def test_an_expression_looks_at_a_bounded_part_of_a_text() -> None:
    condition = {"path": "note", "matches": "end$"}

    assert holds(condition, {"note": "." * 4_000 + "end"})
    assert not holds(condition, {"note": "." * 5_000 + "end"})


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"path": "a"},
        {"equals": 1},
        {"path": "a", "equals": 1, "in": [2]},
        {"path": "a", "identified": True},
        {"path": "a..b", "equals": 1},
        {"path": "a", "in": []},
        {"path": "a", "above": "1"},
        {"path": "a", "matches": "(a+)+$"},
        {"path": "a", "matches": "["},
        {"all": []},
        {"any": [{}]},
        {"not": {"path": "a"}},
        {"consent_denied": []},
        {"consent_given": []},
        {"like": "a"},
    ],
)
def test_what_is_no_condition_is_refused(written: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Condition.model_validate(written)
