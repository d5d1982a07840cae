from __future__ import annotations

import pytest

from streamproc.deadletters import inventory as module
from streamproc.deadletters.inventory import Inventory, Position, Replay, Wanted
from streamproc.errors import Stage
from streamproc.events import DeadLetter, Micros, Origin

HERE = Position(0, 0)


def letter(
    offset: int = 0,
    *,
    stage: Stage = "decode",
    code: str = "wrong_type",
    path: str = "userId",
    topic: str = "raw",
    partition: int = 0,
    sealed: bytes | None = None,
    ruleset: str = "f00d",
) -> DeadLetter:
    origin = Origin(topic, partition, offset)
    return DeadLetter(stage, code, path, origin, Micros(1), ruleset, b"{}", sealed)


def filled(*letters: DeadLetter, wanted: Wanted | None = None) -> Inventory:
    inventory = Inventory(wanted)
    for offset, each in enumerate(letters):
        inventory.add(Position(0, offset), Micros(100 + offset), each)
    return inventory


def test_letters_are_counted_by_cause_the_most_frequent_first() -> None:
    inventory = filled(
        letter(path="items[0].sku"),
        letter(code="not_json", path=""),
        letter(path="items[7].sku"),
    )
    inventory.add_replay(Replay(Position(0, 2), 1, Origin("raw", 0, 9), None))

    first, second = inventory.groups()

    assert first.cause == ("decode", "wrong_type", "items[*].sku")
    assert (first.letters, first.waiting, first.first, first.last) == (2, 1, 100, 102)
    assert first.example == Position(0, 0)
    assert (second.cause.code, second.letters) == ("not_json", 1)


def test_a_mark_says_that_a_letter_was_sent_again_and_the_next_one_that_it_came_back() -> None:
    inventory = filled(letter(5), letter(8, partition=3), letter(6))
    inventory.add_replay(Replay(Position(0, 0), 2, Origin("raw", 3, 8), "abc"))

    first, second, third = inventory.entries()

    assert [first.replayed, second.replayed, third.replayed] == [True, False, False]
    assert [first.attempts, second.attempts, third.attempts] == [0, 2, 0]
    assert inventory.is_replayed(Position(0, 0))
    assert not inventory.is_replayed(Position(1, 0))
    assert inventory.attempts_of(Origin("raw", 3, 8)) == 2
    assert inventory.attempts_of(Origin("elsewhere", 3, 8)) == 0


def test_an_entry_has_all_that_was_said_of_its_letter() -> None:
    inventory = filled(letter(2**62, topic="load", partition=7, sealed=b"12345"))

    (entry,) = inventory.entries()

    assert entry.origin == Origin("load", 7, 2**62)
    assert (entry.position, entry.written, entry.size) == (HERE, 100, 5)
    assert entry.cause == ("decode", "wrong_type", "userId")


def test_letters_come_in_the_order_in_which_their_records_lay() -> None:
    inventory = filled(
        letter(9), letter(1, partition=1), letter(3), letter(1, topic="load"), letter(2)
    )
    found = [entry.origin for entry in inventory.entries_by_record()]
    assert found == [
        Origin("raw", 0, 2),
        Origin("raw", 1, 1),
        Origin("raw", 0, 3),
        Origin("load", 0, 1),
        Origin("raw", 0, 9),
    ]


def test_partitions_take_turns_as_their_letters_were_written() -> None:
    letters = [letter(turn // 4, partition=turn % 4) for turn in range(40)]
    wanted = Wanted(topics=frozenset({"raw"}))
    inventory = filled(*letters, letter(topic="load"), wanted=wanted)
    assert [each.position.offset for each in inventory.entries_by_record()] == [*range(40)]


def test_an_empty_inventory_yields_nothing() -> None:
    assert [*Inventory().entries_by_record()] == []


@pytest.mark.parametrize(
    ("wanted", "offsets"),
    [
        (Wanted(), [0, 1, 2, 3]),
        (Wanted(stages=frozenset({"plan"})), [2]),
        (Wanted(codes=frozenset({"not_json"})), [1]),
        (Wanted(paths=frozenset({"items[*].sku"})), [3]),
        (Wanted(paths=frozenset({"items[4].sku"})), [3]),
        (Wanted(topics=frozenset({"load"})), [1]),
        (Wanted(rulesets=frozenset({"beef"})), [0]),
        (Wanted(until=Micros(102)), [0, 1]),
        (Wanted(positions=frozenset({Position(0, 3), Position(1, 0)})), [3]),
        (Wanted(stages=frozenset({"decode"}), codes=frozenset({"wrong_type"})), [0, 3]),
    ],
)
def test_only_what_is_asked_for_is_yielded(wanted: Wanted, offsets: list[int]) -> None:
    inventory = filled(
        letter(ruleset="beef"),
        letter(code="not_json", path="", topic="load"),
        letter(stage="plan", path="properties"),
        letter(path="items[4].sku"),
        wanted=wanted,
    )
    assert [entry.position.offset for entry in inventory.entries()] == offsets
    assert inventory.wanted == len(offsets)
    assert len(inventory) == len([*inventory.entries(all_of_them=True)]) == 4


def test_causes_without_end_do_not_take_memory_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_CAUSES", 3)
    inventory = filled(*(letter(path=f"properties.{number}") for number in range(10)))
    groups = inventory.groups()
    assert len(groups) == 4
    assert (groups[0].cause.path, groups[0].letters) == ("…", 7)


def test_what_cannot_be_read_is_counted_with_examples() -> None:
    inventory = Inventory()
    for offset in range(3, 20):
        inventory.add_unreadable(Position(2, offset))
    assert inventory.unreadable == 17
    assert inventory.examples == [Position(2, offset) for offset in range(3, 8)]
    assert inventory.unreadable_from == {2: 3}


@pytest.mark.parametrize("text", ["", "3", "3-", "-3", "a-1", "1-2-3", "1--2", "1-2x", "1" * 40])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 3-1042"):
        Position.parse(text)


def test_a_position_is_read_as_it_is_written() -> None:
    assert Position.parse(str(Position(3, 1042))) == Position(3, 1042)
