from __future__ import annotations

import json

import pytest
from fastavro import parse_schema
from fastavro.schema import to_parsing_canonical_form

from streamproc.errors import EventError
from streamproc.events import (
    DeadLetter,
    Deletion,
    Link,
    ManifestEntry,
    Micros,
    Origin,
    RedactedBody,
    Row,
    Times,
    Token,
    Violation,
)
from streamproc.kafka import codecs
from streamproc.shipped import shipped
from streamproc.warehouse import LoadedRow

ROW = Row(
    message_id="m-1",
    type="track",
    event="Signed Up",
    user_id="tok_k1_aa",
    anonymous_id=None,
    identity_id=Token("tok_k1_bb"),
    account_id=Token("tok_k1_cc"),
    identity_resolved_by="alias",
    identity_resolved_at=Micros(5),
    times=Times(None, Micros(-1), Micros(2), Micros(3)),
    payload='{"event":"Signed Up","n":"é😀\\u0000"}'.encode(),
    manifest=(
        ManifestEntry("traits.email", "EMAIL_ADDRESS", "emails", "hash", 1.0, "k1"),
        ManifestEntry("context.ip", "IP_ADDRESS", "ips", "mask", 0.6, None),
    ),
    ruleset="f00d",
    origin=Origin("events.raw", 3, 12),
    ordering_key=b"tok_k1_aa",
    violations=(Violation("properties.total", "wrong_type"),),
    correction=True,
)
LETTER = DeadLetter(
    "redact", "no_key", "traits", Origin("events.raw", 0, 1), Micros(9), "", b"{}", b"\x00\xff"
)
LINK = Link("alias", Token("tok_k1_aa"), Token("tok_k1_bb"))
DELETION = Deletion("tok_k1_aa", Micros(7), "ticket 12")


def crc_64_avro(data: bytes) -> int:
    """Return the fingerprint as the Avro specification's own code computes it.

    https://avro.apache.org/docs/1.12.0/specification/#schema-fingerprints
    """
    empty = 0xC15D213AA4D7A795
    table = []
    for i in range(256):
        fingerprint = i
        for _ in range(8):
            fingerprint = (fingerprint >> 1) ^ (empty & -(fingerprint & 1) & (2**64 - 1))
        table.append(fingerprint)
    fingerprint = empty
    for byte in data:
        fingerprint = (fingerprint >> 8) ^ table[(fingerprint ^ byte) & 0xFF]
    return fingerprint


def test_the_reference_fingerprint_is_right() -> None:
    assert crc_64_avro(b'"null"') == 0x63DD24E7CC258F8A  # a test vector of Avro's own


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("row", codecs.encode_row(ROW)),
        ("dead_letter", codecs.encode_dead_letter(LETTER)),
        ("link", codecs.encode_link(LINK)),
        ("deletion", codecs.encode_deletion(DELETION)),
    ],
)
def test_messages_start_with_magic_and_little_endian_fingerprint(name: str, message: bytes) -> None:
    declared = json.loads(shipped(f"schemas/{name}.avsc").read_text(encoding="utf-8"))
    canonical = to_parsing_canonical_form(parse_schema(declared))
    assert message[:2] == b"\xc3\x01"
    assert message[2:10] == crc_64_avro(canonical.encode()).to_bytes(8, "little")


def test_a_row_comes_back_with_its_lists_as_json() -> None:
    row = codecs.decode_row(codecs.encode_row(ROW))
    assert row == LoadedRow(
        message_id="m-1",
        type="track",
        event="Signed Up",
        user_id="tok_k1_aa",
        anonymous_id=None,
        identity_id="tok_k1_bb",
        account_id="tok_k1_cc",
        identity_resolved_by="alias",
        identity_resolved_at=Micros(5),
        original_timestamp=None,
        sent_at=Micros(-1),
        received_at=Micros(2),
        timestamp=Micros(3),
        payload=RedactedBody({"event": "Signed Up", "n": "é😀\0"}),
        manifest=row.manifest,
        ruleset="f00d",
        source_topic="events.raw",
        source_partition=3,
        source_offset=12,
        violations=row.violations,
        correction=True,
    )
    assert json.loads(row.manifest) == [entry._asdict() for entry in ROW.manifest]
    assert json.loads(row.violations) == [{"path": "properties.total", "code": "wrong_type"}]


def test_a_loaded_row_has_the_schemas_fields_in_its_order() -> None:
    schema = json.loads(shipped("schemas/row.avsc").read_text(encoding="utf-8"))
    assert [field["name"] for field in schema["fields"]] == list(LoadedRow._fields)


def test_every_field_of_every_schema_is_documented() -> None:
    names = ("row", "dead_letter", "link", "deletion", "attributes", "attributes_cursor")
    for name in names:
        schema = json.loads(shipped(f"schemas/{name}.avsc").read_text(encoding="utf-8"))
        assert all(field["doc"] for field in schema["fields"])


def test_dead_letters_links_and_deletions_come_back() -> None:
    assert codecs.decode_dead_letter(codecs.encode_dead_letter(LETTER)) == LETTER
    assert codecs.decode_link(codecs.encode_link(LINK)) == LINK
    assert codecs.decode_deletion(codecs.encode_deletion(DELETION)) == DELETION


def test_a_links_key_names_kind_and_both_tokens_and_whether_it_is_taken_back() -> None:
    assert codecs.link_key(LINK) == b"alias:tok_k1_aa:tok_k1_bb"
    assert codecs.link_key(LINK._replace(cut=True)) == b"alias:tok_k1_aa:tok_k1_bb:cut"


@pytest.mark.parametrize("link", [LINK, LINK._replace(cut=True, kind="trait_device")])
def test_a_links_key_can_be_read(link: Link) -> None:
    assert codecs.parse_link_key(codecs.link_key(link)) == link


@pytest.mark.parametrize(
    "key", [None, b"", b"alias:tok_k1_aa", b"alias:tok_k1_aa:jane", b"alias:tok_k1_a:tok_k1_b:c"]
)
def test_what_is_no_links_key_is_refused(key: bytes | None) -> None:
    with pytest.raises(EventError, match="not_ours"):
        codecs.parse_link_key(key)


@pytest.mark.parametrize("left", ["", "jane@example.com", "tok_k1_" + "a" * 65, "tok_k1_a:b"])
def test_a_link_of_what_is_no_token_is_refused(left: str) -> None:
    with pytest.raises(EventError, match="not_ours"):
        codecs.decode_link(codecs.encode_link(LINK._replace(left=Token(left))))


def test_what_is_not_ours_is_refused() -> None:
    message = codecs.encode_row(ROW)
    damaged = [message[:cut] for cut in range(len(message))]
    damaged += [
        message + b"\x00",
        b"\xc3\x02" + message[2:],
        message[:2] + bytes(8) + message[10:],
        codecs.encode_link(LINK),
        b'{"type":"track"}',
        message[:10] + b"\xff" * 40,
    ]
    for value in [None, *damaged]:
        with pytest.raises(EventError) as refused:
            codecs.decode_row(value)
        assert (refused.value.stage, refused.value.code) == ("load", "not_ours")


def test_a_row_whose_payload_is_no_json_is_refused() -> None:
    fields = codecs.ROW.decode(codecs.encode_row(ROW))
    with pytest.raises(EventError) as refused:
        codecs.decode_row(codecs.ROW.encode(fields | {"payload": "{secret"}))
    assert (refused.value.code, refused.value.path) == ("not_ours", "payload")


EARLIER = shipped("schemas/earlier/row_1.avsc").read_text(encoding="utf-8")
EARLIER_HEADER = bytes.fromhex("c3016c16265aa4efb664")
"""What rows of that schema on topics begin with: the file must never change."""


def earlier(row: Row, header: bytes) -> bytes:
    """Return the message of ``row`` as it was written by the schema before."""
    now = codecs.ROW.decode(codecs.encode_row(row))
    names = [field["name"] for field in json.loads(EARLIER)["fields"]]
    written = codecs.row_codec(header, EARLIER)
    assert written is not None
    return written.encode({name: now[name] for name in names})


def test_a_row_of_the_schema_before_is_read_without_what_it_could_not_say() -> None:
    read = codecs.decode_row(earlier(ROW, EARLIER_HEADER))
    assert read == codecs.decode_row(codecs.encode_row(ROW))._replace(
        account_id=None, identity_resolved_by=None, identity_resolved_at=None
    )


def test_a_row_of_the_schema_before_is_read_from_a_registry_too() -> None:
    header = b"\0\0\0\0\x07"
    codec = codecs.row_codec(header, EARLIER)
    assert codec is not None
    read = codecs.decode_row(earlier(ROW, header), codec)
    assert read == codecs.decode_row(earlier(ROW, EARLIER_HEADER))


def test_what_a_producer_said_of_an_identity_before_is_no_attribute() -> None:
    spoofed = ROW._replace(payload=b'{"identity":{"plan":"enterprise"},"n":1}')
    assert codecs.decode_row(earlier(spoofed, EARLIER_HEADER)).payload == {"n": 1}
    assert "identity" in codecs.decode_row(codecs.encode_row(spoofed)).payload
