"""The Arrow type of each kind of column, and columns of one kind as those of a wider one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from streamproc.warehouse.kinds import Kind, join
from streamproc.warehouse.schema import Columns
from streamproc.warehouse.sink import Frame
from streamproc.warehouse.standard import ROW

__all__ = ["TYPES", "reader", "recast"]

TYPES: Final = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Kind.STRING: pa.string(),
    Kind.JSON: pa.string(),
}

MOMENT: Final = r"^(.{10}) (.{8})(?:\.0+|(\.[0-9]*[1-9])0*)Z$"
"""A moment as Arrow writes it: ``2026-01-02 03:04:05.600000Z``."""


def reader(frame: Frame) -> pa.RecordBatchReader:
    """Return the rows of ``frame`` as a stream, which can be read once."""
    fields = [(ROW, pa.int64()), *((name, TYPES[kind]) for name, kind in frame.columns.items())]
    schema = pa.schema(fields)
    batches = (part for table in frame.read() for part in table.cast(schema).to_batches())
    return pa.RecordBatchReader.from_batches(schema, batches)


def recast(table: pa.Table, columns: Columns) -> pa.Table:
    """Return ``table`` with its batch's own column first, then ``columns``: order, kinds and all.

    A column that is not there is null. A column of a narrower kind is widened: whole numbers to the
    nearest double; into text as :func:`~streamproc.warehouse.kinds.fit` writes a value (``true``,
    ``1``, ``1.5``), dates as ``2026-01-02``, timestamps as ``2026-01-02T03:04:05.678Z`` with as
    many digits of the fraction as are needed, or none.

    Raises:
        ValueError: A column's kind does not widen to the one asked for, or a column is left over.
    """
    there = set(table.column_names)  # Arrow makes a new list each time it is asked
    if left_over := there - {ROW, *columns}:
        raise ValueError(f"{len(left_over)} columns more than asked for")
    arrays = [table[ROW]]
    arrays += [
        _recast(table[name], kind) if name in there else pa.nulls(table.num_rows, TYPES[kind])
        for name, kind in columns.items()
    ]
    return pa.table(arrays, names=[ROW, *columns])


def _recast(column: pa.ChunkedArray, kind: Kind) -> pa.ChunkedArray:
    if column.type == TYPES[kind]:
        return column
    before = next((each for each, type_ in TYPES.items() if type_ == column.type), None)
    if before is None or join(before, kind) is not kind:
        raise ValueError(f"a column of type {column.type} does not widen to {kind}")
    if kind is Kind.STRING:
        texts = [TEXTS[before](chunk) for chunk in column.chunks]
        return pa.chunked_array(texts, TYPES[kind])
    return column.cast(TYPES[kind], safe=False)


def _cast_text(array: pa.Array) -> pa.Array:
    return array.cast(pa.string())


def _float_text(array: pa.Array) -> pa.Array:
    # Arrow leaves the .0 out, by which a FLOAT is told from an INTEGER.
    texts = [None if value is None else repr(value) for value in array.to_pylist()]
    return pa.array(texts, pa.string())


def _moment_text(array: pa.Array) -> pa.Array:
    texts: pa.Array = pc.replace_substring_regex(_cast_text(array), MOMENT, r"\1T\2\3Z")
    return texts


TEXTS: Final[Mapping[Kind, Callable[[pa.Array], pa.Array]]] = {
    Kind.BOOLEAN: _cast_text,
    Kind.INTEGER: _cast_text,
    Kind.FLOAT: _float_text,
    Kind.DATE: _cast_text,
    Kind.TIMESTAMP: _moment_text,
}
