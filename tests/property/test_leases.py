"""Whatever happens to a lease, in whatever order: a model with a list and three numbers agrees.

The machine plays the reader (adds, closes, commits), the event loop (hands out, recalls) and
agents, which also say things about batches that are no longer theirs.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streamproc.events import Micros, Origin, Record
from streamproc.kafka.leases import Batch, Lease


class LeaseMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.lease = Lease("raw", 0)
        self.added: list[int] = []  # offsets, with gaps
        self.finished = 0  # how many of them, from the first
        self.out: Batch | None = None  # the one batch that counts
        self.out_taken = False
        self.old: list[Batch] = []  # those that no longer do
        self.closed = False
        self.offset = 0
        self.stored: int | None = None  # what the broker said it has

    @rule(gaps=st.lists(st.integers(1, 5), min_size=1, max_size=6))
    def add(self, gaps: list[int]) -> None:
        offsets = []
        for gap in gaps:
            self.offset += gap
            offsets.append(self.offset)
        self.lease.add([Record(Origin("raw", 0, n), None, None, Micros(0)) for n in offsets])
        if not self.closed:
            self.added += offsets

    @rule(most=st.integers(1, 4), and_take=st.booleans())
    def next_batch(self, most: int, *, and_take: bool) -> None:
        batch = self.lease.next_batch(most)
        if self.out is not None or self.closed or self.finished == len(self.added):
            assert batch is None  # one at a time
            return
        assert batch is not None
        offsets = [record.origin.offset for record in batch.records]
        # In order, without a gap: exactly what comes after what was finished.
        assert offsets == self.added[self.finished : self.finished + len(offsets)]
        assert batch.first == (self.finished == 0)
        self.out, self.out_taken = batch, False
        if and_take:
            self.take()

    @rule()
    def take(self) -> None:
        if self.out is not None:
            assert self.out.take() == (not self.out_taken)
            self.out_taken = True

    @rule()
    def done(self) -> None:
        if self.out is None:
            return
        self.out.done()
        if self.out_taken:
            self.finished += len(self.out.records)
            self.forget()

    @rule()
    def give_back(self) -> None:
        if self.out is not None:
            self.out.give_back()
            self.forget()

    @rule()
    def recall(self) -> None:
        self.lease.recall()
        if not self.out_taken:
            self.forget()

    @precondition(lambda self: self.old)
    @rule(data=st.data(), word=st.sampled_from(["take", "done", "give_back"]))
    def a_batch_that_ended_speaks(self, data: st.DataObject, word: str) -> None:
        batch = data.draw(st.sampled_from(self.old))
        assert not getattr(batch, word)()

    @rule()
    def commit_is_acknowledged(self) -> None:
        offset = self.lease.uncommitted()
        if offset is not None:
            self.lease.committed(offset)
            self.stored = offset

    # Not before something has happened, or hardly anything else would be tried.
    @precondition(lambda self: self.old)
    @rule()
    def close(self) -> None:
        self.lease.close()
        self.closed = True
        if not self.out_taken:
            self.forget()

    @precondition(lambda self: self.out is not None)
    @rule()
    def abandon(self) -> None:
        self.lease.abandon()
        self.closed = True
        self.forget()

    def forget(self) -> None:
        if self.out is not None:
            self.old.append(self.out)
        self.out, self.out_taken = None, False

    @invariant()
    def the_watermark_is_after_the_last_finished_record(self) -> None:
        watermark = self.added[self.finished - 1] + 1 if self.finished else None
        assert self.lease.uncommitted() == (None if watermark == self.stored else watermark)

    @invariant()
    def busy_means_taken(self) -> None:
        assert self.lease.busy == self.out_taken


TestLease = LeaseMachine.TestCase
TestLease.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
