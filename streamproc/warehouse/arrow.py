"""The Arrow type of each kind of column."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from streamproc.warehouse.kinds import Kind

__all__ = ["TYPES"]

TYPES: Final = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Kind.STRING: pa.string(),
    Kind.JSON: pa.string(),
}
