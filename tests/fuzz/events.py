"""What must hold of raw events, however they are written: each check takes any bytes."""

from __future__ import annotations

import atexit
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from avro_bodies import record_of
from redaction import RING

from streamproc.assemble import make_pipeline
from streamproc.deadletters import view
from streamproc.decode import CODES, Limits, decode
from streamproc.detect.urls import percent_decoded, percent_encoded, url_parts
from streamproc.errors import EventError
from streamproc.events import DeadLetter, Event, Headers, Micros, Origin, Record, Row
from streamproc.formats import Declared, Formats, incompatibilities, parsed
from streamproc.formats.changes import changes
from streamproc.formats.declared import UnusableSchemaError
from streamproc.formats.folder import SchemaFolder
from streamproc.identity import View
from streamproc.pipeline import Pipeline
from streamproc.redact.embedded import Embedded, embedded, encoded
from streamproc.settings import RulesSettings, Settings, WorkerSettings

__all__ = [
    "PLANTED",
    "SCHEMAS",
    "check_decode",
    "check_documents",
    "check_formats",
    "check_redaction",
    "check_schemas",
    "check_urls",
]

LIMITS = Limits(event_bytes=8_192, depth=16, text_characters=512)
VIEW_BYTES = 4_096
EARLIEST, LATEST = -62_135_596_800_000_000, 253_402_300_800_000_000
"""The years 1 to 9999 in microseconds."""

NODE = {"type": "record", "name": "Node", "fields": [{"name": "n", "type": ["null", "Node"]}]}
EVENT = record_of(
    type="string",
    userId=["null", "string"],
    sentAt=["null", {"type": "long", "logicalType": "timestamp-millis"}],
    properties={"type": "map", "values": ["null", "long", "double", "string", "bytes", NODE]},
    context={"type": "array", "items": "null"},
)
TYPES = record_of(
    a={"type": "fixed", "name": "F", "size": 4},
    b={"type": "enum", "name": "E", "symbols": ["x", "y"]},
    c={"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
    d={"type": "int", "logicalType": "date"},
    e={"type": "long", "logicalType": "timestamp-micros"},
    f={"type": "string", "logicalType": "uuid"},
    g={"type": "array", "items": {"type": "map", "values": ["boolean", "float"]}},
    h={"type": "int", "logicalType": "time-millis"},
)
SCHEMAS = (
    Declared("AVRO", json.dumps(EVENT)),
    Declared("AVRO", json.dumps(TYPES)),
    Declared("AVRO", json.dumps(NODE)),
    Declared("JSON", "{}"),
    Declared("PROTOBUF", 'syntax = "proto3";'),
)
"""Schemas 1 to 5 of a registry."""


def record_with(value: bytes, headers: Headers = ()) -> Record:
    return Record(Origin("raw", 0, 7), b"key", value, Micros(1_767_607_200_000_000), headers)


def outcome(run: Callable[[], Any]) -> Any:
    """Return what ``run`` returns; None where it refuses, which must tell nothing."""
    try:
        return run()
    except EventError as error:
        assert error.code in CODES, error
        assert error.stage == "decode"
        assert not error.path or error.path.isalnum(), "a path is a field of the event spec"
        # What a parser raised quotes what it was given; a traceback prints contexts.
        assert error.__context__ is None
        return None


# -- decode ---------------------------------------------------------------------------------------


def check_decode(data: bytes) -> None:
    """JSON: an event that says what the standard library reads, or a code; its view."""
    record = record_with(data)
    event = outcome(lambda: decode(record, LIMITS))
    if event is not None:
        check_event(event, data)
    shown = view(data)
    assert len(shown) <= VIEW_BYTES
    assert b"zq9x" not in shown or b"zq9x" not in data, "the view shows a value"
    orjson.loads(shown)


def check_event(event: Event, value: bytes) -> None:
    assert json.loads(value.decode("utf-8-sig")) == event.body
    assert nested(event.body, LIMITS.depth), "nests too deep"
    for moment in event.times:
        assert moment is None or EARLIEST <= moment < LATEST
    assert event == decode(record_with(value), LIMITS), "twice the same record is not the same"
    assert not any(
        isinstance(each, float) and not math.isfinite(each) for each in leaves(event.body)
    )


def nested(node: Any, most: int) -> bool:
    if not isinstance(node, dict | list):
        return True
    inner = node.values() if isinstance(node, dict) else node
    return most > 0 and all(nested(each, most - 1) for each in inner)


def leaves(node: Any) -> Iterator[Any]:
    if isinstance(node, dict | list):
        for each in node.values() if isinstance(node, dict) else node:
            yield from leaves(each)
    else:
        yield node


# -- formats --------------------------------------------------------------------------------------


def known_formats() -> Formats:
    formats = Formats(SchemaFolder(), LIMITS, registry=True)
    for number, declared in enumerate(SCHEMAS, start=1):
        formats.learn(number.to_bytes(4, "big"), declared, 0.0)
    return formats


KNOWN = known_formats()


def check_formats(data: bytes) -> None:
    """Framed bytes: the first says how the rest is framed; an event, or a code."""
    how, rest = data[:1], data[1:]
    number = (how[0] & 7 if how else 0).to_bytes(4, "big")
    headers: Headers = ()
    if how > b"\xf0":
        value = rest  # whatever it begins with
    elif how > b"\x7f":
        value, headers = rest, (("__value_schema_id", b"\x00" + number),)
    else:
        value = b"\x00" + number + rest
    event = outcome(lambda: decode(record_with(value, headers), LIMITS, KNOWN.to_json))
    if event is not None:
        assert nested(event.body, LIMITS.depth)
        assert json.loads(event.raw) == event.body


def check_schemas(data: bytes) -> None:
    """A stranger's schema, a zero byte, and a body: read, or refused; and held against itself."""
    text, _, body = data.partition(b"\0")
    declared = Declared("AVRO", text.decode(errors="replace"))
    formats = Formats(SchemaFolder(), LIMITS, registry=True)
    formats.learn(b"\0\0\0\1", declared, 0.0)
    outcome(lambda: decode(record_with(b"\0\0\0\0\1" + body), LIMITS, formats.to_json))
    try:
        schema = parsed(declared)
    except UnusableSchemaError:
        return
    assert incompatibilities(schema, schema, "FULL") == []
    assert list(changes(declared, declared)) == []


# -- rewriting ------------------------------------------------------------------------------------


def check_urls(data: bytes) -> None:
    """A text: its parts lie in it in order; what is put in the place of one is encoded."""
    text = data.decode(errors="replace")
    for part in url_parts(text):
        offsets = list(part.offsets)
        assert len(offsets) == len(part.text) + 1
        assert all(one <= other for one, other in pairwise(offsets))
        assert offsets[0] >= 0
        assert offsets[-1] <= len(text)
        if len(part.text) > 2:
            start, end = part.origin(1, len(part.text) - 1)
            written = percent_encoded("<zq9x>", like=text[start:end])
            assert "<" not in written, "what is put in a URL is encoded"
            assert "<zq9x>" in percent_decoded(written)


def check_documents(data: bytes) -> None:
    """A text: documents in it lie apart, and what is written back says what they say."""
    text = data.decode(errors="replace")
    if not text:
        return
    at = 0
    try:
        documents = embedded(text)
    except EventError as error:
        assert (error.stage, error.code) == ("redact", "documents_too_deep")
        assert error.__context__ is None or error.__suppress_context__
        return
    for document in documents:
        assert at <= document.start < document.end <= len(text)
        assert document.written == text[document.start : document.end]
        assert text not in repr(document) or len(text) < 12
        check_written_again(document)
        at = document.end


def check_written_again(document: Embedded) -> None:
    written = encoded(document, document.content)
    json.dumps(document.content, ensure_ascii=False).encode()  # what it says is text
    if document.codec == "json":  # perhaps a text without escapes now, which is no document
        assert same(json.loads(written), document.content)
        return
    if document.codec == "escapes" and (written == document.content or "\\u" in document.content):
        return  # what is an escape needlessly is written as it reads; two may have made a third
    (again,) = embedded(written)
    assert again.codec == document.codec
    assert same(again.content, document.content)


def same(one: Any, other: Any) -> bool:
    """Return whether two documents are alike, NaN like NaN."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


# -- the whole way --------------------------------------------------------------------------------

PLANTED = "jane.roe@example.com"
RULES = """
version: 1
name: fuzz
entities: [EMAIL_ADDRESS]
operators: {default: replace}
rules: []
"""
PLACES = {
    "\x01": f" {PLANTED} ",
    "\x02": quote(f" {PLANTED} ", safe=""),
    "\x03": json.dumps(json.dumps({"note": f" {PLANTED} "})),
    "\x04": f" {''.join(f'{ord(letter):02x}' for letter in f'to {PLANTED} ')} ",
}
"""What stands for the planted address in an input, and how it is written there."""


@cache
def rules_in_force() -> Pipeline:
    """Return a pipeline; its models are loaded once a process."""
    folder = Path(tempfile.mkdtemp(prefix="streamproc-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    rules = folder / "rules.yaml"
    rules.write_text(RULES)
    settings = Settings(
        rules=RulesSettings(directory=rules), worker=WorkerSettings(directory=folder)
    )
    return make_pipeline(settings, RING, View())


def check_redaction(data: bytes) -> None:
    """A text with a planted address: gone from the row, and from that redacted again."""
    text = data.decode(errors="replace")
    for place, written in PLACES.items():
        text = text.replace(place, written)
    found = redacted({"note": text})
    if found is None:
        return
    assert not told(found), "the planted address is in the row"
    assert not told(redacted(found)), "redacted again, a row tells it"


def redacted(properties: Any) -> Any:
    """Return the properties of the row of an event; None where it is a dead letter."""
    body = {"type": "track", "event": "Tried", "userId": "u-1", "properties": properties}
    record = record_with(orjson.dumps(body))
    pipeline = rules_in_force()
    (made,) = pipeline.run([record]).outcomes
    if isinstance(made, DeadLetter):
        assert PLANTED.encode() not in made.view
        return None
    assert isinstance(made, Row)
    (twice,) = pipeline.run([record]).outcomes
    assert isinstance(twice, Row)
    assert made.payload == twice.payload, "twice the same record is not the same row"
    return orjson.loads(made.payload)["properties"]


def told(node: Any) -> bool:
    """Return whether the planted address can be read in what was made of an event."""
    texts = [orjson.dumps(node).decode()]
    for _ in range(3):
        texts.append(percent_decoded(texts[-1]))
    hexadecimal = PLANTED.encode().hex()
    return any(PLANTED in each or hexadecimal in each for each in texts)
