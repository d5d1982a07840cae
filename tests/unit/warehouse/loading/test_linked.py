"""Who is deleted with whom: what rows show, and what they do not."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest

from streamproc.events import Micros
from streamproc.warehouse.loading.linked import Linked, find_linked
from streamproc.warehouse.sink import Together

Row = tuple[str | None, str | None, str | None]


def found(rows: Sequence[Row], *tokens: str) -> Linked:
    """Look in a warehouse with an event of each row, the newest last."""
    there = [Together(*row, Micros(at), 1) for at, row in enumerate(rows)]

    def ask(asked: Collection[str]) -> list[Together]:
        return [row for row in there if {*asked} & {*row[:3]}]

    return find_linked(tokens, ask)


def test_a_person_is_the_user_id_the_devices_and_the_identity() -> None:
    rows: list[Row] = [(None, "phone", "phone"), ("ada", "phone", "ada"), (None, "phone", "ada")]
    assert found(rows, "ada") == Linked(frozenset({"phone"}), frozenset(), 3)
    assert found(rows, "phone").tokens == {"ada"}


def test_user_ids_that_were_joined_later_are_one_person() -> None:
    rows: list[Row] = [
        ("ada", "phone", "ada"),
        ("lovelace", "desk", "lovelace"),
        ("ada", "phone", "person"),
        ("lovelace", "desk", "person"),
        ("bob", "tablet", "bob"),
    ]
    every = {"ada", "lovelace", "phone", "desk", "person"}
    for one in every:
        assert found(rows, one).tokens == every - {one}
    assert found(rows, "ada").events == 4


def test_user_ids_that_were_cut_apart_are_two_people_again() -> None:
    rows: list[Row] = [
        ("ada", None, "person"),
        ("bob", None, "person"),
        ("ada", None, "ada"),
        ("bob", None, "bob"),
    ]
    assert found(rows, "ada").tokens == set()


@pytest.mark.parametrize("first", ["ada", "bob"])
def test_a_device_that_several_people_used_stays(first: str) -> None:
    rows: list[Row] = [
        ("ada", "kiosk", "ada"),
        ("bob", "kiosk", "bob"),
        (None, "kiosk", "kiosk"),
        ("ada", "phone", "ada"),
    ]
    linked = found(rows, first)
    assert linked.shared == {"kiosk"}
    assert linked.tokens == ({"phone"} if first == "ada" else set())
    assert found(rows, "kiosk").tokens == set()


def test_a_device_that_one_person_used_under_two_user_ids_goes() -> None:
    rows: list[Row] = [("ada", "phone", "person"), ("lovelace", "phone", "person")]
    assert found(rows, "ada") == Linked(frozenset({"lovelace", "phone", "person"}), frozenset(), 2)


def test_who_is_not_there_has_nothing_linked() -> None:
    assert found([("ada", "phone", "ada")], "nobody") == Linked(frozenset(), frozenset(), 0)
    assert found([(None, None, None)], "nobody").events == 0


def test_no_token_is_in_the_repr() -> None:
    linked = found([("ada", "phone", "ada")], "ada")
    assert repr(linked) == "Linked(1 tokens, 0 shared)"
    assert repr(Together("ada", None, None, Micros(0), 3)) == "Together(3 events)"
