"""Who may process which records, and how far a partition is done. Pure: no Kafka, no clock.

A :class:`Lease` is one stay of a partition at this consumer, from assignment to revocation. It
hands out one :class:`Batch` at a time and knows one number, the watermark: the offset after the
last batch that was *finished*. That makes what the stock consumers get wrong impossible by shape:

- only :meth:`Batch.done` moves the watermark. An agent that raises or is cancelled, a message that
  a stream skips, a decoding error: none of them calls it, so none of them commits anything;
- with one batch out at a time, nothing behind an unfinished batch can be finished before it;
- a batch ends at its own last record, so gaps in offsets (compaction, transaction markers) need no
  bookkeeping and acknowledge nothing early;
- what finishes after its lease has ended has no effect: the partition's next owner reads it again.

Overlap comes from partitions: while one partition's batch waits for the broker, another's is
worked on. Records of one partition never overtake each other.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

from streamproc.events import Record

__all__ = ["Batch", "Lease"]


BatchState = Literal["waiting", "taken", "finished", "returned"]


BATCH_BYTES = 4 * 1_024 * 1_024
"""What a batch holds at most, but for its last record: bounds memory where events are large."""


RECORD_BYTES = 512
"""What a record takes in memory beside its key and value, about."""


def _size(record: Record) -> int:
    size = RECORD_BYTES + len(record.key or b"") + len(record.value or b"")
    for name, content in record.headers:  # most have none
        size += len(name) + len(content or b"")
    return size


class Batch:
    """Consecutive records of one partition, handed to one agent.

    An agent calls :meth:`take` before it touches the records, then :meth:`done` when everything
    made of them is safe, or :meth:`give_back` when it is not: the batch is then read again.
    """

    __slots__ = ("attempt", "first", "lease", "records", "state")

    def __init__(
        self, lease: Lease, records: Sequence[Record], *, first: bool, attempt: int
    ) -> None:
        """Keep ``records``, which are in the order of their offsets and not empty."""
        self.lease = lease
        self.records = records
        self.first = first
        """True for the first batch of its lease (given back ones included)."""
        self.attempt = attempt
        """How often these records were given back before."""
        self.state: BatchState = "waiting"

    def __repr__(self) -> str:
        """Return where the batch lies; never what is in it."""
        start, end = self.records[0].origin.offset, self.records[-1].origin.offset
        return f"<Batch {self.lease.topic}-{self.lease.partition} {start}..{end} {self.state}>"

    def take(self) -> bool:
        """Claim the batch. False when it is no longer ours or taken already: skip it."""
        return self.lease.take(self)

    def done(self) -> None:
        """Say that everything made of the records is safe; their offsets may be committed."""
        self.lease.finish(self)

    def give_back(self) -> None:
        """Return an unfinished batch; its records are handed out again."""
        self.lease.give_back(self)

    @property
    def next_offset(self) -> int:
        """The offset to commit once this batch is done."""
        return self.records[-1].origin.offset + 1


class Lease:
    """One partition, from its assignment to its revocation.

    Safe to call from several threads: the reader's adds records and ends the lease, the event
    loop's hands out batches and finishes them.
    """

    def __init__(
        self,
        topic: str,
        partition: int,
        changed: Callable[[Lease], None] | None = None,
        topic_id: str = "",
    ) -> None:
        """Open a lease with nothing fetched and nothing finished.

        Args:
            topic: Name of the topic.
            partition: Number of the partition.
            changed: Called, without the lock, when a batch was finished or given back.
            topic_id: Which topic of that name it is; empty where that is not known.
        """
        self.topic = topic
        self.partition = partition
        self.topic_id = topic_id
        self.attempt = 0
        """How often the records that come next were given back."""
        self._changed = changed or (lambda _lease: None)
        self._lock = threading.Lock()
        self._fetched: deque[Record] = deque()
        self._fetched_bytes = 0
        self._returned: Sequence[Record] = ()
        self._batch: Batch | None = None
        self._watermark: int | None = None
        self._committed: int | None = None
        self._ended = False
        self._any_finished = False

    def __repr__(self) -> str:
        """Return the partition and its state."""
        return f"<Lease {self.topic}-{self.partition} watermark={self._watermark}>"

    def add(self, records: Sequence[Record]) -> None:
        """Append fetched records; ignored once the lease has ended."""
        with self._lock:
            if not self._ended:
                self._fetched.extend(records)
                self._fetched_bytes += sum(map(_size, records))

    @property
    def backlog(self) -> int:
        """Records fetched and not yet handed out."""
        return len(self._fetched)

    @property
    def backlog_bytes(self) -> int:
        """What they take in memory, about."""
        return self._fetched_bytes

    @property
    def following(self) -> int | None:
        """The offset after the last batch that was finished; None before the first."""
        return self._watermark

    @property
    def busy(self) -> bool:
        """Whether an agent is working on a batch of this lease."""
        batch = self._batch
        return batch is not None and batch.state == "taken"

    def next_batch(self, most: int) -> Batch | None:
        """Hand out up to ``most`` records, or None: nothing there, or one batch is out already.

        A batch also ends once it has :data:`BATCH_BYTES`.
        """
        with self._lock:
            if self._ended or self._batch is not None:
                return None
            records = self._returned or self._next_records(most)
            if not records:
                return None
            self._returned = ()
            self._batch = Batch(self, records, first=not self._any_finished, attempt=self.attempt)
            return self._batch

    def _next_records(self, most: int) -> Sequence[Record]:
        records: list[Record] = []
        size = 0
        while self._fetched and len(records) < most and size < BATCH_BYTES:
            records.append(self._fetched.popleft())
            size += _size(records[-1])
        self._fetched_bytes -= size
        return records

    def take(self, batch: Batch) -> bool:
        """See :meth:`Batch.take`."""
        with self._lock:
            if self._ended or batch is not self._batch or batch.state != "waiting":
                return False
            batch.state = "taken"
            return True

    def finish(self, batch: Batch) -> None:
        """See :meth:`Batch.done`."""
        with self._lock:
            if batch is not self._batch or batch.state != "taken":
                return
            batch.state = "finished"
            self._batch = None
            self.attempt = 0
            self._any_finished = True
            self._watermark = batch.next_offset
        self._changed(self)

    def give_back(self, batch: Batch) -> None:
        """See :meth:`Batch.give_back`."""
        with self._lock:
            if batch is not self._batch:
                return
            self.attempt += batch.state == "taken"
            self._return(batch)
        self._changed(self)

    def recall(self) -> None:
        """Take back a batch that was handed out but not taken, as when its queue was cleared."""
        with self._lock:
            batch = self._batch
            if batch is None or batch.state != "waiting":
                return
            self._return(batch)
        self._changed(self)

    def _return(self, batch: Batch) -> None:
        batch.state = "returned"
        self._batch = None
        self._returned = () if self._ended else batch.records

    def close(self) -> None:
        """Hand out nothing more; what is being worked on may still finish."""
        with self._lock:
            self._ended = True
            self._fetched.clear()
            self._fetched_bytes = 0
            self._returned = ()
            if self._batch is not None and self._batch.state == "waiting":
                self._batch = None

    def abandon(self) -> None:
        """End at once: what finishes from now on no longer counts."""
        self.close()
        with self._lock:
            self._batch = None

    def uncommitted(self) -> int | None:
        """Return the offset to commit, or None when the broker has it already."""
        with self._lock:
            return None if self._watermark == self._committed else self._watermark

    def committed(self, offset: int) -> None:
        """Note that the broker has stored ``offset``; only this makes it count as committed."""
        with self._lock:
            self._committed = offset
