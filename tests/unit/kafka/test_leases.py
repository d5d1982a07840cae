from __future__ import annotations

from collections.abc import Sequence

import pytest

from streamproc.events import Micros, Origin, Record
from streamproc.kafka.leases import BATCH_BYTES, RECORD_BYTES, Batch, Lease


def records(*offsets: int) -> list[Record]:
    return [
        Record(Origin("raw", 0, offset), b"key", b"secret value", Micros(0)) for offset in offsets
    ]


def offsets_of(found: Sequence[Record]) -> list[int]:
    return [record.origin.offset for record in found]


def lease_of(*offsets: int) -> Lease:
    lease = Lease("raw", 0)
    lease.add(records(*offsets))
    return lease


def handed_out(lease: Lease, most: int = 2) -> Batch:
    batch = lease.next_batch(most)
    assert batch is not None
    return batch


def taken(lease: Lease, most: int = 2) -> Batch:
    batch = handed_out(lease, most)
    assert batch.take()
    return batch


def test_an_empty_lease_hands_out_nothing_and_has_nothing_to_commit() -> None:
    lease = Lease("raw", 0)

    assert lease.next_batch(10) is None
    assert lease.uncommitted() is None
    assert not lease.busy


def test_records_are_handed_out_in_order_up_to_the_most_that_is_wanted() -> None:
    lease = lease_of(4, 5, 9)

    batch = handed_out(lease)

    assert offsets_of(batch.records) == [4, 5]
    assert lease.backlog == 1


def test_one_batch_is_out_at_a_time() -> None:
    lease = lease_of(0, 1, 2, 3)

    batch = handed_out(lease)
    assert lease.next_batch(2) is None  # waiting
    assert batch.take()
    assert lease.next_batch(2) is None  # taken
    batch.done()

    assert offsets_of(handed_out(lease).records) == [2, 3]


def test_a_batch_is_taken_once() -> None:
    batch = taken(lease_of(0))

    assert not batch.take()


def test_a_finished_batch_moves_the_watermark_past_its_own_last_record() -> None:
    lease = lease_of(3, 7, 20)

    taken(lease).done()

    assert lease.uncommitted() == 8  # not 20: the gap acknowledges nothing early


def test_only_what_the_broker_stored_counts_as_committed() -> None:
    lease = lease_of(0, 1)
    taken(lease).done()

    assert (lease.uncommitted(), lease.uncommitted()) == (2, 2)  # asking changes nothing
    lease.committed(2)

    assert lease.uncommitted() is None


def test_what_is_finished_while_a_commit_is_under_way_is_committed_later() -> None:
    lease = lease_of(0, 1)
    taken(lease, 1).done()
    taken(lease, 1).done()

    lease.committed(1)

    assert lease.uncommitted() == 2


def test_a_batch_that_nobody_took_cannot_be_done() -> None:
    lease = lease_of(0)
    batch = handed_out(lease)

    batch.done()

    assert lease.uncommitted() is None
    assert batch.take()  # still there to be taken


def test_a_batch_that_is_done_twice_counts_once() -> None:
    lease = lease_of(0, 1, 2, 3)
    first = taken(lease)
    first.done()
    second = taken(lease)

    first.done()

    assert lease.busy  # the second is still out
    assert lease.uncommitted() == 2
    second.done()
    assert lease.uncommitted() == 4


def test_a_batch_that_was_given_back_is_handed_out_again_before_what_follows() -> None:
    lease = lease_of(0, 1, 2)

    taken(lease).give_back()
    again = handed_out(lease, 1)

    assert offsets_of(again.records) == [0, 1]  # whole, whatever is wanted now
    assert lease.uncommitted() is None


def test_a_batch_that_was_given_back_can_do_nothing_more() -> None:
    lease = lease_of(0)
    batch = taken(lease)
    batch.give_back()

    assert not batch.take()
    batch.done()
    assert lease.uncommitted() is None

    again = taken(lease)
    batch.give_back()  # must not take the records from whoever has them now
    again.done()
    assert lease.uncommitted() == 1


def test_tries_are_counted_until_one_succeeds() -> None:
    lease = lease_of(0, 1)

    attempts = []
    for _ in range(3):
        batch = taken(lease, 1)
        attempts.append(batch.attempt)
        batch.give_back()
    taken(lease, 1).done()

    assert attempts == [0, 1, 2]
    assert taken(lease, 1).attempt == 0


def test_the_first_batch_is_first_until_it_is_done() -> None:
    lease = lease_of(0, 1)

    first = taken(lease, 1)
    first.give_back()
    again = taken(lease, 1)
    again.done()
    second = taken(lease, 1)

    assert (first.first, again.first, second.first) == (True, True, False)


def test_a_batch_lost_in_a_queue_is_recalled_and_is_no_failed_try() -> None:
    lease = lease_of(0)
    lost = handed_out(lease)

    lease.recall()
    again = handed_out(lease)

    assert again.attempt == 0
    assert not lost.take()
    assert again.take()


def test_a_batch_that_is_being_worked_on_is_not_recalled() -> None:
    lease = lease_of(0)
    batch = taken(lease)

    lease.recall()
    batch.done()

    assert lease.uncommitted() == 1


def test_recalling_nothing_does_nothing() -> None:
    lease = Lease("raw", 0)

    lease.recall()

    assert lease.next_batch(1) is None


def test_a_closed_lease_lets_finish_what_is_being_worked_on_and_hands_out_nothing() -> None:
    lease = lease_of(0, 1, 2)
    batch = taken(lease)

    lease.close()
    lease.add(records(3))

    assert (lease.busy, lease.backlog) == (True, 0)
    batch.done()
    assert (lease.busy, lease.uncommitted()) == (False, 2)
    assert lease.next_batch(1) is None


def test_a_batch_waiting_when_its_lease_is_closed_can_no_longer_be_taken() -> None:
    lease = lease_of(0)
    batch = handed_out(lease)

    lease.close()

    assert not batch.take()
    assert not lease.busy


def test_a_batch_given_back_after_its_lease_was_closed_is_left_to_the_next_owner() -> None:
    lease = lease_of(0)
    batch = taken(lease)
    lease.close()

    batch.give_back()

    assert lease.next_batch(1) is None
    assert lease.uncommitted() is None


def test_what_finishes_after_its_lease_was_abandoned_has_no_effect() -> None:
    lease = lease_of(0)
    batch = taken(lease)

    lease.abandon()
    batch.done()

    assert lease.uncommitted() is None
    assert not lease.busy


def test_what_was_finished_before_its_lease_was_abandoned_stays_finished() -> None:
    lease = lease_of(0, 1)
    taken(lease, 1).done()

    lease.abandon()

    assert lease.uncommitted() == 1


@pytest.mark.parametrize("ending", ["done", "give_back"])
def test_a_change_is_told_when_a_batch_ends_and_may_use_the_lease(ending: str) -> None:
    told: list[int | None] = []
    lease = Lease("raw", 0, lambda each: told.append(each.uncommitted()))
    lease.add(records(0))
    batch = taken(lease)
    assert told == []

    getattr(batch, ending)()

    assert told == [1 if ending == "done" else None]


def test_a_change_is_told_when_a_batch_is_recalled() -> None:
    told: list[Lease] = []
    lease = Lease("raw", 0, told.append)
    lease.add(records(0))
    handed_out(lease)

    lease.recall()

    assert told == [lease]


def test_no_value_of_a_record_stands_in_a_repr() -> None:
    lease = lease_of(3, 8)
    batch = taken(lease)

    assert repr(batch) == "<Batch raw-0 3..8 taken>"
    assert repr(lease) == "<Lease raw-0 watermark=None>"


def test_a_batch_ends_when_it_is_large() -> None:
    lease = Lease("raw", 0)
    size = BATCH_BYTES // 2 + 1
    lease.add([Record(Origin("raw", 0, n), b"", b"x" * size, Micros(0)) for n in range(3)])
    assert lease.backlog_bytes == 3 * (size + RECORD_BYTES)

    batch = lease.next_batch(500)

    assert batch is not None
    assert [record.origin.offset for record in batch.records] == [0, 1]
    assert (lease.backlog, lease.backlog_bytes) == (1, size + RECORD_BYTES)


def test_a_record_larger_than_a_batch_is_a_batch_of_its_own() -> None:
    lease = Lease("raw", 0)
    lease.add([Record(Origin("raw", 0, 0), None, b"x" * (BATCH_BYTES + 1), Micros(0))])

    batch = lease.next_batch(500)

    assert batch is not None
    assert len(batch.records) == 1
    assert lease.backlog_bytes == 0
