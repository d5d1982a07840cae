"""Values that did not fit their columns, as lines of the table ``discards``."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

import orjson
import pyarrow as pa

from streamproc.events import Json
from streamproc.warehouse.kinds import Kind, MisfitReason
from streamproc.warehouse.shape.arrow import TYPES
from streamproc.warehouse.standard import LOADED, ROW, SYSTEM

__all__ = ["DISCARDS", "Discards", "Misplaced", "Seal"]

Seal: TypeAlias = Callable[[bytes], bytes]

DISCARDS: Final = "discards"
COLUMNS: Final = {name: kind for name, kind in SYSTEM[DISCARDS].items() if name != LOADED}

JSON_TYPES: Final = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
}


class Misplaced(NamedTuple):
    """Where a value did not fit: the row's number and columns, and why."""

    row: int
    row_id: str | None
    received_at: int
    table: str
    column: str
    reason: MisfitReason


class Discards:
    """Gathers the lines of one chunk; a value itself is kept sealed, or not at all."""

    def __init__(self, seal: Seal | None) -> None:
        """Seal values with ``seal``, if there is a key."""
        self._seal = seal
        self._lines: list[Mapping[str, str | int | None]] = []

    def __len__(self) -> int:
        """Return how many values were discarded."""
        return len(self._lines)

    def add(self, where: Misplaced, value: Json) -> None:
        """Take a value, written down by its type and its length as a text, or as JSON."""
        text = value.encode() if isinstance(value, str) else orjson.dumps(value)
        sealed = None
        if self._seal is not None:
            sealed = base64.b64encode(self._seal(orjson.dumps(value))).decode("ascii")
        self._lines.append(
            {
                ROW: where.row,
                "table_name": where.table,
                "column_name": where.column,
                "row_id": where.row_id,
                "reason": where.reason,
                "value_type": JSON_TYPES[type(value)],
                "value_length": len(value) if isinstance(value, str) else len(text),
                "sealed": sealed,
                "received_at": where.received_at,
            }
        )

    def table(self) -> pa.Table:
        """Return the lines."""
        columns = {ROW: Kind.INTEGER, **COLUMNS}
        schema = pa.schema([(name, TYPES[kind]) for name, kind in columns.items()])
        return pa.Table.from_pylist(self._lines, schema)
