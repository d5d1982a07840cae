from __future__ import annotations

import json
from typing import Any

import pytest
from avro_bodies import avro_schema, record_of

from streamproc.formats import Mode, changes, earlier_versions, incompatibilities
from streamproc.formats.declared import Declared

ITEM = {**record_of(sku="string"), "name": "Item"}
OTHER_ITEM = {**record_of(sku="long"), "name": "Item"}
COLOURS = {"type": "enum", "name": "Colour", "symbols": ["red", "blue"]}
FEWER = {**COLOURS, "symbols": ["red"]}
NODE = {
    **record_of(value="long", next=["null", "Node"]),
    "name": "Node",
}
OTHER_NODE = {**record_of(value="string", next=["null", "Node"]), "name": "Node"}


def with_default(type_: Any, default: Any) -> dict[str, Any]:
    schema = record_of(old="string", new=type_)
    schema["fields"][1]["default"] = default
    return schema


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


@pytest.mark.parametrize(
    ("reader", "writer", "expected"),
    [
        (record_of(a="string"), record_of(a="string"), []),
        (record_of(a="string"), record_of(a="string", b="long"), []),
        (record_of(old="string", new="long"), record_of(old="string"), ["new"]),
        (with_default("long", 0), record_of(old="string"), []),
        (record_of(a="long"), record_of(a="int"), []),
        (record_of(a="int"), record_of(a="long"), ["a"]),
        (record_of(a="bytes"), record_of(a="string"), []),
        (record_of(a=["null", "long"]), record_of(a="int"), []),
        (record_of(a="long"), record_of(a=["null", "long"]), ["a"]),
        (record_of(a=["null", "long"]), record_of(a="string"), ["a"]),
        (record_of(a=COLOURS), record_of(a=FEWER), []),
        (record_of(a=FEWER), record_of(a=COLOURS), ["a"]),
        (record_of(a={**FEWER, "default": "red"}), record_of(a=COLOURS), []),
        (record_of(a=array(ITEM)), record_of(a=array(OTHER_ITEM)), ["a[].sku"]),
        (record_of(a=["null", ITEM]), record_of(a=OTHER_ITEM), ["a.sku"]),
        (
            record_of(a={"type": "map", "values": "long"}),
            record_of(a={"type": "map", "values": "string"}),
            ["a{}"],
        ),
        (
            record_of(a={"type": "fixed", "name": "F", "size": 2}),
            record_of(a={"type": "fixed", "name": "F", "size": 3}),
            ["a"],
        ),
        (NODE, OTHER_NODE, ["value"]),
        ({**record_of(), "name": "Other"}, record_of(), [""]),
        ({**record_of(), "name": "Other", "aliases": ["example.Event"]}, record_of(), []),
    ],
)
def test_fields_that_a_reader_cannot_take_are_told(
    reader: Any, writer: Any, expected: list[str]
) -> None:
    found = incompatibilities(avro_schema(reader), avro_schema(writer), "BACKWARD")
    assert [each.path for each in found] == expected
    assert {each.direction for each in found} <= {"backward"}

    turned = incompatibilities(avro_schema(writer), avro_schema(reader), "FORWARD")
    assert [(each.path, each.message) for each in turned] == [
        (each.path, each.message) for each in found
    ]


def test_full_is_both_ways_and_none_neither() -> None:
    new, earlier = avro_schema(record_of(a="long")), avro_schema(record_of(b="long"))
    full = incompatibilities(new, earlier, "FULL")
    assert [(each.direction, each.path) for each in full] == [("backward", "a"), ("forward", "b")]
    assert incompatibilities(new, earlier, "NONE") == []


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("NONE", ()), ("BACKWARD", [3]), ("FORWARD_TRANSITIVE", [1, 2, 3]), ("FULL", [3])],
)
def test_a_mode_says_which_versions_count(mode: Mode, expected: Any) -> None:
    assert earlier_versions(mode, [1, 2, 3]) == expected
    assert list(earlier_versions(mode, [])) == []


def test_changes_are_told_by_field() -> None:
    before = record_of(kept="string", gone="long", items=array(ITEM))
    after = record_of(kept=["null", "string"], items=array(OTHER_ITEM), card="string")
    after["fields"][0]["default"] = None
    after["fields"][2]["x-pii"] = "CREDIT_CARD"

    found = changes(declared(before), declared(after))

    assert [(each.path, each.how, each.before, each.after) for each in found] == [
        ("card", "added", None, 'string, x-pii "CREDIT_CARD"'),
        ("gone", "removed", "long", None),
        ("items[].sku", "changed", "string", "long"),
        ("kept", "changed", "string", "null | string, default null"),
    ]
    assert changes(declared(after), declared(after)) == []


def test_changes_of_a_json_schema_are_told_by_key() -> None:
    before = Declared("JSON", '{"type":"object","properties":{"a":{"type":"string"}}}')
    after = Declared("JSON", '{"type":"object","properties":{"a":{"type":["string","null"]}}}')
    (found,) = changes(before, after)
    assert found == ("properties.a.type", "changed", '"string"', '["string", "null"]')


def declared(schema: Any) -> Declared:
    return Declared("AVRO", json.dumps(schema))
