from __future__ import annotations

from streamproc.canaries import KINDS, PLACES, Ledger, Recipe, Sent, Spot, hatch
from streamproc.canaries.ledger import LIVE

RECIPE = Recipe(b"s" * 32, people=4, places=PLACES, kinds=KINDS)
LOG = Spot("log", "worker.log")


def sent(number: int, at: float = 0.0) -> Sent:
    return Sent(hatch(RECIPE, number.to_bytes(8)), partition=0, offset=number, at=at)


def ledger(*canaries: Sent) -> Ledger:
    made = Ledger(expected_seconds=60)
    for each in canaries:
        made.send(each)
    return made


def test_a_canary_that_came_has_one_verdict() -> None:
    one = sent(0)
    book = ledger(one)
    assert book.waiting
    assert book.come(one, 2.5, leaked=False) == ("clean", 2.5)
    assert book.come(one, 3.0, leaked=True) is None
    assert not book.waiting


def test_a_canary_is_late_once_and_has_no_verdict_afterwards() -> None:
    one = sent(0)
    book = ledger(one)
    assert book.overdue(60.0) == []
    assert book.overdue(60.1) == [one]
    assert book.overdue(99.0) == []
    assert book.come(one, 100.0, leaked=False) is None


def test_a_canary_is_found_by_where_it_lies_on_the_raw_topic() -> None:
    book = ledger(sent(0), sent(1))
    found = book.at(0, 1)
    assert found is not None
    assert found.offset == 1
    assert book.at(1, 1) is None


def test_values_are_found_anywhere_and_told_once_for_each_place() -> None:
    one = sent(0)
    book = ledger(one)
    value = next(each for each in one.canary.planted if each.path == "properties.link")
    (planted,) = book.search(b"level=info " + value.value.upper().encode())
    told = book.found(planted, LOG, 7.0)
    assert told is not None
    assert (told.kind, told.path, told.where, told.seconds) == ("email", value.path, "log", 7.0)
    assert book.found(planted, LOG, 8.0) is None
    assert book.found(planted, Spot("log", "other.log"), 9.0) is not None


def test_what_is_not_unmistakable_is_a_leak_in_its_own_row_alone() -> None:
    one = sent(0)
    book = ledger(one)
    for planted in one.canary.planted:
        found = book.search(planted.value.encode())
        assert bool(found) == (planted.kind in {"email", "ip"})


def test_the_oldest_canaries_are_forgotten() -> None:
    book = ledger(*(sent(number) for number in range(LIVE + 1)))
    assert book.at(0, 0) is None
    assert book.at(0, 1) is not None
