"""Originals through repairs and the worker's decoding: what passes, what does not, and why."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from streamproc.deadletters import dead_letter
from streamproc.deadletters.inventory import Cause
from streamproc.deadletters.repair import Tried, Tries, is_meant, parse_repairs, tried
from streamproc.decode import Limits, decode
from streamproc.errors import EventError
from streamproc.events import DeadLetter, Dropped, Event, Micros, Origin, Record

LIMITS = Limits(10_000, 16, 1_000)
JANE = "jane.roe@example.com"

REPAIRS = """\
version: 1
name: own
repairs:
  - name: ids
    when: {codes: [wrong_type], paths: [userId]}
    steps: [{cast: {path: userId, to: string}}]
  - name: web-names
    when: {codes: [missing_field], paths: [event]}
    where: {path: context.app, equals: web}
    steps: [{rename: {path: properties.name, to: was}, }, {set: {path: event, value: Seen}}]
  - name: latin
    when: {codes: [not_utf8]}
    text: {encoding: cp1252}
  - name: nothing-of-use
    when: {codes: [bad_timestamp]}
    steps: [{remove: {path: no.such.field}}]
"""
TRIES = Tries.of(parse_repairs(REPAIRS, "repair.yaml"))


def checks(record: Record) -> Event | Dropped:
    return decode(record, LIMITS)


def failed(value: bytes) -> tuple[DeadLetter, Record]:
    record = Record(Origin("raw", 0, 7), b"k", value, Micros(1))
    with pytest.raises(EventError) as raised:
        checks(record)
    return dead_letter(record, raised.value, ruleset="f00d", seal=None), record


def run(body: dict[str, Any] | bytes) -> Tried:
    letter, record = failed(body if isinstance(body, bytes) else orjson.dumps(body))
    return tried(letter, record, TRIES, checks)


def track(**more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Seen", "userId": "u-1", **more}


def test_a_repaired_original_passes_decoding() -> None:
    found = run(track(userId=17))
    assert (found.outcome, found.repair, found.cause) == ("passes", "ids", "")
    assert orjson.loads(found.value or b"") == track(userId="17")


def test_bytes_of_another_encoding_become_utf_8() -> None:
    found = run('{"type": "track", "event": "Café", "userId": "u-1"}'.encode("cp1252"))
    assert found.value == '{"type":"track","event":"Café","userId":"u-1"}'.encode()


def test_what_fails_after_its_repair_is_told_by_code_and_never_sent() -> None:
    found = run(track(userId={"email": JANE}))
    assert found == Tried("fails", "ids", "decode.wrong_type at userId")


def test_what_no_condition_holds_for_has_no_repair() -> None:
    body = {"type": "track", "userId": "u-1", "context": {"app": "ios"}}
    assert run(body) == Tried("no_repair")
    assert run({**body, "context": {"app": "web"}}).outcome == "passes"


def test_what_cannot_be_read_fails_as_it_is_read() -> None:
    found = run(b'\xe9 {"userId": ')
    assert found == Tried("fails", "", "decode.not_json")


def test_a_repair_that_does_not_help_is_a_failure() -> None:
    assert run(track(sentAt="soon")).outcome == "fails"


def test_a_repair_that_changes_nothing_sends_nothing() -> None:
    letter, record = failed(orjson.dumps(track(userId=17)))
    mended = Record(record.origin, record.key, orjson.dumps(track()), record.timestamp)
    found = tried(letter, mended, TRIES, checks)
    assert found == Tried("unchanged", "ids")


def test_what_the_tracking_plan_drops_is_not_sent() -> None:
    letter, record = failed(orjson.dumps(track(userId=17)))
    dropped = Dropped(record.origin, "plan:unplanned_event")
    found = tried(letter, record, TRIES, lambda _: dropped)
    assert found == Tried("dropped", "ids", "plan:unplanned_event")


def test_no_repr_holds_a_value() -> None:
    found = run(track(userId=17, properties={"email": JANE}))
    assert JANE in (found.value or b"").decode()
    assert JANE not in repr(found)


@pytest.mark.parametrize(
    ("cause", "meant"),
    [
        (Cause("decode", "wrong_type", "userId"), True),
        (Cause("decode", "wrong_type", "event"), False),
        (Cause("decode", "missing_field", "event"), True),
        (Cause("decode", "empty", ""), False),
    ],
)
def test_originals_that_no_repair_is_meant_for_need_not_be_opened(
    cause: Cause, *, meant: bool
) -> None:
    assert is_meant(cause, TRIES) is meant


def test_a_framed_original_is_repaired_as_the_json_that_it_stands_for() -> None:
    framed = b"\x00\x00\x00\x00\x07rest"

    def unframe(value: bytes, _header: bytes | None) -> bytes:
        assert value == framed
        return orjson.dumps(track(userId=17))

    letter, record = failed(orjson.dumps(track(userId=17)))
    tries = Tries.of(TRIES.repairs, unframe)
    found = tried(letter, Record(record.origin, b"k", framed, record.timestamp), tries, checks)
    assert orjson.loads(found.value or b"") == track(userId="17")


def test_a_framed_original_whose_schema_is_not_known_fails_as_it_is_read() -> None:
    def unframe(_value: bytes, _header: bytes | None) -> bytes:
        raise EventError("decode", "unknown_schema")

    letter, record = failed(orjson.dumps(track(userId=17)))
    framed = Record(record.origin, b"k", b"\x00\x00\x00\x00\x07rest", record.timestamp)
    found = tried(letter, framed, Tries.of(TRIES.repairs, unframe), checks)
    assert found == Tried("fails", "", "decode.unknown_schema")
