from __future__ import annotations

from collections.abc import Mapping

import pytest

from streamproc.rollout.ledger import Ledger, Piece, Try
from streamproc.rollout.records import Abort, Activate, Prepare, Published, Statement

RAW = "events.raw"


def published(number: int, nonce: str = "n") -> Published:
    return Published(
        id=number,
        nonce=nonce,
        files={"default.yaml": "version: 1"},
        fingerprint="f",
        rows="r",
        author="a",
        message="m",
        at="2026-01-01T00:00:00+00:00",
    )


def prepare(number: int, attempt: int = 1) -> Prepare:
    return Prepare(id=number, attempt=attempt)


def activate(
    number: int, fences: Mapping[int, int], attempt: int = 1, topic: str = RAW
) -> Activate:
    by_name = {str(partition): offset for partition, offset in fences.items()}
    return Activate(id=number, attempt=attempt, topic=topic, fences=by_name)


def abort(number: int, attempt: int = 1) -> Abort:
    return Abort(id=number, attempt=attempt, by="w", reason="too_slow")


def ledger(*statements: Statement) -> Ledger:
    made = Ledger(RAW)
    for statement in statements:
        made.apply(statement)
    return made


def taken_over(number: int, fences: Mapping[int, int]) -> tuple[Statement, ...]:
    return published(number), prepare(number), activate(number, fences)


def test_nothing_is_in_force_before_the_first_activation() -> None:
    assert ledger(published(1), prepare(1)).in_force(0, 5) is None


def test_a_ruleset_decides_from_its_fence_on() -> None:
    made = ledger(*taken_over(1, {}), *taken_over(2, {0: 10, 1: 20}))

    assert [made.in_force(0, offset) for offset in (0, 9, 10, 11)] == [1, 1, 2, 2]
    assert [made.in_force(1, offset) for offset in (19, 20)] == [1, 2]


def test_partitions_that_come_later_are_decided_by_the_latest_from_the_beginning() -> None:
    assert ledger(*taken_over(1, {}), *taken_over(2, {0: 10})).in_force(7, 0) == 2


def test_of_overlapping_fences_the_later_statement_counts() -> None:
    made = ledger(*taken_over(1, {}), *taken_over(2, {0: 10}), *taken_over(3, {0: 8}))

    assert [made.in_force(0, offset) for offset in (7, 8, 10)] == [1, 3, 3]


def test_a_batch_is_cut_at_the_fences_in_it() -> None:
    made = ledger(*taken_over(1, {}), *taken_over(2, {0: 10}), *taken_over(3, {0: 15}))

    assert made.pieces(0, 8, 20) == [Piece(8, 10, 1), Piece(10, 15, 2), Piece(15, 20, 3)]


@pytest.mark.parametrize(("first", "following", "ruleset"), [(0, 10, 1), (10, 11, 2), (10, 30, 2)])
def test_a_batch_beside_a_fence_is_one_piece(first: int, following: int, ruleset: int) -> None:
    made = ledger(*taken_over(1, {}), *taken_over(2, {0: 10}))

    assert made.pieces(0, first, following) == [Piece(first, following, ruleset)]


def test_pieces_of_one_ruleset_are_one() -> None:
    made = ledger(*taken_over(1, {}), *taken_over(2, {0: 10}), *taken_over(3, {0: 5}))

    assert made.pieces(0, 0, 20) == [Piece(0, 5, 1), Piece(5, 20, 3)]


def test_a_try_is_undecided_until_its_first_outcome() -> None:
    made = ledger(published(1), prepare(1))

    assert made.undecided == [Try(1, 1)]
    assert made.apply(abort(1))
    assert made.undecided == []


def test_an_activation_that_comes_after_the_abort_does_not_count() -> None:
    made = ledger(*taken_over(1, {}), published(2), prepare(2), abort(2))

    assert not made.apply(activate(2, {0: 5}))
    assert made.in_force(0, 9) == 1


def test_an_abort_that_comes_after_the_activation_does_not_count() -> None:
    made = ledger(*taken_over(1, {}), *taken_over(2, {0: 5}))

    assert not made.apply(abort(2))
    assert made.in_force(0, 9) == 2


def test_a_second_try_of_a_ruleset_has_an_outcome_of_its_own() -> None:
    made = ledger(*taken_over(1, {}), published(2), prepare(2), abort(2), prepare(2, 2))
    made.apply(activate(2, {0: 5}, attempt=2))

    assert made.in_force(0, 5) == 2


def test_an_activation_nobody_prepared_does_not_count() -> None:
    made = ledger(*taken_over(1, {}), published(2))

    assert not made.apply(activate(2, {}))


def test_an_activation_for_another_topic_does_not_count() -> None:
    made = ledger(published(1), prepare(1))

    assert not made.apply(activate(1, {}, topic="other.raw"))


def test_of_two_rulesets_with_one_number_the_first_counts() -> None:
    made = ledger(published(1, "first"))

    assert not made.apply(published(1, "second"))
    assert made.rulesets[1].nonce == "first"


def test_a_ruleset_that_cannot_be_read_takes_over_all_the_same() -> None:
    made = ledger(*taken_over(1, {}), prepare(2), activate(2, {0: 5}))

    assert made.in_force(0, 5) == 2
    assert 2 not in made.rulesets


def test_a_ruleset_that_is_given_up_has_no_try() -> None:
    made = ledger(published(1))

    assert made.apply(Abort(id=1, attempt=0, by="publisher", reason="refused"))
    assert made.undecided == []


def test_fences_of_a_topic_that_was_made_anew_lie_before_all_that_is_in_it() -> None:
    made = ledger(
        *taken_over(1, {}),
        *of_topic("old", *taken_over(2, {0: 10})),
        *of_topic("new", *taken_over(3, {0: 5})),
    )

    made.topic_id = "new"
    assert [made.in_force(0, offset) for offset in (0, 4, 5)] == [2, 2, 3]
    assert made.pieces(0, 0, 9) == [Piece(0, 5, 2), Piece(5, 9, 3)]


@pytest.mark.parametrize(("there", "said"), [(None, "old"), ("old", None), ("old", "old")])
def test_fences_count_where_nobody_knows_of_another_topic(
    there: str | None, said: str | None
) -> None:
    made = ledger(*taken_over(1, {}), *of_topic(said, *taken_over(2, {0: 10})))

    made.topic_id = there
    assert [made.in_force(0, offset) for offset in (9, 10)] == [1, 2]


def test_an_activation_of_another_raw_topic_is_an_outcome_nobody_waits_for_any_more() -> None:
    made = ledger(*taken_over(1, {}), published(2), prepare(2))

    assert not made.apply(activate(2, {}, topic="another.raw"))
    assert made.undecided == []
    assert made.latest == 1


def of_topic(topic_id: str | None, *statements: Statement) -> list[Statement]:
    return [
        each.model_copy(update={"topic_id": topic_id}) if isinstance(each, Activate) else each
        for each in statements
    ]
