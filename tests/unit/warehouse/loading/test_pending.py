from __future__ import annotations

from streamproc.warehouse import Advance
from streamproc.warehouse.loading.pending import Chunk, Limits, Pending
from streamproc.warehouse.loading.source import Fetched
from streamproc.warehouse.loading.spool import Spooled
from streamproc.warehouse.sink import Place, Position

A, B = Place("warehouse.load", 0), Place("warehouse.load", 1)
LIMITS = Limits(10, 1_000, chunk_rows=3, gathered_rows=5, gathered_bytes=400)


def assigned(limits: Limits = LIMITS) -> Pending:
    pending = Pending(limits)
    pending.start(A, Position(10), Position(10))
    pending.start(B, Position(0), Position(0))
    return pending


def read(pending: Pending, place: Place, *offsets: int, size: int = 1, now: float = 0.0) -> None:
    for offset in offsets:
        pending.gather(Fetched(place, offset, None, b"x" * size, 0), now)


def cut(pending: Pending, place: Place) -> Chunk:
    first, gathered = pending.cut(place)
    chunk = Chunk(
        place=place,
        first=first,
        following=gathered.following,
        since=gathered.since,
        records=len(gathered.records),
        size=gathered.size,
        tables=Spooled({}, 0),
        kinds={},
        deletions=(),
        corrections=False,
        dead=0,
    )
    pending.put(chunk)
    return chunk


def test_a_batch_advances_only_what_was_read() -> None:
    pending = assigned()
    read(pending, A, 10, 11)
    chunk = cut(pending, A)
    sealed = pending.seal()
    assert sealed.chunks == [chunk]
    assert sealed.advances == {A: Advance(Position(10), Position(12))}


def test_a_gap_in_offsets_is_passed_over() -> None:
    pending = assigned()
    read(pending, A, 10, 15)
    cut(pending, A)
    assert pending.seal().advances == {A: Advance(Position(10), Position(16))}


def test_what_a_topic_lost_before_it_was_read_is_passed_over() -> None:
    pending = Pending(LIMITS)
    pending.start(A, Position(10), Position(40))
    read(pending, A, 40)
    cut(pending, A)
    assert pending.seal().advances == {A: Advance(Position(10), Position(41))}


def test_records_wait_until_the_warehouse_has_them() -> None:
    pending = assigned()
    read(pending, A, 10, 11, size=7)
    cut(pending, A)
    sealed = pending.seal()
    assert pending.seal() == sealed
    assert (pending.records, pending.size) == (2, 14)
    pending.loaded(sealed)
    assert (pending.records, pending.size) == (0, 0)
    assert pending.seal().advances == {}


def test_the_next_batch_goes_on_where_the_last_ended() -> None:
    pending = assigned()
    read(pending, A, 10)
    cut(pending, A)
    sealed = pending.seal()
    read(pending, A, 11)  # while that is being loaded
    pending.loaded(sealed)
    second = cut(pending, A)
    assert pending.seal().advances == {A: Advance(Position(11), Position(12))}
    assert pending.seal().chunks == [second]


def test_a_batch_takes_the_oldest_chunks_up_to_its_limits() -> None:
    pending = assigned()
    chunks = []
    for number in range(4):
        read(pending, A, *range(10 + 3 * number, 13 + 3 * number))
        chunks.append(cut(pending, A))
        read(pending, B, number)
        chunks.append(cut(pending, B))
    sealed = pending.seal()
    # 3 + 1 + 3 + 1 records; another 3 would be 11, but two more times 1 fit.
    assert sealed.chunks == [*chunks[:4], chunks[5], chunks[7]]
    assert sealed.advances == {
        A: Advance(Position(10), Position(16)),
        B: Advance(Position(0), Position(4)),
    }


def test_a_batch_ends_at_its_bytes_and_holds_one_chunk_at_least() -> None:
    pending = assigned()
    read(pending, A, 10, size=5_000)
    chunk = cut(pending, A)
    read(pending, A, 11, size=1)
    cut(pending, A)
    assert pending.seal().chunks == [chunk]


def test_rows_become_a_chunk_when_a_partition_has_enough() -> None:
    pending = assigned()
    read(pending, A, 10)
    read(pending, B, 0, 1)
    assert pending.crowded(B) is None
    read(pending, B, 2)
    assert pending.crowded(B) == B
    cut(pending, B)
    assert pending.crowded(B) is None
    assert pending.gathered_places() == [A]


def test_rows_become_a_chunk_when_there_are_enough_over_all_partitions() -> None:
    pending = Pending(LIMITS._replace(chunk_rows=100))
    pending.start(A, Position(0), Position(0))
    pending.start(B, Position(0), Position(0))
    read(pending, A, 0, 1)
    read(pending, B, 0, 1, 2)
    assert pending.crowded(A) == B


def test_few_large_rows_become_a_chunk_too() -> None:
    pending = assigned()
    read(pending, B, 0, size=401)
    assert pending.crowded(B) == B


def test_rows_of_a_partition_that_has_gone_make_no_chunk() -> None:
    pending = assigned()
    pending.drop([A])
    read(pending, A, *range(10, 20))
    assert pending.crowded(A) is None


def test_row_numbers_of_two_chunks_do_not_overlap() -> None:
    pending = assigned()
    read(pending, A, 10, 11)
    read(pending, B, 0, 1, 2)
    firsts = {cut(pending, A).first, cut(pending, B).first}
    assert firsts == {0, 2}


def test_a_revoked_partition_is_dropped_with_its_chunks_and_the_others_stay() -> None:
    pending = assigned()
    read(pending, A, 10, 11)
    chunk = cut(pending, A)
    read(pending, A, 12)
    read(pending, B, 0)
    other = cut(pending, B)
    assert pending.drop([A]) == [chunk]
    assert pending.chunks() == {other}
    read(pending, A, 13)  # fetched before it was revoked
    assert pending.records == 1


def test_a_partition_revoked_while_it_was_loaded_is_not_counted_twice() -> None:
    pending = assigned()
    read(pending, A, 10)
    read(pending, B, 0)
    cut(pending, A)
    cut(pending, B)
    sealed = pending.seal()
    pending.drop([A])
    pending.start(A, Position(10), Position(10))  # it came back at once
    read(pending, A, 10)
    pending.loaded(sealed)
    assert pending.records == 1
    assert pending.moved({A: Position(11), B: Position(1)}) == [A]


def test_offsets_tell_whether_a_batch_is_in() -> None:
    pending = assigned()
    read(pending, A, 10, 11)
    read(pending, B, 0)
    cut(pending, A)
    cut(pending, B)
    sealed = pending.seal()
    assert not pending.is_in(sealed, {A: Position(10)})
    assert not pending.is_in(sealed, {A: Position(12)})
    assert pending.is_in(sealed, {A: Position(12), B: Position(1)})


def test_partitions_that_others_moved_on_are_told() -> None:
    pending = assigned()
    assert pending.moved({A: Position(10)}) == []
    assert pending.moved({A: Position(11), B: Position(0)}) == [A]
    assert pending.moved({}) == [A]


def test_the_oldest_record_says_how_long_a_batch_has_waited() -> None:
    pending = assigned()
    assert pending.oldest() is None
    read(pending, A, 10, now=3.0)
    read(pending, B, 0, now=2.0)
    assert pending.oldest() == 2.0
    cut(pending, B)
    read(pending, B, 1, now=9.0)
    assert pending.oldest() == 2.0
    pending.drop([B])
    assert pending.oldest() == 3.0


def test_a_batch_is_full_by_rows_or_bytes() -> None:
    pending = assigned()
    found = []
    for offset in range(10, 20):
        read(pending, A, offset)
        found.append(pending.is_full)
    assert found == [False] * 9 + [True]
    others = assigned()
    read(others, A, 10, size=1_000)
    assert others.is_full


def test_caught_up_needs_every_partitions_end() -> None:
    pending = assigned()
    found = []
    for place in (A, B):
        pending.reached_end(place)
        found.append(pending.caught_up)
    assert found == [False, True]


def test_the_end_of_a_partition_that_was_revoked_is_ignored() -> None:
    pending = assigned()
    pending.drop([B])
    pending.reached_end(B)
    assert B not in pending.positions()
