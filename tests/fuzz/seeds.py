"""What fuzzing begins with: what the tests and the repository have of each kind."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson
from avro_bodies import body_of
from fastavro.utils import generate_many
from fuzz.events import SCHEMAS
from fuzz.messages import KEY

from streamproc.deadletters.seal import pack_original
from streamproc.events import (
    DeadLetter,
    Deletion,
    Link,
    ManifestEntry,
    Micros,
    Origin,
    Row,
    Times,
    Token,
)
from streamproc.formats import parsed
from streamproc.kafka import codecs
from streamproc.redact import write_key_ring
from streamproc.rollout.records import Abort, Activate, Prepare, encode

__all__ = [
    "SCHEMA_WORDS",
    "events",
    "framed",
    "identity",
    "keys",
    "letters",
    "originals",
    "plans",
    "planted",
    "recognizers",
    "repairs",
    "rows",
    "rules",
    "schemas",
    "settings",
    "statements",
    "texts",
]

ROOT: Final = Path(__file__).parents[2]
TOKEN: Final = Token("tok_k1_" + "abcdefghijklmnop" * 2)
OTHER: Final = Token("tok_k1_" + "ponmlkjihgfedcba" * 2)
SCHEMA_WORDS: Final = (
    *(
        '"type"',
        '"name"',
        '"fields"',
        '"record"',
        '"array"',
        '"items"',
        '"map"',
        '"values"',
        '"null"',
    ),
    *('"enum"', '"symbols"', '"fixed"', '"size"', '"logicalType"', '"decimal"', '"precision"'),
    *('"timestamp-millis"', '"uuid"', '"default"', '"aliases"', '"bytes"', '"string"', '"long"'),
)

Seeds = Callable[[], Iterator[bytes]]


def files(*patterns: str) -> Seeds:
    """Return what yields the files of the repository that ``patterns`` name."""

    def read() -> Iterator[bytes]:
        for pattern in patterns:
            for file in sorted(ROOT.glob(pattern)):
                yield file.read_bytes()

    return read


rules = files("rules/*.yaml", "rules/examples/*.yaml", "tests/golden/*/*.yaml")
recognizers = files("rules/recognizers/*.yaml")
identity = files("rules/identity/*.yaml")


def events() -> Iterator[bytes]:
    for file in sorted(ROOT.glob("tests/golden/*/events.jsonl")):
        yield from file.read_bytes().splitlines()


def texts() -> Iterator[bytes]:
    yield b"https://jane:pw@example.com/a/b;c=d/e?f=g&h=%40&i=%257B#r?j=k"
    yield b'{"note": ["a", {"b": "\\u00e9"}]}'
    yield b"a=1&note=jane%40example.com"
    yield b"see bm90ZTogamFuZUBleGFtcGxlLmNvbQ== and 6e6f74653a206a616e65406578"
    yield b"x = '\\u006a\\u0061'"
    yield from islice(events(), 30)


def planted() -> Iterator[bytes]:
    for text in ("\x01", "/u?v=\x02", "a=1&b=\x02", "\x03", '{"a": "\x01"}', "so \x04 it is"):
        yield text.encode()


def framed() -> Iterator[bytes]:
    for number, declared in enumerate(SCHEMAS[:3], start=1):
        schema = parsed(declared)
        for value in generate_many(schema.schema, 4):
            body = body_of(schema, value)
            yield bytes([number]) + body
            yield bytes([0x80 | number]) + body
    yield b'\x04{"type": "track"}'
    yield b"\xff\xc3\x01" + bytes(16)


def schemas() -> Iterator[bytes]:
    for declared in SCHEMAS[:3]:
        schema = parsed(declared)
        (value,) = generate_many(schema.schema, 1)
        yield declared.text.encode() + b"\0" + body_of(schema, value)


def rows() -> Iterator[bytes]:
    times = Times(None, Micros(3), Micros(2**40), Micros(2**40))
    entry = ManifestEntry("properties.note", "EMAIL_ADDRESS", "default", "hash", 0.9, "k1")
    row = Row(
        message_id="m-1",
        type="track",
        event="Tried",
        user_id=TOKEN,
        anonymous_id=None,
        identity_id=TOKEN,
        account_id=None,
        identity_resolved_by="user_id",
        identity_resolved_at=Micros(2**40),
        times=times,
        payload=orjson.dumps({"properties": {"n": 1}}),
        manifest=(entry,),
        ruleset="f00d",
        origin=Origin("raw", 0, 7),
        ordering_key=b"k",
    )
    yield codecs.encode_row(row)
    yield codecs.encode_row(row._replace(manifest=(), event=None, payload=b"{}"))


def letters() -> Iterator[bytes]:
    letter = DeadLetter(
        stage="decode",
        code="not_json",
        path="",
        origin=Origin("raw", 0, 7),
        timestamp=Micros(7),
        ruleset="f00d",
        view=b'{"bytes":3}',
        sealed=b"sealed",
    )
    yield b"\0" + codecs.encode_dead_letter(letter)
    yield b"\1" + codecs.encode_link(Link("alias", TOKEN, OTHER, "", Micros(7)))
    yield b"\1" + codecs.link_key(Link("alias", TOKEN, OTHER, cut=True))
    yield b"\2" + codecs.encode_deletion(Deletion(TOKEN, Micros(7), "r-1"))
    yield from (bytes([number]) + bytes(30) for number in (3, 4))


def originals() -> Iterator[bytes]:
    yield pack_original(b"k", b"{}")
    yield pack_original(None, b"{}", (("a", b"b"), ("c", None)))


def statements() -> Iterator[bytes]:
    for statement in (
        Prepare(id=3, attempt=1),
        Activate(id=3, attempt=1, topic="raw", fences={"0": 7}),
        Abort(id=3, attempt=0, by="publisher", reason="refused"),
        Abort(id=3, attempt=1, by="worker", reason="late"),
    ):
        key, value = encode(statement, "n")
        yield b"\0".join((key, b"sign", value))
        signature = KEY.sign("streamproc.rules", key, value)["streamproc-signature"]
        yield b"\0".join((key, signature, value))


def keys() -> Iterator[bytes]:
    ring = {"k1": bytes(range(32)), "k2": bytes(range(1, 33))}
    yield write_key_ring("k2", ring, ["k1"]).encode()
    yield KEY.pem.encode()
    yield f"{KEY.public} somebody\n".encode()
    yield base64.b64encode(bytes(32))


def settings() -> Iterator[bytes]:
    yield b"""[kafka]
brokers = "127.0.0.1:9092"
security_protocol = "sasl_ssl"
sasl_mechanism = "PLAIN"
sasl_username = "worker"
sasl_password = "zq9xsecret"
[limits]
depth = 64
[log]
format = "json"
[loader]
sink = "duckdb"
widen = true
"""


def repairs() -> Iterator[bytes]:
    yield b"""version: 1
repairs:
  - name: numbers-as-text
    when: {stage: decode, codes: [wrong_type], paths: [userId]}
    steps:
      - cast: {path: userId, to: string}
      - remove: {path: properties.note}
      - replace: {path: context.page.url, matching: "a+", with: "b"}
      - set: {path: channel, value: web}
      - rename: {path: traits.mail, to: email}
"""


def plans() -> Iterator[bytes]:
    plan = b"version: 1\nname: fuzz\nviolations: {wrong_type: dead_letter}\n"
    schema: dict[str, Any] = {
        "title": "Tried",
        "type": "object",
        "properties": {"properties": {"type": "object", "x-streamproc": {"entity": "PERSON"}}},
        "required": ["userId"],
        "$defs": {"a": {"pattern": "^(a+)+$"}},
    }
    yield plan + b"\0" + json.dumps(schema).encode()
