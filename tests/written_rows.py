"""Rows as the fields that fastavro takes: what our own writer is held against."""

from __future__ import annotations

from typing import Any

from streamproc.events import Row

__all__ = ["fields_of"]


def fields_of(row: Row) -> dict[str, Any]:
    """Return the fields of ``schemas/row.avsc``, by name."""
    origin = row.origin
    return {
        **row._asdict(),
        **row.times._asdict(),
        "payload": row.payload.decode(),
        "manifest": [entry._asdict() for entry in row.manifest],
        "violations": [violation._asdict() for violation in row.violations],
        "source_topic": origin.topic,
        "source_partition": origin.partition,
        "source_offset": origin.offset,
    }
