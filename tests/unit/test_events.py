from __future__ import annotations

import pytest

from streamproc.events import (
    DeadLetter,
    Enriched,
    Event,
    Identity,
    Micros,
    Origin,
    Path,
    RawBody,
    Record,
    Redacted,
    RedactedBody,
    Row,
    Subject,
    Times,
    path_text,
)

VALUE = "jane@example.com"
ORIGIN = Origin("events.raw", 2, 41)
NOW = Micros(1_700_000_000_000_000)
TIMES = Times(None, None, NOW, NOW)

RECORD = Record(ORIGIN, VALUE.encode(), VALUE.encode(), NOW)
EVENT = Event(
    ORIGIN, VALUE.encode(), "track", VALUE, TIMES, RawBody({"text": VALUE}), VALUE.encode()
)
REDACTED = Redacted(
    origin=ORIGIN,
    type="track",
    message_id="m-1",
    ordering_key=b"tok_k1_a",
    times=TIMES,
    body=RedactedBody({"text": VALUE}),
    manifest=(),
    ruleset="f00d",
    subject=Subject(None, None, None),
)
ROW = Row(
    message_id="m-1",
    type="track",
    event=None,
    user_id=None,
    anonymous_id=None,
    identity_id=None,
    times=TIMES,
    payload=VALUE.encode(),
    manifest=(),
    ruleset="f00d",
    origin=ORIGIN,
    ordering_key=b"tok_k1_a",
)
LETTER = DeadLetter("decode", "not_json", "", ORIGIN, NOW, "f00d", b"{}", VALUE.encode())


@pytest.mark.parametrize(
    "thing", [RECORD, EVENT, REDACTED, Enriched(REDACTED, Identity(None)), ROW, LETTER]
)
def test_a_repr_says_where_it_lies_and_no_value(thing: object) -> None:
    assert VALUE not in repr(thing)
    assert repr(ORIGIN) in repr(thing)


@pytest.mark.parametrize(
    ("thing", "name"),
    [(RECORD, "value"), (EVENT, "body"), (REDACTED, "body"), (ROW, "payload"), (LETTER, "view")],
)
def test_what_flows_cannot_be_changed(thing: object, name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(thing, name, None)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("properties", "products", 0, "sku"), "properties.products[0].sku"),
        (("a", 0, 1), "a[0][1]"),
        (("a",), "a"),
        ((), ""),
    ],
)
def test_a_path_is_written_as_people_write_it(path: Path, text: str) -> None:
    assert path_text(path) == text
