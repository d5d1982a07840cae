"""The values of one column, by the events they are of: of a block in Python, of many in Arrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.shape.arrow import TYPES

__all__ = ["Leaf", "Mask", "Numbers", "Series"]

Numbers: TypeAlias = npt.NDArray[np.int64]
"""Numbers of events, in the order they were read."""
Mask: TypeAlias = npt.NDArray[np.bool_]

PIECE: Final = 256
"""Values that are gathered before an array is made of them: a call costs as much as 100 values."""

PLAIN: Final = {str: Kind.STRING, int: Kind.INTEGER, float: Kind.FLOAT, bool: Kind.BOOLEAN}
"""The kind of values that are all of one Python type, dates in texts aside."""


@dataclass(slots=True)
class Leaf:
    """The values that some events of a block have in one place, none of them blank.

    Attributes:
        rows: The events' numbers, in pieces.
        values: Their values, in that order; of one plain type, they may be in an Arrow array.
        types: The types of the values.
    """

    rows: list[Numbers] = field(default_factory=list)
    values: list[Any] | pa.Array = field(default_factory=list, repr=False)
    types: set[type] = field(default_factory=set)

    def numbers(self) -> Numbers:
        """Return the events' numbers in one piece."""
        if len(self.rows) != 1:
            self.rows = [np.concatenate(self.rows) if self.rows else np.empty(0, np.int64)]
        return self.rows[0]

    def listed(self) -> list[Any]:
        """Return the values as they are in Python."""
        if not isinstance(self.values, list):
            self.values = self.values.to_pylist()
        return self.values

    def add(self, other: Leaf) -> None:
        """Add the values of ``other``."""
        if not self.types:
            self.rows, self.values, self.types = other.rows[:], other.values[:], set(other.types)
            return
        values = self.listed()
        values += other.listed()
        self.rows += other.rows
        self.types |= other.types

    def only(self, keep: Mask) -> Leaf:
        """Return the values at the places where ``keep`` is true."""
        rows = [self.numbers()[keep]]
        if not isinstance(self.values, list):
            chosen = self.values.filter(pa.array(keep))
            return Leaf(rows, chosen, set(self.types) if len(chosen) else set())
        values = list(compress(self.values, keep.tolist()))
        return Leaf(rows, values, set(map(type, values)))


class Series:
    """The values that events have in one column, none of them blank; grows block by block.

    Values that are all of one plain type are soon put into an Arrow array: what was parsed is let
    go of while it is in the processor's cache. 5,000 events later it takes three times as long.

    Attributes:
        types: The types of the values.
    """

    def __init__(self) -> None:
        """Start without values."""
        self._numbers: list[Numbers] = []
        self._pieces: list[pa.Array | list[Any]] = []
        self._waiting = Leaf()
        self.types: set[type] = set()

    def add(self, leaf: Leaf) -> None:
        """Add the values of a block."""
        self.types |= leaf.types
        if not isinstance(leaf.values, list):
            self._flush()
            self._numbers += leaf.rows
            self._pieces.append(leaf.values)
            return
        self._waiting.add(leaf)
        if len(self._waiting.values) >= PIECE:
            self._flush()

    def extend(self, other: Series) -> None:
        """Add all values of ``other``."""
        self._flush()
        other._flush()
        self._numbers += other._numbers
        self._pieces += other._pieces
        self.types |= other.types

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, Leaf()
        if waiting.values:
            self._numbers += waiting.rows
            self._pieces.append(_piece(waiting.listed(), waiting.types))

    def numbers(self) -> Numbers:
        """Return the events' numbers, in the order of the values."""
        self._flush()
        if len(self._numbers) != 1:
            self._numbers = [np.concatenate(self._numbers)] if self._numbers else [EMPTY]
        return self._numbers[0]

    def only(self, keep: Mask) -> Series:
        """Return the values at the places where ``keep`` is true."""
        chosen = Series()
        chosen._numbers = [self.numbers()[keep]]
        start = 0
        for piece in self._pieces:
            part = keep[start : start + len(piece)]
            start += len(piece)
            if isinstance(piece, list):
                values = list(compress(piece, part.tolist()))
                chosen._pieces.append(values)
                chosen.types.update(map(type, values))
            elif part.any():
                chosen._pieces.append(piece.filter(pa.array(part)))
                chosen.types.update(PYTHON[piece.type])
        return chosen

    @property
    def kind(self) -> Kind | None:
        """Return the kind of all values, dates in texts aside; None if they are not plain."""
        if self.types == {int, float}:
            return Kind.FLOAT
        return PLAIN.get(next(iter(self.types))) if len(self.types) == 1 else None

    def array(self) -> pa.Array | None:
        """Return the values in the type of their kind, None if they are not plain or do not fit."""
        self._flush()
        if (kind := self.kind) is None:
            return None
        try:
            return pa.concat_arrays([_as(piece, TYPES[kind]) for piece in self._pieces])
        except (OverflowError, pa.ArrowInvalid):  # beyond 64 bits, or no double holds it exactly
            return None

    def values(self) -> Sequence[Any]:
        """Return the values as they are in Python."""
        self._flush()
        found: list[Any] = []
        for piece in self._pieces:
            found += piece if isinstance(piece, list) else piece.to_pylist()
        return found


EMPTY: Final = np.empty(0, np.int64)
PYTHON: Final = {TYPES[kind]: {type_} for type_, kind in PLAIN.items()}


def _piece(values: list[Any], types: set[type]) -> pa.Array | list[Any]:
    if len(types) == 1 and (kind := PLAIN.get(next(iter(types)))) is not None:
        try:
            return pa.array(values, TYPES[kind])
        except OverflowError:  # more than 64 bits
            return values
    return values


def _as(piece: pa.Array | list[Any], wanted: pa.DataType) -> pa.Array:
    if isinstance(piece, list):
        return pa.array(piece, wanted)
    return piece if piece.type == wanted else piece.cast(wanted)
