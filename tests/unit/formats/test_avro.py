from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from avro_bodies import avro_schema, body_of, record_of

from streamproc.decode import Limits
from streamproc.errors import EventError
from streamproc.formats import AvroSchema
from streamproc.formats.avro import avro_to_json

LIMITS = Limits(event_bytes=10_000, depth=16, text_characters=1_000)
MOMENT = datetime(2026, 11, 23, 8, 15, 0, 250_000, UTC)
NODE = {
    "type": "record",
    "name": "Node",
    "fields": [{"name": "next", "type": ["null", "Node"]}],
}
LONG_LONG = b"\x80\x80\x80\x80\x80\x80\x80\x80\x01"
"""2**55: a count that nothing can be behind."""


def logical(type_: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": type_, "logicalType": name, **more}


def read(schema: AvroSchema, body: bytes, wanted: AvroSchema | None = None) -> Any:
    return orjson.loads(avro_to_json(schema, wanted, LIMITS)(b"\x00frame" + body, 6))


def through(type_: Any, value: Any) -> Any:
    """Return what becomes of ``value`` in a field of this type."""
    schema = avro_schema(record_of(field=type_))
    return read(schema, body_of(schema, {"field": value}))["field"]


def refusal(schema: AvroSchema, body: bytes, wanted: AvroSchema | None = None) -> str:
    with pytest.raises(EventError) as refused:
        read(schema, body, wanted)
    assert refused.value.stage == "decode"
    assert refused.value.__context__ is None, "a third party's text may quote the value"
    return refused.value.code


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        ("boolean", True, True),
        ("int", -7, -7),
        ("long", 2**63 - 1, 2**63 - 1),
        ("float", 0.5, 0.5),
        ("double", 12.34, 12.34),
        ("double", float("nan"), None),
        ("string", "Zoë", "Zoë"),
        ("bytes", b"\xff\x00", "/wA="),
        ({"type": "fixed", "name": "F", "size": 2}, b"\xff\x00", "/wA="),
        ({"type": "enum", "name": "E", "symbols": ["a", "b"]}, "b", "b"),
        ({"type": "array", "items": ["null", "long"]}, [1, None, 3], [1, None, 3]),
        ({"type": "map", "values": ["null", "long"]}, {"a": 1, "b": None}, {"a": 1, "b": None}),
        (["null", "string", "long"], 5, 5),
        (logical("bytes", "decimal", precision=12, scale=2), Decimal("12.34"), 12.34),
        (logical("bytes", "decimal", precision=12, scale=2), Decimal("12.00"), 12),
        (logical("bytes", "decimal", precision=12), Decimal(-3), -3),
        (logical("string", "uuid"), UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (logical("int", "date"), date(2026, 11, 23), "2026-11-23"),
        (logical("int", "time-millis"), time(8, 15, 0, 250_000), "08:15:00.250000"),
        (logical("long", "time-micros"), time(8, 15), "08:15:00"),
        (logical("long", "timestamp-millis"), MOMENT, "2026-11-23T08:15:00.250000Z"),
        (logical("long", "timestamp-micros"), MOMENT, "2026-11-23T08:15:00.250000Z"),
        (
            logical("long", "local-timestamp-millis"),
            MOMENT.replace(tzinfo=None),
            "2026-11-23T08:15:00.250000",
        ),
        (logical("string", "of-nobody-we-know"), "as it is", "as it is"),
    ],
)
def test_a_value_becomes_what_the_event_spec_expects(type_: Any, value: Any, expected: Any) -> None:
    assert through(type_, value) == expected


def test_a_field_that_is_null_is_left_out_at_any_depth() -> None:
    inner = {**record_of(kept="long", gone=["null", "long"]), "name": "Inner"}
    other = {**record_of(other=["null", "string"]), "name": "Other"}
    schema = avro_schema(
        record_of(
            gone=["null", "string"],
            one=inner,
            several={"type": "array", "items": [inner["namespace"] + ".Inner", other]},
            by_key={"type": "map", "values": ["null", "example.Inner"]},
        )
    )
    value = {"kept": 1, "gone": None}
    event = {
        "gone": None,
        "one": value,
        "several": [value, {"other": None}],
        "by_key": {"a": value, "b": None},
    }

    found = read(schema, body_of(schema, event))

    kept = {"kept": 1}
    assert found == {"one": kept, "several": [kept, {}], "by_key": {"a": kept, "b": None}}


def test_a_record_within_itself_is_read_as_deep_as_the_limits_allow() -> None:
    schema = avro_schema(NODE)
    deepest = LIMITS.depth
    found = read(schema, b"\x02" * (deepest - 1) + b"\x00")

    for _ in range(deepest - 1):
        found = found["next"]
    assert found == {}
    assert refusal(schema, b"\x02" * deepest + b"\x00") == "too_deep"


def test_a_hundred_thousand_levels_do_not_reach_what_they_would_crash() -> None:
    schema = avro_schema(NODE)
    limits = LIMITS._replace(depth=1_000_000, event_bytes=1_000_000)
    with pytest.raises(EventError) as refused:
        avro_to_json(schema, None, limits)(b"\x02" * 100_000 + b"\x00", 0)
    assert refused.value.code == "too_deep"


EMPTY = {**record_of(), "name": "Empty"}


@pytest.mark.parametrize(
    "items",
    ["null", EMPTY, {"type": "fixed", "name": "Nothing", "size": 0}],
    ids=["nulls", "empty records", "nothing"],
)
def test_items_that_take_no_bytes_are_bounded(items: Any) -> None:
    schema = avro_schema(record_of(list={"type": "array", "items": items}))

    assert len(read(schema, b"\xd0\x0f\x00")["list"]) == 1_000
    assert refusal(schema, b"\xd2\x0f\x00") == "too_many_items"
    assert refusal(schema, LONG_LONG + b"\x00") == "too_many_items"


def test_lists_of_lists_share_the_bound_of_empty_items() -> None:
    lists = {"type": "array", "items": {"type": "array", "items": "null"}}
    schema = avro_schema(record_of(list=lists))
    thousand = b"\xd0\x0f\x00"
    assert refusal(schema, b"\x04" + thousand * 2 + b"\x00") == "too_many_items"


@pytest.mark.parametrize(
    ("type_", "body"),
    [
        ("string", b""),
        ("string", b"\x06ab"),
        ("string", b"\x01"),
        ("string", LONG_LONG),
        ("string", b"\x04\xc3\x28"),
        ("bytes", b"\x03a"),
        ("long", b"\x80" * 11),
        ("long", b"\xff" * 9 + b"\x7f"),
        ("long", b"\x02\x02"),
        ("double", b"\x00" * 7),
        (["null", "long"], b"\x04"),
        (["null", "long"], b"\x01"),
        ({"type": "enum", "name": "E", "symbols": ["a"]}, b"\x02"),
        ({"type": "enum", "name": "E", "symbols": ["a"]}, b"\x01"),
        ({"type": "array", "items": {"type": "fixed", "name": "F", "size": 4}}, LONG_LONG),
        ({"type": "array", "items": "long"}, LONG_LONG),
        ({"type": "map", "values": "null"}, LONG_LONG),
        ({"type": "map", "values": "null"}, b"\x02\x01a\x00"),
        (logical("string", "uuid"), b"\x04ab"),
        (logical("long", "timestamp-millis"), b"\xff" * 9 + b"\x01"),
    ],
)
def test_bytes_that_are_not_what_the_schema_says_are_refused(type_: Any, body: bytes) -> None:
    assert refusal(avro_schema(record_of(field=type_)), body) == "not_avro"


def test_a_decimal_that_64_bits_cannot_hold_is_refused() -> None:
    schema = avro_schema(record_of(field=logical("bytes", "decimal", precision=60)))
    body = body_of(schema, {"field": Decimal(10**40)})
    assert refusal(schema, body) == "number_too_large"


def test_blocks_that_say_their_size_are_read() -> None:
    schema = avro_schema(record_of(list={"type": "array", "items": "long"}))
    assert read(schema, b"\x03\x04\x02\x04\x02\x06\x00") == {"list": [1, 2, 3]}


def test_what_another_version_wrote_is_read_as_it_is_wanted() -> None:
    written = avro_schema(record_of(user="string", count="int", dropped="string"))
    wanted = record_of(userId="string", count="double", plan="string", note=["null", "string"])
    wanted["fields"][0]["aliases"] = ["user"]
    wanted["fields"][2]["default"] = "free"
    wanted["fields"][3]["default"] = None
    body = body_of(written, {"user": "u-1", "count": 2, "dropped": "x"})

    found = read(written, body, avro_schema(wanted))

    assert found == {"userId": "u-1", "count": 2.0, "plan": "free"}


def test_what_cannot_be_read_as_it_is_wanted_is_told_apart() -> None:
    written = avro_schema(record_of(count="string"))
    wanted = avro_schema(record_of(count="long"))
    body = body_of(written, {"count": "two"})
    assert refusal(written, body, wanted) == "schema_mismatch"


def test_types_of_referenced_schemas_are_known() -> None:
    city = {**record_of(name="string"), "name": "City"}
    address = {**record_of(city="example.City"), "name": "Address"}
    schema = avro_schema(record_of(home="Address", born_in="example.City"), city, address)
    event = {"home": {"city": {"name": "Oslo"}}, "born_in": {"name": "Bergen"}}

    assert read(schema, body_of(schema, event)) == event


def test_a_union_of_records_is_an_event_of_any_of_them() -> None:
    one = {**record_of(first="string"), "name": "One"}
    other = {**record_of(second=["null", "long"]), "name": "Other"}
    schema = avro_schema(["example.One", "example.Other"], one, other)

    assert read(schema, b"\x00\x02a") == {"first": "a"}
    assert read(schema, b"\x02\x02\x06") == {"second": 3}
    assert read(schema, b"\x02\x00") == {}
