from __future__ import annotations

from streamproc.deadletters import dead_letter, generate_key_pair, sealer, unpack_original, unseal
from streamproc.errors import EventError
from streamproc.events import Micros, Origin, Record

RECORD = Record(Origin("events.raw", 1, 7), b"ada", b'{"userId":"ada@example.com"}', Micros(5))
ERROR = EventError("decode", "missing_type", "type")


def test_a_dead_letter_says_where_why_and_in_what_shape() -> None:
    letter = dead_letter(RECORD, ERROR, ruleset="f00d", seal=None)
    assert (letter.stage, letter.code, letter.path) == ("decode", "missing_type", "type")
    assert (letter.origin, letter.timestamp, letter.ruleset) == (RECORD.origin, 5, "f00d")
    assert letter.view == b'{"userId":"<string 15>"}'


def test_without_a_key_the_original_is_left_out() -> None:
    letter = dead_letter(RECORD, ERROR, ruleset="", seal=None)
    assert letter.sealed is None


def test_with_a_key_the_original_is_only_in_the_sealed_part() -> None:
    pair = generate_key_pair()
    letter = dead_letter(RECORD, ERROR, ruleset="", seal=sealer(pair.public))
    assert letter.sealed is not None
    assert unpack_original(unseal(pair.private, letter.sealed)) == (RECORD.key, RECORD.value)
    assert b"ada" not in letter.sealed
    assert b"ada" not in letter.view
    assert "ada" not in repr(letter)
