"""Avro of any schema: read as fastavro reads it, and whatever the bytes, an event or a code."""

from __future__ import annotations

import base64
import io
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import avro.schema
import orjson
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro_bodies import avro_schema, body_of, record_of
from fastavro import schemaless_reader
from fastavro.utils import generate_many
from hypothesis import assume, given
from hypothesis import strategies as st

from streamproc.decode import CODES, Limits, decode
from streamproc.errors import EventError
from streamproc.events import Event, Micros, Origin, Record
from streamproc.formats import Declared, Formats, incompatibilities
from streamproc.formats.avro import avro_to_json
from streamproc.formats.folder import SchemaFolder

LIMITS = Limits(event_bytes=100_000, depth=16, text_characters=1_000)
names = st.sampled_from("abcdef")
primitives = st.sampled_from(
    ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
)
NODE = {"type": "record", "name": "Node", "fields": [{"name": "n", "type": ["null", "Node"]}]}
EVENT = record_of(
    type="string",
    userId=["null", "string"],
    sentAt=["null", {"type": "long", "logicalType": "timestamp-millis"}],
    properties={"type": "map", "values": ["null", "long", "double", "string", NODE]},
    context={"type": "array", "items": "null"},
)


def records(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(names, inner, max_size=4).map(
        lambda fields: {
            "type": "record",
            "fields": [{"name": name, "type": type_} for name, type_ in fields.items()],
        }
    )


def complex_types(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    branches = st.lists(primitives, min_size=1, max_size=4, unique=True)
    lists = inner.map(lambda items: {"type": "array", "items": items})
    maps = inner.map(lambda values: {"type": "map", "values": values})
    others = lists | maps | records(inner)
    return others | st.builds(lambda plain, other: [*plain, other], branches, others)


types = st.recursive(
    primitives
    | st.lists(names, min_size=1, unique=True).map(lambda of: {"type": "enum", "symbols": of})
    | st.integers(0, 3).map(lambda size: {"type": "fixed", "size": size}),
    complex_types,
    max_leaves=8,
)
"""Any type; named ones without a name yet."""


def named(schema: Any, numbers: Iterator[int]) -> Any:
    """Return ``schema`` with a name for each type that needs one."""
    if isinstance(schema, list):
        return [named(each, numbers) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = dict(schema)
    if schema["type"] in {"record", "enum", "fixed"}:
        made.setdefault("name", f"T{next(numbers)}")
    for key in ("items", "values"):
        if key in made:
            made[key] = named(made[key], numbers)
    if "fields" in made:
        made["fields"] = [
            {**field, "type": named(field["type"], numbers)} for field in made["fields"]
        ]
    return made


schemas = st.dictionaries(names, types, max_size=4).map(
    lambda fields: named(record_of(**fields), itertools.count())
)


def without_nulls(schema: Any, value: Any) -> Any:
    """Return what is expected of ``value`` in JSON, by the schema as it is written."""
    if isinstance(schema, list):
        fitting = [each for each in schema if kind_fits(each, value)]
        return without_nulls(fitting[0], value)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "record":
        shown = ((each["name"], each["type"]) for each in schema["fields"])
        return {
            name: without_nulls(type_, value[name])
            for name, type_ in shown
            if value[name] is not None
        }
    if kind == "array":
        return [without_nulls(schema["items"], each) for each in value]
    if kind == "map":
        return {key: without_nulls(schema["values"], each) for key, each in value.items()}
    return value


def kind_fits(schema: Any, value: Any) -> bool:
    kind = schema["type"] if isinstance(schema, dict) else schema
    of = {"array": list, "map": dict, "record": dict}.get(kind)
    return type(value) is of if of else not isinstance(value, dict | list)


def outcome(run: Callable[[], Any]) -> Any:
    """Return what ``run`` does, or the code that it refuses with."""
    try:
        return run()
    except EventError as error:
        return error.code


def plain(value: Any) -> Any:
    return json.loads(orjson.dumps(value, default=_text))


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


@given(schemas, st.integers(1, 4))
def test_what_was_written_is_read_as_fastavro_reads_it(written: Any, number: int) -> None:
    schema = avro_schema(written)
    *_, value = generate_many(schema.schema, number)
    body = body_of(schema, value)

    found = outcome(lambda: avro_to_json(schema, None, LIMITS)(b"frame" + body, 5))
    assume(found != "too_many_items")  # lists of lists of ten nulls

    value = schemaless_reader(io.BytesIO(body), schema.schema, None)
    assert json.loads(found) == plain(without_nulls(written, value))


@given(schemas, st.binary(max_size=60))
def test_any_bytes_are_json_or_a_code(written: Any, body: bytes) -> None:
    found = outcome(lambda: avro_to_json(avro_schema(written), None, LIMITS)(body, 0))
    assert found in CODES or isinstance(json.loads(found), dict)


@given(st.binary(max_size=80), st.sampled_from([1, 2, 3, 4]))
def test_any_framed_bytes_are_an_event_or_a_code(body: bytes, number: int) -> None:
    formats = Formats(SchemaFolder(), LIMITS, registry=True)
    formats.learn((1).to_bytes(4, "big"), Declared("AVRO", json.dumps(EVENT)), 0.0)
    formats.learn((2).to_bytes(4, "big"), Declared("JSON", "{}"), 0.0)
    formats.learn((3).to_bytes(4, "big"), Declared("AVRO", json.dumps(NODE)), 0.0)
    value = b"\x00" + number.to_bytes(4, "big") + body
    record = Record(Origin("t", 0, 1), None, value, Micros(0))
    found = outcome(lambda: decode(record, LIMITS, formats.to_json))
    assert isinstance(found, Event) or found in CODES


@given(schemas, schemas, st.data())
def test_a_verdict_of_compatibility_is_that_of_avros_own_checker(
    reader: Any, writer: Any, data: st.DataObject
) -> None:
    if writer["fields"] and data.draw(st.booleans()):  # two of any are too far apart to say much
        some = data.draw(st.lists(st.sampled_from(writer["fields"]), unique_by=id))
        reader = {**writer, "fields": some}

    ours = incompatibilities(avro_schema(reader), avro_schema(writer), "BACKWARD")

    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call] # theirs
    theirs = checker.get_compatibility(
        avro.schema.parse(json.dumps(reader)), avro.schema.parse(json.dumps(writer))
    )
    assert (ours == []) == (theirs.compatibility is SchemaCompatibilityType.compatible)
