from __future__ import annotations

import itertools

import orjson
import pytest

from streamproc.events import ManifestEntry, Micros, Origin, Row, Times
from streamproc.kafka import codecs
from streamproc.kafka.row_reader import likeness

NOW = Micros(1_767_603_600_000_000)
ROW = Row(
    message_id="m-1",
    type="track",
    event="Signed Up",
    user_id=None,
    anonymous_id=None,
    identity_id=None,
    times=Times(NOW, NOW, NOW, NOW),
    payload=b"{}",
    manifest=(),
    ruleset="f00d",
    origin=Origin("raw", 3, 12),
    ordering_key=b"k",
)
ORIGIN = "\x08f00d\x06raw\x06"
"""How the body of a row goes on after its manifest, but for the offset."""

moments = [0, 1, -1, NOW, -NOW, 2**54, 2**55 - 1, 2**55, 2**62]


@pytest.mark.parametrize("moment", moments)
@pytest.mark.parametrize("place", range(4))
def test_each_moment_of_a_row_is_read_whatever_the_others_are(place: int, moment: int) -> None:
    times = ROW.times._replace(**{Times._fields[place]: Micros(moment)})
    row = codecs.decode_row(codecs.encode_row(ROW._replace(times=times)))
    assert (row.original_timestamp, row.sent_at, row.received_at, row.timestamp) == times


@pytest.mark.parametrize(("original", "sent"), [(None, NOW), (NOW, None), (None, None)])
def test_a_moment_may_be_missing(original: Micros | None, sent: Micros | None) -> None:
    times = ROW.times._replace(original_timestamp=original, sent_at=sent)
    row = codecs.decode_row(codecs.encode_row(ROW._replace(times=times)))
    assert (row.original_timestamp, row.sent_at, row.received_at, row.timestamp) == times


def entry(path: str) -> ManifestEntry:
    return ManifestEntry(path, "EMAIL_ADDRESS", "emails", "hash", 1.0, "k1")


def test_a_manifest_that_looks_like_the_end_of_one_is_read_to_its_own() -> None:
    manifests = [(), (entry("a"),), (entry(ORIGIN),), (entry("a"), entry(f"a{ORIGIN}b"))]
    for one, other in itertools.product(manifests, repeat=2):
        for manifest in (one, other, one):
            row = codecs.decode_row(codecs.encode_row(ROW._replace(manifest=manifest)))
            fields = codecs.ROW.decode(codecs.encode_row(ROW._replace(manifest=manifest)))
            assert orjson.loads(row.manifest) == fields["manifest"]


def test_rows_are_alike_by_type_and_event_alone() -> None:
    def of(**changes: object) -> bytes:
        return likeness(codecs.encode_row(ROW._replace(**changes)))  # type: ignore[arg-type]

    assert of() == of(message_id="another one", user_id="u", payload=b'{"a":1}')
    assert len({of(), of(event="Paid"), of(event=None), of(type="page", event="Signed Up")}) == 4


def test_registered_rows_are_alike_too() -> None:
    registered = codecs.ROW._replace(header=b"\0\0\0\0\7")
    assert likeness(codecs.encode_row(ROW, registered)) == likeness(codecs.encode_row(ROW))


@pytest.mark.parametrize("value", [None, b"", b"\0", b"\xc3\x01", b"x" * 40, b"\xff" * 40])
def test_what_is_no_row_is_like_something(value: bytes | None) -> None:
    assert isinstance(likeness(value), bytes)
