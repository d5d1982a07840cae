from __future__ import annotations

from typing import get_args

import orjson
from hypothesis import given
from hypothesis import strategies as st

from streamproc.errors import EventError
from streamproc.events import (
    DeadLetter,
    Link,
    LinkKind,
    ManifestEntry,
    Micros,
    Origin,
    ResolvedBy,
    Row,
    Times,
    Token,
)
from streamproc.kafka import codecs
from streamproc.warehouse import LoadedRow

longs = st.integers(-(2**63), 2**63 - 1)
moments = longs.map(Micros)
tokens = st.text(max_size=40).map(Token)
maybe_text = st.none() | st.text(max_size=20)
origins = st.builds(Origin, st.text(max_size=20), st.integers(0, 2**31 - 1), longs)
payloads = st.dictionaries(st.text(max_size=9), st.text(max_size=9)).map(orjson.dumps)
entries = st.builds(
    ManifestEntry, *[st.text(max_size=9)] * 4, st.floats(0, 1), st.none() | st.text(max_size=4)
)
rows = st.builds(
    Row,
    message_id=st.text(max_size=40),
    type=st.sampled_from(["identify", "track", "page", "screen", "group", "alias"]),
    event=maybe_text,
    user_id=maybe_text,
    anonymous_id=maybe_text,
    identity_id=st.none() | tokens,
    account_id=st.none() | tokens,
    identity_resolved_by=st.none() | st.sampled_from(get_args(ResolvedBy)),
    identity_resolved_at=st.none() | moments,
    times=st.builds(Times, st.none() | moments, st.none() | moments, moments, moments),
    payload=payloads,
    manifest=st.lists(entries, max_size=4).map(tuple),
    ruleset=st.text(max_size=16),
    origin=origins,
    ordering_key=st.binary(max_size=20),
)
letters = st.builds(
    DeadLetter,
    stage=st.sampled_from(["decode", "load"]),
    code=st.text(max_size=20),
    path=st.text(max_size=20),
    origin=origins,
    timestamp=moments,
    ruleset=st.text(max_size=16),
    view=payloads,
    sealed=st.none() | st.binary(max_size=50),
)


@given(rows)
def test_a_row_comes_back_whole(row: Row) -> None:
    read = codecs.decode_row(codecs.encode_row(row))
    assert (read.message_id, read.type, read.event) == (row.message_id, row.type, row.event)
    assert (read.user_id, read.anonymous_id) == (row.user_id, row.anonymous_id)
    assert (read.identity_id, read.ruleset) == (row.identity_id, row.ruleset)
    assert read.account_id == row.account_id
    resolved = (row.identity_resolved_by, row.identity_resolved_at)
    assert (read.identity_resolved_by, read.identity_resolved_at) == resolved
    times = Times(read.original_timestamp, read.sent_at, read.received_at, read.timestamp)
    assert times == row.times
    assert orjson.dumps(read.payload) == row.payload
    assert orjson.loads(read.manifest) == [entry._asdict() for entry in row.manifest]
    assert (read.source_topic, read.source_partition, read.source_offset) == row.origin


@given(letters)
def test_a_dead_letter_comes_back_whole(letter: DeadLetter) -> None:
    assert codecs.decode_dead_letter(codecs.encode_dead_letter(letter)) == letter


linked = st.from_regex(r"\Atok_[0-9A-Za-z]{1,16}_[a-p]{32}\Z").map(Token)
links = st.tuples(
    st.sampled_from(get_args(LinkKind)), linked, linked, st.text(), moments, st.booleans()
).map(lambda made: Link(*made))


@given(links)
def test_a_link_comes_back_whole(link: Link) -> None:
    assert codecs.decode_link(codecs.encode_link(link)) == link
    assert codecs.parse_link_key(codecs.link_key(link)) == link._replace(name="", at=Micros(0))


def by_fastavro(message: bytes) -> LoadedRow | None:
    """Return the row in a message the long way, None if there is none."""
    try:
        fields = codecs.ROW.decode(message)
        payload = orjson.loads(fields["payload"])
    except (EventError, orjson.JSONDecodeError):
        return None
    if not isinstance(payload, dict):
        return None
    lists = {name: orjson.dumps(fields[name]).decode() for name in ("manifest", "violations")}
    return LoadedRow(**fields | lists | {"payload": payload})


def quickly(message: bytes) -> LoadedRow | None:
    """Return the row in a message, None if there is none."""
    try:
        return codecs.decode_row(message)
    except EventError:
        return None


@given(rows, st.binary(max_size=6), st.data())
def test_every_message_is_read_as_fastavro_reads_it(
    row: Row, change: bytes, data: st.DataObject
) -> None:
    message = codecs.encode_row(row)
    place = data.draw(st.integers(len(codecs.ROW.header), len(message)))
    without = data.draw(st.integers(0, 6))
    damaged = message[:place] + change + message[place + without :]
    for each in (message, damaged):
        assert quickly(each) == by_fastavro(each)


@given(rows, st.data())
def test_a_row_that_is_cut_off_is_none(row: Row, data: st.DataObject) -> None:
    message = codecs.encode_row(row)
    assert quickly(message[: data.draw(st.integers(0, len(message) - 1))]) is None


def refusal(message: bytes) -> str | None:
    """Return the code a message is refused with, None if it is a row."""
    try:
        codecs.decode_row(message)
    except EventError as error:
        return error.code
    return None


@given(rows, st.data())
def test_damaged_bytes_are_refused_or_another_row(row: Row, data: st.DataObject) -> None:
    message = bytearray(codecs.encode_row(row))
    place = data.draw(st.integers(0, len(message) - 1))
    message[place] ^= data.draw(st.integers(1, 255))
    if (code := refusal(bytes(message))) is None:
        assert place >= len(codecs.ROW.header)
    else:
        assert code == "not_ours"
