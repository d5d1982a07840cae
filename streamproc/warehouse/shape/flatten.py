"""Payloads that were read into columns, as a source of their values."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa

from streamproc.warehouse.shape.gather import Leaves, leaf
from streamproc.warehouse.shape.names import ColumnPath
from streamproc.warehouse.shape.parsing import Parsed, is_plain
from streamproc.warehouse.shape.series import Leaf, Numbers
from streamproc.warehouse.shape.tables import CONTEXT

__all__ = ["Columns"]

TYPES: Final[dict[pa.DataType, type]] = {
    pa.string(): str,
    pa.int64(): int,
    pa.float64(): float,
    pa.bool_(): bool,
}


class Columns:
    """What was read, and the events' numbers; a :class:`~.gather.Source`."""

    def __init__(self, parsed: Parsed, rows: Numbers) -> None:
        """Take values of ``parsed``, events that are called ``rows``."""
        self._parsed = parsed
        self._rows = rows

    def top(self, key: str) -> Leaf:
        """Return what a key of the events' own holds."""
        array = self._parsed.columns.get(key)
        return Leaf() if array is None else self._leaf((key,), array)

    def below(self, container: ColumnPath, depth: int) -> tuple[Leaves, Collection[int]]:
        """Return the values in one object of the events."""
        array = self._parsed.columns.get(container[0])
        for key in container[1:]:
            array = _field(array, key)
        if array is None:
            return (), ()
        if not pa.types.is_struct(array.type):
            odd = self._leaf(container, array).numbers().tolist() if len(container) == 1 else ()
            return (), odd
        named = CONTEXT if container == CONTEXT else ()
        return self._flatten(array, (container, named), depth), ()

    def _flatten(
        self, array: pa.Array, at: tuple[ColumnPath, ColumnPath], depth: int
    ) -> Iterator[tuple[ColumnPath, Leaf]]:
        """Yield the values below ``at``: where they are in the events, and what it is called."""
        place, named = at
        for number, field in enumerate(array.type):
            below = array.field(number)
            inner = ((*place, field.name), (*named, field.name))
            if depth > 1 and pa.types.is_struct(field.type):
                yield from self._flatten(below, inner, depth - 1)
            elif (values := self._leaf(inner[0], below)).types:
                yield inner[1], values

    def _leaf(self, place: ColumnPath, array: pa.Array) -> Leaf:
        if pa.types.is_null(array.type):
            return Leaf()
        if not is_plain(array):
            values = [_at(body, place) for body in self._parsed.bodies or ()]
            return leaf([self._rows], values, set(map(type, values)))
        rows = self._rows
        if pa.types.is_string(array.type):
            # A null is as long as an empty text: none at all.
            sizes = np.frombuffer(array.buffers()[1], np.int32, len(array) + 1, 4 * array.offset)
            there = sizes[1:] > sizes[:-1]
        elif array.null_count:
            there = array.is_valid().to_numpy(zero_copy_only=False)
        else:
            return Leaf([rows], array, {TYPES[array.type]})
        if not there.all():
            rows, array = rows[there], array.filter(pa.array(there))
        return Leaf([rows], array, {TYPES[array.type]} if len(array) else set())


def _field(array: pa.Array | None, key: str) -> pa.Array | None:
    if array is None or not pa.types.is_struct(array.type):
        return None
    place = array.type.get_field_index(key)
    return None if place < 0 else array.field(place)


def _at(body: Any, place: ColumnPath) -> Any:
    for key in place:
        body = body.get(key) if type(body) is dict else None
    return body
