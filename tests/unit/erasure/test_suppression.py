from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import orjson
import pytest
from redaction import LIMITS, RING, find_literals, record_of, scoped_sites_of

from streamproc.deadletters import generate_key_pair, sealer
from streamproc.detect import Detector, Text
from streamproc.erasure import Suppression
from streamproc.erasure.suppression import Handling
from streamproc.errors import EventError
from streamproc.events import DeadLetter, Dropped, Finding, Json, Outcome, Row, Token
from streamproc.identity import View
from streamproc.pipeline import Parts, Pipeline
from streamproc.redact import KeyRing, NamedTrait, Naming, Redactor, Subjects, Tokens
from streamproc.transform import Given, Transformer

NAMING = Naming((NamedTrait("email", (("context", "traits", "email"),), "EMAIL_ADDRESS"),))
NEXT = RING.rotated("k2", bytes(reversed(range(32))))
TOKENS = Tokens(RING)
EMAIL = "jane@example.com"
POISON = "a text no detector survives"
JANE = TOKENS.of_identifier("u-jane")
BY: dict[str, Mapping[str, Json]] = {
    "user": {"userId": "u-jane"},
    "anonymous": {"userId": None, "anonymousId": "u-jane"},
    "previous": {"type": "alias", "userId": "u-2", "previousId": "u-jane"},
    "trait": {"context": {"traits": {"email": EMAIL}}},
}


class Listed:
    """Whoever is told to be suppressed."""

    def __init__(self, *tokens: Token) -> None:
        self._tokens = frozenset(tokens)

    @property
    def suppresses(self) -> bool:
        return bool(self._tokens)

    def is_suppressed(self, tokens: Iterable[Token]) -> bool:
        return not self._tokens.isdisjoint(tokens)


class Emails:
    """Finds one e-mail address, and fails on one text."""

    def detect(self, texts: Iterable[Text]) -> list[tuple[Finding, ...]]:
        searched = list(texts)
        if any(text.value == POISON for text in searched):
            raise EventError("detect", "detector_failed")
        return list(find_literals(searched, {EMAIL: "EMAIL_ADDRESS"}))


def parts(handling: Handling, *listed: Token, ring: KeyRing = RING) -> Parts:
    others = tuple(version for version in ring.secrets if version != ring.active)
    every = Tokens(KeyRing(ring.active, ring.secrets, others))
    return Parts(
        limits=LIMITS,
        sites=scoped_sites_of(""),
        detector=cast("Detector", Emails()),
        redactor=Redactor(Tokens(ring), "f00d", NAMING),
        view=View(),
        seal=sealer(generate_key_pair().public),
        ruleset="f00d",
        suppression=Suppression(Listed(*listed), Subjects(every, NAMING), handling),
    )


LISTED = (JANE, TOKENS.of_named("email", EMAIL, "EMAIL_ADDRESS"))


def run(made: Parts, *bodies: Mapping[str, Json]) -> list[Outcome]:
    records = [record_of(body, offset=offset) for offset, body in enumerate(bodies)]
    result = Pipeline(made).run(records)
    assert not result.links
    return list(result.outcomes)


@pytest.mark.parametrize("by", BY)
def test_an_event_of_somebody_erased_is_dropped_by_whatever_names_the_person(by: str) -> None:
    (outcome,) = run(parts("drop", *LISTED), BY[by])

    assert isinstance(outcome, Dropped)
    assert outcome.rule == "suppressed"


def test_events_of_others_go_on_as_ever() -> None:
    made = parts("drop", *LISTED)
    bodies: list[Mapping[str, Json]] = [{"userId": "u-kim"}, {"properties": {"to": EMAIL}}]

    outcomes = run(made, *bodies)

    assert outcomes == run(replace(made, suppression=None), *bodies)
    assert all(isinstance(outcome, Row) for outcome in outcomes)


@pytest.mark.parametrize("overlap", [True, False])
def test_who_was_erased_under_a_key_stays_so_under_the_next(*, overlap: bool) -> None:
    ring = NEXT if overlap else NEXT.retired("k1")

    (outcome,) = run(parts("drop", *LISTED, ring=ring), BY["user"])

    assert isinstance(outcome, Dropped)


@pytest.mark.parametrize("type_", ["identify", "alias", "group"])
def test_an_event_that_says_who_somebody_is_is_never_anonymised(type_: str) -> None:
    said = {"type": type_, "userId": "u-jane", "previousId": "u-1", "groupId": "acme"}

    (outcome,) = run(parts("anonymise", *LISTED), said)

    assert isinstance(outcome, Dropped)


def test_anonymised_an_event_says_what_happened_and_when_but_not_who_or_where() -> None:
    (row,) = run(
        parts("anonymise", *LISTED),
        {
            "event": "Bought",
            "userId": "u-jane",
            "anonymousId": "d-1",
            "messageId": "m-1",
            "sentAt": "2026-11-01T10:00:00Z",
            "properties": {"plan": "pro", "note": f"for {EMAIL}", EMAIL: [EMAIL]},
            "context": {
                "ip": "192.0.2.10",
                "device": {"id": "d-1"},
                "traits": {"email": EMAIL},
                "locale": "de",
                "page": {"path": "/plans", "search": f"?e={EMAIL}"},
            },
            "traits": {"email": EMAIL},
            "groupId": "acme",
        },
    )

    assert isinstance(row, Row)
    said: Any = orjson.loads(row.payload)
    received = said.pop("receivedAt", None)
    assert said == {
        "type": "track",
        "event": "Bought",
        "messageId": "m-1",
        "properties": {
            "plan": "pro",
            "note": "for <SUPPRESSED>",
            "<SUPPRESSED>": ["<SUPPRESSED>"],
        },
        "sentAt": "2026-11-01T10:00:00Z",
        "context": {"locale": "de", "page": {"path": "/plans", "search": "?e=<SUPPRESSED>"}},
    }
    assert received is None
    ids = (row.user_id, row.anonymous_id, row.identity_id, row.account_id)
    assert ids == (None, None, None, None)
    assert row.ordering_key == TOKENS.ordering(b"m-1"), "not by the record's key, which is an id"
    assert row.message_id == "m-1"


def test_what_fails_of_an_anonymised_event_keeps_no_original() -> None:
    made = parts("anonymise", *LISTED)
    bodies: list[Mapping[str, Json]] = [
        {"userId": who, "properties": {"note": POISON}} for who in ("u-jane", "u-kim")
    ]

    theirs, others = run(made, *bodies)

    assert isinstance(theirs, DeadLetter)
    assert isinstance(others, DeadLetter)
    assert theirs.sealed is None
    assert others.sealed is not None


class Raw:
    """A transformation of raw events, which says what it was given and puts an id back."""

    def __init__(self) -> None:
        self.given: list[Given] = []

    def run(self, given: Sequence[Given]) -> list[dict[str, Json]]:
        self.given += given
        return [{**each.body, "own": "u-jane"} for each in given]


def test_a_transformation_of_raw_events_is_given_what_is_left_of_an_anonymised_one() -> None:
    raw = Raw()
    made = replace(parts("anonymise", *LISTED), before=cast("Transformer", raw))

    (row,) = run(made, {"userId": "u-jane", "messageId": "m-1"})

    assert [set(each.body) for each in raw.given] == [{"type", "event", "messageId"}]
    assert isinstance(row, Row)
    assert (row.user_id, row.identity_id) == (None, None)
    assert row.ordering_key == TOKENS.ordering(b"m-1")


def test_where_nobody_is_listed_nothing_is_asked() -> None:
    made = parts("drop")
    assert made.suppression is not None
    assert not made.suppression.active
    assert isinstance(run(made, BY["user"])[0], Row)
