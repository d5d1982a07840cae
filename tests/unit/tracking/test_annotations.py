import json
from pathlib import Path
from typing import Any

import pytest

from streamproc.errors import ConfigError
from streamproc.events import Event, EventType, Micros, Origin, RawBody, Times
from streamproc.rules import Drop, Hash, Plan, Redact, Rule, Ruleset, Scope, parse_ruleset
from streamproc.tracking import (
    TrackingPlan,
    load_annotated_events,
    load_tracking_plan,
    with_annotated,
)

RULES = """
version: 1
name: own
entities: [EMAIL_ADDRESS, CREDIT_CARD]
operators: {default: redact, EMAIL_ADDRESS: hash, CREDIT_CARD: keep}
rules:
  - {name: own, fields: ["properties.contact"], entity: CONTACT, operator: drop}
"""


def plan(folder: Path, **schemas: Any) -> TrackingPlan:
    """Return the plan of ``schemas``, by file; ``__`` stands for a slash, ``_avsc`` for Avro."""
    (folder / "plan.yaml").write_text("version: 1\nname: store\n")
    for name, schema in schemas.items():
        stem = name.removesuffix("_avsc").replace("__", "/")
        file = folder / f"{stem}.{'avsc' if name.endswith('_avsc') else 'json'}"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(schema, indent=1))
    return load_tracking_plan(folder)


def ordered(properties: Any, **more: Any) -> dict[str, Any]:
    return {"title": "Order [1] Completed", "type": "object", "properties": properties, **more}


def rules(found: TrackingPlan) -> tuple[Rule, ...]:
    return with_annotated(parse_ruleset(RULES, "r"), found.annotated).rules[1:]


def decided(ruleset: Ruleset, path: str) -> tuple[str, str] | None:
    whole = Plan(ruleset, lambda _: ()).policy(path.split(".")).whole
    return whole and (whole.entity, whole.operator.name)


def test_an_annotated_property_is_decided_as_a_whole_by_the_rulesets_operator(
    tmp_path: Path,
) -> None:
    found = plan(tmp_path, track__ordered=ordered({"mail": {"x-pii": "EMAIL_ADDRESS"}}))
    (rule,) = rules(found)
    assert (rule.entity, rule.operator) == ("EMAIL_ADDRESS", Hash())
    assert decided(with_annotated(parse_ruleset(RULES, "r"), found.annotated), "properties.mail")


@pytest.mark.parametrize(
    ("said", "operator"),
    [
        ({"entity": "EMAIL_ADDRESS", "operator": "drop"}, Drop()),
        ("CREDIT_CARD", Redact()),  # keep is for findings
        ("LOYALTY_NUMBER", Redact()),
    ],
)
def test_an_annotation_may_name_its_operator(tmp_path: Path, said: Any, operator: object) -> None:
    (rule,) = rules(plan(tmp_path, track__ordered=ordered({"x": {"x-pii": said}})))
    assert rule.operator == operator


def test_rules_of_the_ruleset_have_precedence(tmp_path: Path) -> None:
    found = plan(tmp_path, track__ordered=ordered({"contact": {"x-pii": "EMAIL_ADDRESS"}}))
    ruleset = with_annotated(parse_ruleset(RULES, "r"), found.annotated)
    assert decided(ruleset, "properties.contact") == ("CONTACT", "drop")


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("track", "Order [1] Completed", True),
        ("track", "Order 1 Completed", False),
        ("track", "Other", False),
        ("page", "Order [1] Completed", False),
    ],
)
def test_annotations_are_for_the_events_of_their_schema(
    tmp_path: Path, kind: EventType, name: str, expected: bool
) -> None:
    found = plan(tmp_path, track__ordered=ordered({"mail": {"x-pii": "EMAIL_ADDRESS"}}))
    body = RawBody({"event": name, "name": name, "userId": "u"})
    times = Times(None, None, Micros(0), Micros(0))
    event = Event(Origin("raw", 0, 0), None, kind, "m", times, body, b"")
    assert bool(Scope(rules(found)).active(event)) is expected


def test_annotations_are_found_wherever_a_schema_says_something_of_a_value(tmp_path: Path) -> None:
    mark = {"x-pii": "EMAIL_ADDRESS"}
    schema = ordered(
        {
            "list": {"type": "array", "items": mark},
            "object": {"properties": {"inner_mail": mark}, "additionalProperties": mark},
            "either": {"anyOf": [{"type": "null"}, mark]},
            "referred": {"$ref": "#/$defs/person"},
            "pattern": {"patternProperties": {"^m": mark}},
            "rest": {"type": "array", "unevaluatedItems": mark},
            "anchored": {"$ref": "#friend"},
            "dynamic": {"$dynamicRef": "#friend"},
            "x-pii": {"type": "string"},  # a field may have that name
        },
        dependencies={"list": {"properties": {"dependent": mark}}, "either": ["object"]},
        **{
            "$defs": {
                "person": {"properties": {"mail": mark, "boss": {"$ref": "#/$defs/person"}}},
                "friend": {"$anchor": "friend", "properties": {"post": mark}},
            }
        },
    )
    found = {field.steps for field in plan(tmp_path, track__ordered=schema).annotated}
    assert found == {
        ("list",),
        ("object", "innermail"),
        ("object", "*"),
        ("either",),
        ("referred", "mail"),
        ("referred", "boss", "**", "mail"),
        ("pattern", "*"),
        ("rest",),
        ("anchored", "post"),
        ("dynamic", "post"),
        ("dependent",),
    }


MARK = {"x-pii": "EMAIL_ADDRESS"}


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"$defs": {"person": MARK}}, "$defs.person.x-pii"),
        ({"propertyNames": MARK}, "propertyNames.x-pii"),
        ({"not": {"properties": {"a": MARK}}}, "not.properties.a.x-pii"),
        ({"propertis": {"a": MARK}}, "propertis.a.x-pii"),
    ],
)
def test_an_annotation_that_would_protect_nothing_is_refused(
    tmp_path: Path, more: Any, path: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, track__ordered=ordered({"a": {"enum": [MARK]}}, **more))
    (told,) = caught.value.problems
    assert told.path == path
    assert "says nothing of any field" in told.message
    assert told.line is not None


def test_an_avro_annotation_that_would_protect_nothing_is_refused(tmp_path: Path) -> None:
    field = {"name": "a", "type": {"type": "array", "itms": "string"}, "alias": MARK}
    schema = {"type": "record", "name": "O", "title": "O", "fields": [field]}
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, track__ordered_avsc=schema)
    assert [each.path for each in caught.value.problems if "nothing" in each.message] == [
        "fields[0].alias.x-pii"
    ]


def test_traits_of_identify_are_decided_in_both_places_sdks_put_them(tmp_path: Path) -> None:
    found = plan(tmp_path, identify={"properties": {"mail": {"x-pii": "EMAIL_ADDRESS"}}})
    ruleset = with_annotated(parse_ruleset(RULES, "r"), found.annotated)
    for path in ("traits.mail", "context.traits.mail"):
        assert decided(ruleset, path) == ("EMAIL_ADDRESS", "hash")


def test_an_avro_schema_is_read_for_its_annotations(tmp_path: Path) -> None:
    person = {
        "type": "record",
        "name": "Person",
        "fields": [
            {"name": "mail", "type": ["null", "string"], "x-pii": "EMAIL_ADDRESS"},
            {"name": "boss", "type": ["null", "Person"]},
        ],
    }
    schema = {
        "type": "record",
        "name": "Ordered",
        "title": "Ordered",
        "fields": [
            {"name": "buyer", "type": person},
            {"name": "others", "type": {"type": "array", "items": "Person"}},
            {"name": "notes", "type": {"type": "map", "values": "Person"}},
        ],
    }
    found = plan(tmp_path, track__ordered_avsc=schema, page={"type": "object"})
    assert found.types == {"page"}  # events are not held against an Avro schema
    assert {field.steps for field in found.annotated} == {
        ("buyer", "mail"),
        ("buyer", "boss", "mail"),
        ("buyer", "boss", "boss", "**", "mail"),
        ("others", "mail"),
        ("others", "boss", "**", "mail"),
        ("notes", "*", "mail"),
        ("notes", "*", "boss", "**", "mail"),
    }
    assert {rule.events for rule in rules(found)} == {("Ordered",)}


@pytest.mark.parametrize(
    ("said", "path", "message"),
    [
        ("email", "properties.x.x-pii.entity", "expected capitals"),
        ({"entity": "E", "operator": "hsh"}, "properties.x.x-pii.operator", "operator"),
        ({"entity": "E", "operator": "keep"}, "properties.x.x-pii", "keep needs entities"),
        ({"entitty": "E"}, "properties.x.x-pii.entitty", "did you mean entity?"),
        (7, "properties.x.x-pii", "expected keys with values"),
    ],
)
def test_a_wrong_annotation_is_told_with_its_line(
    tmp_path: Path, said: Any, path: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, track__ordered=ordered({"x": {"x-pii": said}}))
    told = next(problem for problem in caught.value.problems if problem.path == path)
    assert message in told.message
    assert told.line is not None
    assert told.line >= 5


def test_an_annotation_changes_the_fingerprint_of_the_plan(tmp_path: Path) -> None:
    before = plan(tmp_path, track__ordered=ordered({"mail": {}}))
    after = plan(tmp_path, track__ordered=ordered({"mail": {"x-pii": "EMAIL_ADDRESS"}}))
    assert before.fingerprint != after.fingerprint


def test_schemas_of_whole_events_are_read_from_their_root_for_all_events(tmp_path: Path) -> None:
    card = {"name": "card", "type": "string", "x-pii": "CREDIT_CARD"}
    properties = {"type": "record", "name": "P", "fields": [card]}
    schema = {
        "type": "record",
        "name": "Event",
        "fields": [{"name": "properties", "type": properties}],
    }
    file = tmp_path / "event.avsc"
    file.write_text(json.dumps(schema))

    ruleset = with_annotated(parse_ruleset(RULES, "r"), load_annotated_events([file]))

    (rule,) = ruleset.rules[-1:]
    assert (rule.types, rule.events, rule.entity) == (None, None, "CREDIT_CARD")
    assert decided(ruleset, "properties.card") == ("CREDIT_CARD", "redact")


def test_an_annotation_of_a_whole_event_that_is_none_is_told(tmp_path: Path) -> None:
    file = tmp_path / "event.avsc"
    field = {"name": "card", "type": "string", "x-pii": {"entity": "not an entity"}}
    file.write_text(json.dumps({"type": "record", "name": "Event", "fields": [field]}))
    with pytest.raises(ConfigError) as caught:
        load_annotated_events([file])
    (told,) = caught.value.problems
    assert (told.source, told.path) == (str(file), "fields[0].x-pii.entity")
