from __future__ import annotations

from streamproc.events import Micros
from streamproc.warehouse import Advance, LoadedRow
from streamproc.warehouse.pending import Pending

NOW = Micros(1)


def row(message_id: str) -> LoadedRow:
    return LoadedRow(
        message_id=message_id,
        type="page",
        event=None,
        user_id=None,
        anonymous_id=None,
        identity_id=None,
        original_timestamp=None,
        sent_at=None,
        received_at=NOW,
        timestamp=NOW,
        payload="{}",
        manifest="[]",
        ruleset="f00d",
        source_topic="events.raw",
        source_partition=0,
        source_offset=0,
    )


def assigned() -> Pending:
    pending = Pending("warehouse.load")
    pending.assign({0: 10, 1: 0})
    return pending


def test_a_batch_advances_only_what_was_read() -> None:
    pending = assigned()
    pending.add(0, 10, row("a"))
    pending.add(0, 11, None)
    batch = pending.batch(NOW)
    assert [loaded.message_id for loaded in batch.rows] == ["a"]
    assert batch.advances == {0: Advance(10, 12)}
    assert pending.records == 2


def test_a_gap_in_offsets_is_passed_over() -> None:
    pending = assigned()
    pending.add(0, 10, row("a"))
    pending.add(0, 15, row("b"))
    assert pending.batch(NOW).advances == {0: Advance(10, 16)}


def test_the_next_batch_goes_on_where_the_last_ended() -> None:
    pending = assigned()
    pending.add(0, 10, row("a"))
    pending.loaded()
    assert pending.batch(NOW).advances == {}
    pending.add(0, 11, row("b"))
    batch = pending.batch(NOW)
    assert batch.advances == {0: Advance(11, 12)}
    assert [loaded.message_id for loaded in batch.rows] == ["b"]


def test_a_revoked_partition_is_dropped_with_its_rows() -> None:
    pending = assigned()
    pending.add(0, 10, row("a"))
    pending.add(1, 0, row("b"))
    pending.revoke([0])
    batch = pending.batch(NOW)
    assert batch.advances == {1: Advance(0, 1)}
    assert [loaded.message_id for loaded in batch.rows] == ["b"]
    assert pending.records == 1


def test_caught_up_needs_an_assignment_and_every_partitions_end() -> None:
    pending = Pending("warehouse.load")
    assert not pending.caught_up
    pending.assign({0: 0, 1: 0})
    pending.reached_end(0)
    assert not pending.caught_up
    pending.reached_end(1)
    assert pending.caught_up


def test_no_partitions_at_all_is_caught_up() -> None:
    pending = Pending("warehouse.load")
    pending.assign({})
    assert pending.caught_up


def test_the_end_of_a_partition_that_was_revoked_is_ignored() -> None:
    pending = assigned()
    pending.revoke([1])
    pending.reached_end(1)
    assert not pending.caught_up


def test_a_rows_repr_names_its_origin_alone() -> None:
    assert repr(row("secret")) == "LoadedRow(events.raw[0]@0)"
