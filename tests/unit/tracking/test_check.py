from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from redaction import LIMITS, record_of

from streamproc.decode import decode
from streamproc.demo import Mix, generate
from streamproc.errors import EventError
from streamproc.events import Dropped, Event, Micros, Origin, Record, Violation
from streamproc.shipped import shipped
from streamproc.tracking import TrackingPlan, check, load_tracking_plan
from streamproc.tracking.violations import MOST_VIOLATIONS

ORDER = {
    "title": "Order Completed",
    "type": "object",
    "required": ["total"],
    "properties": {
        "total": {"type": "number", "minimum": 0},
        "products": {
            "type": "array",
            "items": {"properties": {"sku": {"type": "string"}}, "additionalProperties": False},
        },
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "gift": {
            "oneOf": [
                {"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}},
                {"type": "null"},
            ]
        },
        "either": {"anyOf": [{"type": "string", "maxLength": 2}, {"type": "string", "const": "x"}]},
        "secret": False,
        "at": {"format": "date-time"},
        "code": {"pattern": "^(a+)+$"},
    },
    "dependentRequired": {"note": ["code"]},
    "additionalProperties": False,
}
ORDERED = {"total": 3}


def plan_of(folder: Path, violations: str = "", **schemas: object) -> TrackingPlan:
    """Return a plan of ``schemas``, by file, the folder and the name joined by ``__``."""
    (folder / "plan.yaml").write_text(f"version: 1\nname: test\nviolations: {{{violations}}}\n")
    for name, schema in schemas.items():
        file = folder / f"{name.replace('__', '/')}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(schema))
    return load_tracking_plan(folder)


@pytest.fixture
def plan(tmp_path: Path) -> TrackingPlan:
    return plan_of(tmp_path, track__order=ORDER)


def event_of(**body: Any) -> Event:
    return decode(record_of({"event": "Order Completed", **body}), LIMITS)


def violations(plan: TrackingPlan, **properties: Any) -> list[tuple[str, str]]:
    passed = check(event_of(properties={**ORDERED, **properties}), plan)
    assert isinstance(passed, Event)
    return [(path, code) for path, code in passed.violations]


def test_a_planned_event_passes_as_it_is(plan: TrackingPlan) -> None:
    event = event_of(properties=ORDERED)
    assert check(event, plan) is event


def test_the_demos_events_are_as_the_shipped_plan_has_them() -> None:
    shipped_plan = load_tracking_plan(shipped("schemas/events"))
    for number, made in enumerate(generate(600, 4, Mix(malformed=0))):
        record = Record(Origin("raw", 0, number), made.key, made.value, Micros(0))
        event = decode(record, LIMITS)
        assert check(event, shipped_plan) is event


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"total": "3"}, [("properties.total", "wrong_type")]),
        ({"total": None}, [("properties.total", "wrong_type")]),
        ({"total": -1}, [("properties.total", "other")]),
        ({"products": [{"sku": "a"}, {"sku": 4}]}, [("properties.products[1].sku", "wrong_type")]),
        ({"products": [{"+1": 4}]}, [("properties.products[0].*", "additional_property")]),
        ({"jane@example.com": 4}, [("properties.*", "additional_property")]),
        ({"extra": 4}, [("properties.extra", "additional_property")]),
        ({"secret": 4}, [("properties.secret", "additional_property")]),
        ({"note": 4, "code": "a"}, [("properties.note", "wrong_type")]),
        ({"note": None, "code": "a"}, []),
        ({"note": "x"}, [("properties.code", "required_missing")]),
        ({"gift": {}}, [("properties.gift.to", "required_missing")]),
        ({"gift": {"to": 4}}, [("properties.gift.to", "wrong_type")]),
        ({"gift": 4}, [("properties.gift", "wrong_type")]),
        ({"either": "abc"}, [("properties.either", "other")]),
        ({"at": "yesterday"}, [("properties.at", "other")]),
        ({"code": "a" * 5_000 + "b"}, [("properties.code", "other")]),
    ],
)  # fmt: skip
def test_what_is_wrong_has_a_place_and_a_code(
    plan: TrackingPlan, properties: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert violations(plan, **properties) == expected


@pytest.mark.parametrize("properties", [None, {}])
def test_an_event_without_properties_lacks_the_required_ones(
    plan: TrackingPlan, properties: Any
) -> None:
    passed = check(event_of(properties=properties), plan)
    assert isinstance(passed, Event)
    assert passed.violations == (Violation("properties.total", "required_missing"),)


def test_an_event_that_nobody_planned_is_told_by_the_field_of_its_name(plan: TrackingPlan) -> None:
    passed = check(event_of(event="Order Canceled"), plan)
    assert isinstance(passed, Event)
    assert passed.violations == (Violation("event", "unplanned_event"),)


def test_types_that_the_plan_does_not_speak_of_pass(plan: TrackingPlan) -> None:
    for kind in ("identify", "page", "screen", "group", "alias"):
        event = event_of(type=kind, groupId="g", previousId="p")
        assert check(event, plan) is event


def test_a_page_has_the_schema_of_its_name_or_of_all_pages(tmp_path: Path) -> None:
    lacks = {"required": ["path"]}
    plan = plan_of(tmp_path, page__home={"title": "Home"}, page=lacks)
    home, other, nameless = (
        check(event_of(type="page", name=name), plan) for name in ("Home", "Cart", None)
    )
    assert isinstance(home, Event)
    assert not home.violations
    for each in (other, nameless):
        assert isinstance(each, Event)
        assert each.violations == (Violation("properties.path", "required_missing"),)


def test_traits_are_what_is_checked_of_people_and_groups(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, identify={"required": ["email"]}, group={"required": ["name"]})
    for kind, path in (("identify", "traits.email"), ("group", "traits.name")):
        passed = check(event_of(type=kind, groupId="g", traits={"plan": "team"}), plan)
        assert isinstance(passed, Event)
        assert passed.violations == (Violation(path, "required_missing"),)


def test_a_violation_makes_a_dead_letter_where_the_plan_says_so(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "wrong_type: dead_letter, other: drop", track__order=ORDER)
    with pytest.raises(EventError) as refused:
        check(event_of(properties={"total": "3", "at": "never", "extra": 1}), plan)
    error = refused.value
    assert (error.stage, error.code, error.path) == ("plan", "wrong_type", "properties.total")


def test_a_violation_drops_the_event_where_the_plan_says_so(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "other: drop, unplanned_event: drop", track__order=ORDER)
    origin = Origin("raw", 0, 0)
    wrong = event_of(properties={"total": -1, "extra": 1})
    assert check(wrong, plan) == Dropped(origin, "plan:other")
    assert check(event_of(event="Else"), plan) == Dropped(origin, "plan:unplanned_event")


def test_what_is_allowed_is_not_marked(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "additional_property: allow", track__order=ORDER)
    assert violations(plan, extra=1, total="3") == [("properties.total", "wrong_type")]


def test_violations_of_one_event_are_bounded(plan: TrackingPlan) -> None:
    assert len(violations(plan, **{f"extra_{n}": n for n in range(1_000)})) == MOST_VIOLATIONS
