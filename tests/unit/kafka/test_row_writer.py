"""Rows are written as fastavro writes them, byte by byte."""

from __future__ import annotations

import io

import pytest
from fastavro import schemaless_writer
from hypothesis import given
from hypothesis import strategies as st
from written_rows import fields_of

from streamproc.events import ManifestEntry, Micros, Origin, Row, Times, Token, Violation
from streamproc.kafka import codecs
from streamproc.kafka.row_writer import ENTRIES, RowWriter, long_bytes

longs = st.integers(-(2**63), 2**63 - 1)
moments = st.one_of(longs, st.integers(0, 2**52)).map(Micros)
texts = st.text(max_size=20)
entries = st.builds(
    ManifestEntry, texts, texts, texts, texts, st.floats(0, 1), st.none() | st.text(max_size=4)
)
rows = st.builds(
    Row,
    message_id=st.text(max_size=200),
    type=st.sampled_from(["identify", "track", "page", "screen", "group", "alias"]),
    event=st.none() | texts,
    user_id=st.none() | texts,
    anonymous_id=st.none() | texts,
    identity_id=st.none() | texts.map(Token),
    times=st.builds(Times, st.none() | moments, st.none() | moments, moments, moments),
    payload=st.text(max_size=300).map(str.encode),
    manifest=st.lists(entries, max_size=4).map(tuple),
    ruleset=texts,
    origin=st.builds(Origin, texts, st.integers(0, 2**31 - 1), longs),
    ordering_key=st.just(b"key"),
    violations=st.lists(st.builds(Violation, texts, texts), max_size=3).map(tuple),
    correction=st.booleans(),
    account_id=st.none() | texts.map(Token),
    identity_resolved_by=st.none() | st.sampled_from(["user_id", "trait"]),
    identity_resolved_at=st.none() | moments,
)


def by_fastavro(row: Row) -> bytes:
    buffer = io.BytesIO()
    schemaless_writer(buffer, codecs.ROW.schema, fields_of(row))
    return buffer.getvalue()


@given(rows)
def test_a_row_is_written_as_fastavro_writes_it(row: Row) -> None:
    written = codecs.encode_row(row, codecs.ROW._replace(header=b"header"))
    assert written == b"header" + by_fastavro(row)


@given(st.one_of(longs, st.sampled_from([7, 14, 21, 28, 42, 56]).map(lambda bits: 1 << bits)))
def test_a_number_is_written_as_fastavro_writes_it(number: int) -> None:
    for near in {number, max(number - 1, -(2**63)), -number if number > -(2**63) else 0}:
        buffer = io.BytesIO()
        schemaless_writer(buffer, "long", near)
        assert long_bytes(near) == buffer.getvalue()


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_number_of_more_than_64_bits_is_refused(number: int) -> None:
    with pytest.raises(OverflowError):
        long_bytes(number)


def test_entries_that_are_kept_are_bounded() -> None:
    write = RowWriter(codecs.ROW.schema)
    row = Row(
        message_id="m",
        type="track",
        event=None,
        user_id=None,
        anonymous_id=None,
        identity_id=None,
        times=Times(None, None, Micros(1), Micros(1)),
        payload=b"{}",
        manifest=(),
        ruleset="r",
        origin=Origin("raw", 0, 0),
        ordering_key=b"",
    )
    for number in range(2 * ENTRIES):
        entry = ManifestEntry(f"properties.p{number}", "PERSON", "rule", "hash", 0.85, None)
        made = write(row._replace(manifest=(entry,)), b"")
        assert made == by_fastavro(row._replace(manifest=(entry,)))
    assert len(write._entries) <= ENTRIES
