"""Payloads into columns without a Python object for each value: by Arrow's own reader of JSON.

Events of one type and name are read together, with a schema that was learnt from those before. What
comes of it is what :mod:`orjson` would have read, value by value and type by type, or the events
are left to the way that reads them one at a time:

- A text where a number was, an object where a text was, a key that is there twice: Arrow refuses.
- Bytes that are no UTF-8, and halves of surrogate pairs: looked for before.
- Numbers without a fraction among those with one, and whole numbers beyond 64 bits: Arrow makes
  doubles of them. So a column of doubles that holds a whole one is read again, by orjson.
- Lists, and objects below the depth of columns, are read by orjson too: their JSON is wanted.
- Objects keyed by ids, and more keys than :data:`LEAVES`, are left: there is no end to such keys.

Of the keys that are no column's (``integrations``), nothing is asked but that Arrow reads them.

Both on one core, 45 values in 1,440 bytes: Arrow takes 6.7 µs for 1,000 and more events together;
orjson 3, and then 19 to get columns out of dicts. DuckDB's functions for JSON make numbers of texts
and texts of numbers, and take no notice of keys they were not told of.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from streamproc.warehouse.rows import IDENTITY
from streamproc.warehouse.shape.packed import Alike, Packed
from streamproc.warehouse.shape.tables import FIELDS, PLAIN, has_id_key

__all__ = ["FEWEST", "Parsed", "Parser", "is_plain"]

FEWEST: Final = 16
"""Events of one type and name that are worth it: 60 columns take 0.5 ms, however short they are."""
LEARNT_FROM: Final = 64
"""Events that a schema is learnt from at a time, and fewest that are not cut up to find the one
among them that cannot be read."""
LEAVES: Final = 1_000
"""Most keys of a schema: each takes room in every event, there or not."""
DEEPEST: Final = 64
"""Most objects and lists in one another: Arrow's types of them are taken apart recursively."""
SCHEMAS: Final = 2_000
"""Types and names of events whose schemas are kept."""

SINGLE: Final = {
    place[0]
    for fields in FIELDS.values()
    for places in fields.values()
    for place in places
    if len(place) == 1
}
"""Keys that are one column each, or none."""
CONTAINERS: Final = {"context", *(place[0] for places in PLAIN.values() for place in places)}

ESCAPE: Final = b"\\u"
SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


class Parsed(NamedTuple):
    """Events of one type and name that were read.

    Attributes:
        alike: The events.
        columns: Their payloads' keys.
        bodies: Their payloads as Python objects, where a value cannot do without; else None.
    """

    alike: Alike
    columns: dict[str, pa.Array]
    bodies: list[Any] | None


class Parser:
    """Reads payloads, and learns what is in them as it does."""

    def __init__(self, depth: int) -> None:
        """Read objects ``depth`` levels deep as columns."""
        self._depths = dict.fromkeys(CONTAINERS, depth) | dict.fromkeys(SINGLE, 0) | {IDENTITY: 1}
        self._schemas: dict[tuple[str, str | None], pa.Schema] = {}

    def parse(self, packed: Packed, fewest: int) -> Iterator[Parsed | Alike]:
        """Yield all of ``packed`` in order: what was read, and what has to be read otherwise."""
        try:
            packed.payloads.cast(pa.string())
        except pa.ArrowInvalid:  # no UTF-8
            yield from packed.alike
            return
        for alike in packed.alike:
            if alike.stop - alike.start < fewest:
                yield alike
            else:
                yield from self._parse(packed, alike)

    def _parse(self, packed: Packed, alike: Alike) -> Iterator[Parsed | Alike]:
        payloads = _bytes(packed, alike)
        # The expression takes 1 µs an event where there is nothing to find, the other look 0.1.
        if ESCAPE in payloads and SURROGATE.search(payloads):
            yield alike
            return
        known = self._schemas.get(alike[:2], EMPTY)
        columns = _read(payloads, known, alike.stop - alike.start)
        small = alike.stop - alike.start <= LEARNT_FROM
        if columns is None and small and (learnt := self._learn(payloads, known)) is not None:
            if len(self._schemas) >= SCHEMAS:
                self._schemas.clear()
            self._schemas[alike[:2]] = learnt
            columns = _read(payloads, learnt, alike.stop - alike.start)
        if columns is not None:
            yield self._checked(packed, alike, columns)
        elif small:
            yield alike
        else:
            # The first few are enough to learn from, and one that is bad costs few their way.
            middle = alike.start + (LEARNT_FROM if not known else (alike.stop - alike.start) // 2)
            yield from self._parse(packed, alike._replace(stop=middle))
            yield from self._parse(packed, alike._replace(start=middle))

    def _learn(self, payloads: bytes, known: pa.Schema) -> pa.Schema | None:
        if _deepest(payloads) > DEEPEST:
            return None
        try:
            found = pj.read_json(pa.BufferReader(payloads), _options(payloads)).schema
            learnt = pa.schema(_either(pa.struct(known), pa.struct(found)))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, _Differ):
            return None
        fields = [field for field in learnt if pa.types.is_struct(field.type)]
        if _leaves(pa.struct(learnt)) > LEAVES or any(map(_has_ids, fields)):
            return None
        return learnt

    def _checked(
        self, packed: Packed, alike: Alike, columns: dict[str, pa.Array]
    ) -> Parsed | Alike:
        if all(_is_exact(columns[name], self._depths.get(name, sys.maxsize)) for name in columns):
            return Parsed(alike, columns, None)
        try:
            return Parsed(alike, columns, packed.bodies(alike.start, alike.stop))
        except orjson.JSONDecodeError:  # a number that Arrow takes for infinite
            return alike


class _Differ(Exception):  # noqa: N818 - it is dealt with
    """Two types that no column has both of."""


EMPTY: Final = pa.schema([])


def _bytes(packed: Packed, alike: Alike) -> bytes:
    offsets = np.frombuffer(packed.payloads.buffers()[1], np.int32)
    first = packed.payloads.offset
    start, stop = offsets[first + alike.start], offsets[first + alike.stop]
    return bytes(memoryview(packed.payloads.buffers()[2])[start:stop])


def _options(payloads: bytes) -> pj.ReadOptions:
    # In one block, so that every column is in one piece.
    return pj.ReadOptions(use_threads=False, block_size=len(payloads) + 1)


def _deepest(payloads: bytes) -> int:
    """Return how deep objects and lists may be in one another; braces in texts count too."""
    letters = np.frombuffer(payloads, np.uint8) & ~np.uint8(0x20)  # [ as {, ] as }
    steps = (letters == ord("[")).astype(np.int64) - (letters == ord("]"))
    return int(np.cumsum(steps).max())


def _read(payloads: bytes, schema: pa.Schema, rows: int) -> dict[str, pa.Array] | None:
    """Return the columns of ``rows`` payloads, None if they are not as ``schema`` has them."""
    strict = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    try:
        table = pj.read_json(pa.BufferReader(payloads), _options(payloads), strict)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    # Every payload has a brace, so as many objects as payloads are one in each.
    if table.num_rows != rows or any(each.num_chunks != 1 for each in table.columns):
        return None
    return {name: table[name].chunk(0) for name in table.column_names}


def _either(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the type that holds values of both, each as it is."""
    if pa.types.is_null(other):
        return one
    if pa.types.is_null(one) and not pa.types.is_nested(other):
        return pa.string() if pa.types.is_timestamp(other) else other
    if pa.types.is_struct(other) and (pa.types.is_struct(one) or pa.types.is_null(one)):
        types = {field.name: field.type for field in (one if pa.types.is_struct(one) else ())}
        for field in other:
            types[field.name] = _either(types.get(field.name, pa.null()), field.type)
        return pa.struct(list(types.items()))
    if pa.types.is_list(other) and (pa.types.is_list(one) or pa.types.is_null(one)):
        items = one.value_type if pa.types.is_list(one) else pa.null()
        return pa.list_(_either(items, other.value_type))
    names = {_plain(one), _plain(other)}
    if len(names) > 1 and names != {pa.int64(), pa.float64()}:
        raise _Differ
    return pa.float64() if len(names) > 1 else names.pop()


def _plain(type_: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_timestamp(type_) else type_


def _leaves(type_: pa.DataType) -> int:
    if pa.types.is_struct(type_):
        return sum(_leaves(field.type) for field in type_)
    return _leaves(type_.value_type) if pa.types.is_list(type_) else 1


def _has_ids(field: pa.Field) -> bool:
    names = [below.name for below in field.type]
    return has_id_key(names) or any(
        _has_ids(below) for below in field.type if pa.types.is_struct(below.type)
    )


def is_plain(array: pa.Array) -> bool:
    """Whether the column says all there is to say of the values it was read from."""
    if pa.types.is_floating(array.type):
        return not pc.any(pc.equal(pc.trunc(array), array)).as_py()
    return not pa.types.is_nested(array.type)


def _is_exact(array: pa.Array, depth: int) -> bool:
    if not pa.types.is_struct(array.type):
        return is_plain(array)
    fields = range(array.type.num_fields)
    return depth > 0 and all(_is_exact(array.field(place), depth - 1) for place in fields)
