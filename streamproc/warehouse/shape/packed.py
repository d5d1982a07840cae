"""Rows side by side, their payloads still the JSON they came as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from streamproc.events import RedactedBody
from streamproc.warehouse.rows import LoadedRow
from streamproc.warehouse.shape.series import Numbers

__all__ = ["Alike", "Packed"]


class Alike(NamedTuple):
    """Events of one type and name, which lie together: half-open."""

    type: str
    event: str | None
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Packed:
    """Some rows, column by column.

    Attributes:
        numbers: What the events are called.
        alike: The events by their types and names, all of them, in order.
        fields: The rows' own fields by name, but for their payloads; times in microseconds.
        payloads: The payloads, binary: each begins with a brace, ends with one and a line feed, and
            may be no JSON between the two.
    """

    numbers: Numbers
    alike: tuple[Alike, ...]
    fields: Mapping[str, pa.Array] = field(repr=False)
    payloads: pa.Array = field(repr=False)

    def rows(self, places: Sequence[int]) -> Iterator[LoadedRow]:
        """Yield the rows at ``places``, whose payloads are JSON."""
        index = pa.array(places, pa.int64())
        fields = {name: array.take(index).to_pylist() for name, array in self.fields.items()}
        payloads = self.payloads.take(index).to_pylist()
        for payload, values in zip(payloads, zip(*fields.values(), strict=True), strict=True):
            named: Any = dict(zip(fields, values, strict=True))
            yield LoadedRow(payload=RedactedBody(orjson.loads(payload)), **named)

    def bodies(self, start: int, stop: int) -> list[Any]:
        """Return payloads, parsed.

        Raises:
            orjson.JSONDecodeError: One is no JSON.
        """
        return [orjson.loads(text) for text in self.payloads.slice(start, stop - start).to_pylist()]
