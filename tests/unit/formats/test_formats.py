from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from avro_bodies import avro_schema, body_of, record_of
from fastavro.schema import fingerprint, to_parsing_canonical_form

from streamproc.decode import Limits, decode
from streamproc.errors import EventError
from streamproc.events import Event, Micros, Origin, Record
from streamproc.formats import Declared, Formats, load_schema_folder, schema_ids
from streamproc.formats import formats as module
from streamproc.formats.folder import SchemaFolder

LIMITS = Limits(event_bytes=10_000, depth=16, text_characters=1_000)
BODY = {"type": "track", "event": "Seen", "userId": "u-1", "messageId": "m-1"}
SCHEMA = record_of(type="string", event="string", userId="string", messageId="string")
AVRO = body_of(avro_schema(SCHEMA), BODY)
JSON = json.dumps(BODY).encode()


@pytest.fixture
def formats() -> Formats:
    return Formats(SchemaFolder(), LIMITS, registry=True)


def key(number: int) -> bytes:
    return number.to_bytes(4, "big")


def keys(*numbers: int) -> set[bytes]:
    return set(map(key, numbers))


def confluent(number: int, body: bytes) -> bytes:
    return b"\x00" + key(number) + body


def single_object(schema: Any, body: bytes) -> bytes:
    crc = fingerprint(to_parsing_canonical_form(avro_schema(schema).schema), "CRC-64-AVRO")
    return b"\xc3\x01" + bytes.fromhex(crc) + body


def declared(schema: Any = SCHEMA) -> Declared:
    return Declared("AVRO", json.dumps(schema))


def read(formats: Formats | None, value: bytes) -> Event:
    unframe = None if formats is None else formats.to_json
    return decode(Record(Origin("raw", 0, 0), None, value, Micros(5)), LIMITS, unframe)


def refusal(formats: Formats | None, value: bytes) -> str:
    with pytest.raises(EventError) as refused:
        read(formats, value)
    assert refused.value.stage == "decode"
    return refused.value.code


def test_the_four_formats_of_one_event_are_one_event(formats: Formats, tmp_path: Path) -> None:
    (tmp_path / "event.avsc").write_text(json.dumps(SCHEMA))
    formats = Formats(load_schema_folder(tmp_path), LIMITS, registry=True)
    formats.learn(key(1), declared(), 0.0)
    formats.learn(key(2), Declared("JSON", '{"type":"object"}'), 0.0)

    framed = [confluent(1, AVRO), confluent(2, JSON), single_object(SCHEMA, AVRO)]
    plain = read(formats, JSON)
    for value in framed:
        found = read(formats, value)
        assert found._replace(raw=b"") == plain._replace(raw=b"")
        assert json.loads(found.raw) == BODY


@pytest.mark.parametrize("value", [b"\x00", confluent(1, b""), b"\xc3", b"\xc3\x01" + b"\x00" * 8])
def test_a_frame_around_nothing_is_refused(formats: Formats, value: bytes) -> None:
    assert refusal(formats, value) == "no_frame"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("{}".encode("utf-16"), "utf_16"),
        ("{}".encode("utf-16-be"), "no_frame"),
        (b"\xfe\xff\x00{\x00}", "utf_16"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"\x28\xb5\x2f\xfd\x04", "compressed"),
        (b"\xff\x06\x00\x00sNaPpY", "compressed"),
        (b"Obj\x01\x04", "avro_file"),
        (b"\xc3\xa9", "no_frame"),
        (b"\x02\x04ab", "not_json"),
        (b"\x01" + b"\x80" * 16, "not_utf8"),
        (b"<event/>", "not_json"),
    ],
)
def test_what_is_none_of_the_formats_is_told_by_what_it_looks_like(
    formats: Formats, value: bytes, code: str
) -> None:
    assert refusal(formats, value) == code


def test_a_frame_is_refused_where_nothing_reads_frames() -> None:
    assert refusal(None, confluent(1, AVRO)) == "not_json"


def test_a_frame_is_refused_without_a_registry() -> None:
    formats = Formats(SchemaFolder(), LIMITS, registry=False)
    assert refusal(formats, confluent(1, AVRO)) == "no_registry"


def test_a_schema_that_nobody_knows_is_told(formats: Formats) -> None:
    assert refusal(formats, confluent(1, AVRO)) == "unknown_schema"
    assert refusal(formats, single_object(SCHEMA, AVRO)) == "unknown_schema"


def test_protobuf_is_told(formats: Formats) -> None:
    formats.learn(key(1), Declared("PROTOBUF", 'syntax = "proto3";'), 0.0)
    assert refusal(formats, confluent(1, b"\x00\x0a\x01a")) == "protobuf"


@pytest.mark.parametrize(
    "text",
    [
        '"string"',
        "{",
        '{"type":"array","items":"long"}',
        '{"type":"record","name":"E","fields":[{"name":"a","type":"Unknown"}]}',
        json.dumps({**SCHEMA, "fields": [SCHEMA["fields"][0]] * 2}),
        *(
            f'{{"type":"record","name":"E","fields":[{{"name":"a","type":{{"type":"fixed",'
            f'"name":"F","size":{size}}}}}]}}'
            for size in ('"4"', "-1")
        ),
        "[" * 100_000,
        json.dumps({**SCHEMA, "doc": "x" * 1_048_576}),
    ],
    ids=[
        "text",
        "no JSON",
        "list",
        "unknown type",
        "two of one name",
        "size of text",
        "size below zero",
        "deep",
        "huge",
    ],
)
def test_a_schema_that_no_event_can_be_of_is_told(formats: Formats, text: str) -> None:
    formats.learn(key(1), Declared("AVRO", text), 0.0)
    assert refusal(formats, confluent(1, AVRO)) == "unusable_schema"


def test_a_frame_larger_than_the_limit_is_not_opened(formats: Formats) -> None:
    formats.learn(key(1), declared(), 0.0)
    assert refusal(formats, confluent(1, b"\x00" * LIMITS.event_bytes)) == "too_large"


def test_what_a_frame_stands_for_is_within_the_limits(formats: Formats) -> None:
    schema = record_of(**{f"a_long_name_{n}": "boolean" for n in range(1_000)})
    formats.learn(key(1), declared(schema), 0.0)
    assert refusal(formats, confluent(1, b"\x00" * 1_000)) == "too_large"


def test_ids_are_those_of_whole_frames() -> None:
    values = [confluent(7, b"x"), confluent(7, b"y"), confluent(8, b""), JSON, b"", None]
    records = [Record(Origin("raw", 0, 0), None, value, Micros(0)) for value in values]
    assert schema_ids(records) == keys(7)


def test_an_id_is_asked_for_once_and_an_unknown_one_again_after_a_minute(formats: Formats) -> None:
    assert formats.missing(keys(1, 2), 0.0) == keys(1, 2)
    formats.learn(key(1), declared(), 0.0)
    formats.learn(key(2), None, 0.0)

    assert formats.missing(keys(1, 2), 59.9) == set()
    assert formats.missing(keys(1, 2), 60.0) == keys(2)
    assert formats.unknown == 1

    formats.learn(key(2), declared(), 60.0)
    assert read(formats, confluent(2, AVRO)).message_id == "m-1"
    assert formats.unknown == 0


def test_what_was_not_used_for_longest_is_forgotten_and_what_is_in_use_never(
    formats: Formats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_SCHEMAS", 2)
    with formats.using(keys(1, 2, 3)):
        for number in (1, 2, 3):
            formats.learn(key(number), declared(), 0.0)
        assert formats.missing(keys(1, 2, 3), 0.0) == set()
    assert formats.missing(keys(1, 2, 3), 0.0) == keys(1)

    with formats.using(keys(2)):
        formats.learn(key(4), declared(), 0.0)
    assert formats.missing(keys(2, 3, 4), 0.0) == keys(3)


def test_a_flood_of_unknown_ids_takes_no_more_than_its_room(
    formats: Formats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_UNKNOWN", 10)
    for number in range(100):
        formats.learn(key(number), None, 0.0)
    assert formats.unknown <= 10


def test_the_folders_schema_is_the_one_that_events_are_wanted_in(tmp_path: Path) -> None:
    wanted = record_of(type="string", event="string", userId="string", plan="string")
    wanted["fields"][3]["default"] = "free"
    (tmp_path / "event.avsc").write_text(json.dumps(wanted))
    (tmp_path / "earlier").mkdir()
    (tmp_path / "earlier" / "event-1.avsc").write_text(json.dumps(SCHEMA))
    formats = Formats(load_schema_folder(tmp_path), LIMITS, registry=True)
    formats.learn(key(1), declared(), 0.0)

    for value in (confluent(1, AVRO), single_object(SCHEMA, AVRO)):
        body = read(formats, value).body
        assert body == {"type": "track", "event": "Seen", "userId": "u-1", "plan": "free"}


# -- the id in a header ---------------------------------------------------------------------------

GUID = bytes(range(16))


def with_header(value: bytes, header: bytes | None) -> Record:
    headers = (("other", b"x"), ("__value_schema_id", header))
    return Record(Origin("raw", 0, 0), None, value, Micros(5), headers)


@pytest.mark.parametrize(("header", "schema"), [(b"\x01" + GUID, GUID), (b"\x00" + key(7), key(7))])
def test_a_schema_may_be_named_in_a_header_instead(
    formats: Formats, header: bytes, schema: bytes
) -> None:
    record = with_header(AVRO, header)
    assert schema_ids([record]) == {schema}
    formats.learn(schema, declared(), 0.0)
    assert decode(record, LIMITS, formats.to_json).body == BODY


@pytest.mark.parametrize("header", [b"", b"\x01", b"\x01" + GUID + b"x", b"\x02" + GUID])
def test_a_header_that_names_none_is_refused(formats: Formats, header: bytes) -> None:
    record = with_header(AVRO, header)
    assert schema_ids([record]) == set()
    with pytest.raises(EventError, match="unknown_schema"):
        decode(record, LIMITS, formats.to_json)


def test_what_begins_as_json_is_json_whatever_a_header_says(formats: Formats) -> None:
    record = with_header(JSON, b"\x01" + GUID)
    assert schema_ids([record]) == set()
    assert decode(record, LIMITS, formats.to_json).body == BODY


def test_a_header_without_a_value_says_nothing(formats: Formats) -> None:
    assert read(formats, JSON) == decode(with_header(JSON, None), LIMITS, formats.to_json)
