from __future__ import annotations

from streamproc.business.known import KnownRecord, KnownRecords
from streamproc.events import Micros, Token

ONE, TWO, THREE = (Token(f"tok_k1_{letter}") for letter in "abc")


def test_a_record_is_met_for_the_first_time_once() -> None:
    with KnownRecords() as known:
        assert [known.see(token, 1) for token in (ONE, TWO, ONE)] == [True, True, False]


def test_what_was_not_met_is_missing_of_its_object_alone() -> None:
    with KnownRecords() as known:
        for kind, token in (("contact", ONE), ("contact", TWO), ("account", THREE)):
            known.know(KnownRecord(kind, token, Micros(1), None))
        known.see(ONE, 1)

        assert [each.token for each in known.missing("contact")] == [TWO]
        assert known.count("contact") == 2
        known.forget("contact", TWO)
        assert [*known.missing("contact")] == []


def test_records_of_other_versions_are_those_of_none_too() -> None:
    with KnownRecords() as known:
        for token, version in ((ONE, 1), (TWO, 2), (THREE, None)):
            known.know(KnownRecord("contact", token, Micros(1), version))

        assert {each.token for each in known.of_other_versions("contact", 2)} == {ONE, THREE}
