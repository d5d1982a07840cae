from __future__ import annotations

import pytest

from streamproc.events import (
    Enriched,
    EventType,
    Identity,
    Json,
    ManifestEntry,
    Micros,
    Origin,
    Redacted,
    RedactedBody,
    Row,
    Subject,
    Times,
    Token,
)
from streamproc.warehouse import to_row

MANIFEST = (ManifestEntry("traits.email", "EMAIL_ADDRESS", "emails", "hash", 1.0, "k1"),)


def row_of(kind: EventType, body: dict[str, Json]) -> Row:
    redacted = Redacted(
        origin=Origin("events.raw", 0, 5),
        type=kind,
        message_id="m-1",
        ordering_key=b"tok_k1_aa",
        times=Times(None, None, Micros(2), Micros(1)),
        body=RedactedBody(body),
        manifest=MANIFEST,
        ruleset="f00d",
        subject=Subject(None, None, None),
    )
    return to_row(Enriched(redacted, Identity(Token("tok_k1_bb"))))


def test_a_row_has_its_columns_and_the_whole_body() -> None:
    row = row_of("track", {"userId": "tok_k1_aa", "event": "Signed Up", "properties": {"n": [1]}})
    assert row == Row(
        message_id="m-1",
        type="track",
        event="Signed Up",
        user_id="tok_k1_aa",
        anonymous_id=None,
        identity_id=Token("tok_k1_bb"),
        times=Times(None, None, Micros(2), Micros(1)),
        payload=b'{"userId":"tok_k1_aa","event":"Signed Up","properties":{"n":[1]}}',
        manifest=MANIFEST,
        ruleset="f00d",
        origin=Origin("events.raw", 0, 5),
        ordering_key=b"tok_k1_aa",
    )


@pytest.mark.parametrize(
    ("kind", "body", "event"),
    [
        ("track", {"event": "Paid", "name": "no"}, "Paid"),
        ("page", {"name": "Home", "event": "no"}, "Home"),
        ("screen", {"name": "Start"}, "Start"),
        ("page", {}, None),
        ("identify", {"event": "no", "name": "no"}, None),
        ("group", {"name": "no"}, None),
    ],
)
def test_what_happened_is_where_the_type_has_it(
    kind: EventType, body: dict[str, Json], event: str | None
) -> None:
    assert row_of(kind, body).event == event


@pytest.mark.parametrize("redacted", [None, 0, {"token": "t"}])
def test_an_id_that_a_rule_made_no_text_is_no_column(redacted: Json) -> None:
    row = row_of("track", {"event": redacted, "userId": redacted, "anonymousId": redacted})
    assert (row.event, row.user_id, row.anonymous_id) == (None, None, None)
