"""Reads the Avro bodies of many rows at once, column by column.

A field is read of all rows before the next one is: where each row's begins is an array, and a
varint of every row takes as many operations of numpy as the longest has bytes. Only manifests are
looked up row by row (:mod:`~streamproc.kafka.row_reader`).

What is not as it usually is, is left: to be read one by one, and refused there if it is no row.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from streamproc.kafka.codecs import ROW
from streamproc.kafka.row_reader import NULL, SOME, RowReader
from streamproc.warehouse.shape.packed import Alike, Packed
from streamproc.warehouse.shape.series import Mask, Numbers

__all__ = ["Packing", "pack_rows"]

LONGEST: Final = 9
"""Bytes of a varint: they hold every moment and every length."""
PADDING: Final = bytes(16)
"""After the last row: one that is cut off is read some bytes beyond its end."""
MOST_BYTES: Final = 2**31 - 1 - len(PADDING)
"""Of all rows together: what Arrow's offsets of 32 bits can tell apart."""
OPEN, CLOSE, LINE_FEED = b"{}\n"

Bytes: TypeAlias = npt.NDArray[np.uint8]


class Packing(NamedTuple):
    """Rows side by side, and the places of the messages that were left."""

    packed: Packed | None
    left: Sequence[int]


class Spans(NamedTuple):
    """Where a text of each row is: half-open; and whether there is one."""

    starts: Numbers
    stops: Numbers
    there: Mask


class Longs(NamedTuple):
    """A number of each row, and whether there is one."""

    values: Numbers
    there: Mask


def pack_rows(values: Sequence[bytes | None], header: bytes = ROW.header) -> Packing:
    """Return the rows in message values, side by side, and which are left to be read one by one.

    The rows' numbers are the places of their messages. Those of one type lie together, tracked
    events those of one name, in the order in which they came.

    Args:
        values: The message values.
        header: What those of the schema of rows begin with.
    """
    return _packer(values, header)


class RowPacker:
    """Reads bodies of the schema of rows, many at a time; keeps manifests that it has met."""

    def __init__(self, schema: Any) -> None:
        """Read bodies of ``schema``, that of ``schemas/row.avsc`` in fastavro's form."""
        self._reader = RowReader(schema)
        fields = {field["name"]: field["type"] for field in schema["fields"]}
        self._types: Sequence[str] = fields["type"]["symbols"]

    def __call__(self, messages: Sequence[bytes | None], header: bytes) -> Packing:
        """Return what :func:`pack_rows` says."""
        everything = range(len(messages))
        places = [
            place
            for place, message in enumerate(messages)
            if message is not None and message.startswith(header)
        ]
        usual = [message for place in places if (message := messages[place]) is not None]
        if not usual or sum(map(len, usual)) > MOST_BYTES:
            return Packing(None, everything)
        try:
            packed = self._pack(usual, np.array(places), len(header))
        except pa.ArrowInvalid:  # a text that is no UTF-8
            return Packing(None, everything)
        if packed is None:
            return Packing(None, everything)
        return Packing(packed, np.setdiff1d(everything, packed.numbers).tolist())

    def _pack(self, messages: Sequence[bytes], places: Numbers, header: int) -> Packed | None:
        cursor = Cursor(messages, header)
        texts = {"message_id": cursor.text()}
        types = cursor.long()
        cursor.good &= (types >= 0) & (types < len(self._types))
        for name in OPTIONAL_TEXTS:
            texts[name] = cursor.optional_text()
        longs = {name: cursor.optional_long() for name in OPTIONAL_MOMENTS}
        longs |= {name: Longs(cursor.long(), ALL) for name in MOMENTS}
        payloads = cursor.text()
        cursor.good &= payloads.stops > payloads.starts
        cursor.good &= cursor.data[payloads.starts] == OPEN
        cursor.good &= cursor.data[payloads.stops - 1] == CLOSE
        manifests, origins = self._tails(messages, cursor)
        longs["source_offset"] = Longs(cursor.long(), ALL)
        corrections = cursor.data[cursor.at + 1]
        cursor.good &= (cursor.data[cursor.at] == 0) & (corrections < 2)  # no violations
        cursor.good &= cursor.at + 2 == cursor.ends
        cursor.data[payloads.stops[cursor.good]] = LINE_FEED  # which was the manifest's first byte
        order = np.flatnonzero(cursor.good)
        if not len(order):
            return None
        events = cursor.array(texts["event"], order)
        sorting, alike = self._alike(types[order], events)
        order = order[sorting]
        fields = {name: cursor.array(spans, order) for name, spans in texts.items()}
        for name, (values, there) in longs.items():
            fields[name] = pa.array(values[order], mask=None if there is ALL else ~there[order])
        fields["type"] = pa.array([self._types[each] for each in types[order]], pa.string())
        fields["manifest"] = pa.array([manifests[row] for row in order.tolist()], pa.string())
        by_part = zip(*(origins[row] for row in order.tolist()), strict=True)
        fields |= {name: pa.array(values) for name, values in zip(ORIGIN, by_part, strict=True)}
        fields["violations"] = pa.array(["[]"]).take(pa.array(np.zeros(len(order), np.int64)))
        fields["correction"] = pa.array(corrections[order] == 1)
        lines = payloads._replace(stops=payloads.stops + 1)
        return Packed(places[order], alike, fields, cursor.binary(lines, order))

    def _tails(
        self, messages: Sequence[bytes], cursor: Cursor
    ) -> tuple[list[str], list[tuple[str, str, int]]]:
        """Return manifests and origins of the rows, and move on."""
        manifests, origins, moved = [""] * len(messages), [("", "", 0)] * len(messages), cursor.at
        tail = self._reader.tail
        after, good = (cursor.at - cursor.begins).tolist(), cursor.good.tolist()
        for row, message in enumerate(messages):
            if good[row]:
                try:
                    manifests[row], origins[row], after[row] = tail(message, after[row])
                except Exception:  # noqa: BLE001 - damaged bytes; fastavro says what they are
                    good[row] = False
        moved = np.array(after) + cursor.begins
        cursor.good &= np.array(good)
        cursor.move(moved)
        return manifests, origins

    def _alike(self, types: Numbers, events: pa.Array) -> tuple[Numbers, tuple[Alike, ...]]:
        """Return the order of rows in which those that are alike lie together, and where."""
        encoded = events.dictionary_encode()
        names = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        names[types != self._types.index("track")] = -1
        keys = types * (len(encoded.dictionary) + 1) + names + 1
        order = np.argsort(keys, kind="stable")
        bounds = [0, *(np.flatnonzero(np.diff(keys[order])) + 1).tolist(), len(order)]
        alike = []
        for start, stop in itertools.pairwise(bounds):
            first = order[start]
            name = None if names[first] < 0 else encoded.dictionary[int(names[first])].as_py()
            alike.append(Alike(self._types[types[first]], name, start, stop))
        return order, tuple(alike)


class Cursor:
    """A place in each of some messages, which reading moves on.

    Attributes:
        data: All messages end to end.
        begins: Where each begins.
        ends: Where each ends.
        at: Where each is read next.
        good: Whether each has been as it usually is so far; what is read of others says nothing.
    """

    def __init__(self, messages: Sequence[bytes], header: int) -> None:
        """Begin after headers of ``header`` bytes."""
        self._buffer = bytearray().join((*messages, PADDING))
        self.data: Bytes = np.frombuffer(self._buffer, np.uint8)
        sizes = np.fromiter(map(len, messages), np.int64, len(messages))
        self.ends: Numbers = np.cumsum(sizes)
        self.begins: Numbers = self.ends - sizes
        self.good: Mask = np.ones(len(messages), np.bool_)
        self.at: Numbers = self.begins
        self.move(self.begins + header)

    def move(self, at: Numbers) -> None:
        """Go on at ``at``; a message that ends before is not good."""
        self.good &= at <= self.ends
        self.at = np.minimum(at, self.ends)

    def long(self) -> Numbers:
        """Read a zig-zag varint."""
        letters = self.data[self.at]
        values = (letters & 127).astype(np.int64)
        at = self.at + 1
        more = np.flatnonzero(letters > 127)
        for shift in range(7, 7 * LONGEST, 7):
            if not len(more):
                break
            letters = self.data[at[more]]
            values[more] |= (letters & 127).astype(np.int64) << shift
            at[more] += 1
            more = more[letters > 127]
        self.good[more] = False
        self.move(at)
        return (values >> 1) ^ -(values & 1)

    def text(self) -> Spans:
        """Read a text."""
        sizes = self.long()
        starts = self.at
        self.good &= sizes >= 0
        self.move(starts + np.maximum(sizes, 0))
        return Spans(starts, self.at, ALL)

    def optional_long(self) -> Longs:
        """Read a number, or null."""
        there, at, good = self._branch()
        values = self.long()
        self._only(there, at, good)
        return Longs(values, there)

    def optional_text(self) -> Spans:
        """Read a text, or null."""
        there, at, good = self._branch()
        found = self.text()
        self._only(there, at, good)
        return found._replace(there=there)

    def _branch(self) -> tuple[Mask, Numbers, Mask]:
        branches = self.data[self.at]
        self.good &= (branches == SOME) | (branches == NULL)
        self.move(self.at + 1)
        return branches == SOME, self.at, self.good.copy()

    def _only(self, there: Mask, at: Numbers, good: Mask) -> None:
        """Take back what was read of messages where nothing is."""
        self.at = np.where(there, self.at, at)
        self.good = np.where(there, self.good, good)

    def array(self, spans: Spans, rows: Numbers) -> pa.Array:
        """Return the texts of ``rows``.

        Raises:
            pa.ArrowInvalid: One is no UTF-8.
        """
        return self.binary(spans, rows).cast(pa.string())

    def binary(self, spans: Spans, rows: Numbers) -> pa.Array:
        """Return what is at ``spans`` of ``rows``."""
        # As one array of what is in the spans and between them, every other one is taken.
        offsets = np.empty(2 * len(self.at), np.int32)
        offsets[::2] = np.where(self.good, spans.starts, self.begins)
        offsets[1::2] = np.where(self.good, spans.stops, self.begins)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self._buffer)]
        pieces = pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)
        nulls = None if spans.there is ALL else ~spans.there[rows]
        return pieces.take(pa.array(2 * rows, mask=nulls))


ALL: Final[Mask] = np.ones(0, np.bool_)
"""Every row has one."""
OPTIONAL_TEXTS: Final = (
    "event",
    "user_id",
    "anonymous_id",
    "identity_id",
    "account_id",
    "identity_resolved_by",
)
OPTIONAL_MOMENTS: Final = ("identity_resolved_at", "original_timestamp", "sent_at")
MOMENTS: Final = ("received_at", "timestamp")
ORIGIN: Final = ("ruleset", "source_topic", "source_partition")
"""Fields as they follow each other in the schema."""

_packer: Final = RowPacker(ROW.schema)
