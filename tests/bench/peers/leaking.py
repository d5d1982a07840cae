"""What of the planted personal data is still in what a contestant wrote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson

from streamproc.canaries import Finder
from streamproc.demo import Generated
from streamproc.errors import EventError
from streamproc.kafka.codecs import decode_row

__all__ = ["Leaks", "count_leaks"]

REGEX_KINDS = frozenset({"card", "email", "iban", "ip", "phone", "ssn"})
"""What the regular expressions are for; names, addresses and dates of birth have no look."""


class Leaks(NamedTuple):
    """Planted values in the events that were searched, and how many of them were found again.

    A value that an event has twice counts once; one found in another event than its own does not.
    """

    events: int
    planted: int
    leaked: int
    of_regexes_planted: int
    of_regexes_leaked: int

    @property
    def per_thousand(self) -> float:
        """Leaks in 1,000 planted values."""
        return 1_000 * self.leaked / max(self.planted, 1)

    @property
    def of_regexes_per_thousand(self) -> float:
        """Leaks in 1,000 planted values of the kinds that regular expressions can find."""
        return 1_000 * self.of_regexes_leaked / max(self.of_regexes_planted, 1)


def count_leaks(records: Iterable[Generated], outputs: Iterable[bytes]) -> Leaks:
    """Return how many values planted in ``records`` are in what came of them.

    Outputs whose message id was masked too belong to no event, and are left out.
    """
    planted = {record.message_id: record.planted for record in records}
    written = _by_message(outputs)
    searched = planted.keys() & written.keys()
    finder = Finder(each for id_ in searched for each in planted[id_])
    counts = [0, 0, 0, 0]
    for id_ in searched:
        values = {(each.kind, each.value) for each in planted[id_]}
        found = {(each.kind, each.value) for each in finder.find(written[id_])} & values
        for place, those in enumerate((values, found)):
            counts[place] += len(those)
            counts[place + 2] += sum(kind in REGEX_KINDS for kind, _ in those)
    return Leaks(len(searched), *counts)


def _by_message(outputs: Iterable[bytes]) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for value in outputs:
        id_, content = _json(value) or _row(value)
        found[id_] = content
    return found


def _json(value: bytes) -> tuple[str, bytes] | None:
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    id_ = event.get("messageId") if isinstance(event, dict) else None
    return str(id_), value


def _row(value: bytes) -> tuple[str, bytes]:
    """Return the id of a row of the loader topic, and all its fields as text."""
    try:
        row = decode_row(value)
    except EventError:
        return "", value
    return row.message_id, "\n".join(map(str, row)).encode()
