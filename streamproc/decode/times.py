"""The four timestamps of the event spec.

https://segment.com/docs/connections/spec/common/#timestamps: ISO 8601 strings, nothing else; the
producers' libraries add ``originalTimestamp`` and ``sentAt``, the gateway ``receivedAt``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from streamproc.decode.codes import refusal
from streamproc.events import Json, Micros, Times

__all__ = ["MAX_MICROS", "MIN_MICROS", "read_micros", "read_times"]

FORM: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:[Zz]|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
"""ISO 8601's extended form, to the nanosecond at most. What passes here is not searched for
personal data: other forms that ``fromisoformat`` takes can be a card number, or end in one."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
MIN_MICROS: Final = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
"""The year 1: where ``TIMESTAMP`` begins in warehouses."""
MAX_MICROS: Final = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
"""The end of the year 9999."""


def read_times(body: Mapping[str, Json], arrived: Micros) -> Times:
    """Return an event's times; ``arrived`` (the record's own) stands in for a lacking receivedAt.

    ``timestamp`` corrects the event's moment by what the device's clock was off when it sent, if
    the event says both; else it is the body's own, the original, or the moment of arrival.

    Raises:
        EventError: ``bad_timestamp`` at the field.
    """
    original = read_micros(body.get("originalTimestamp"), "originalTimestamp")
    sent = read_micros(body.get("sentAt"), "sentAt")
    received = read_micros(body.get("receivedAt"), "receivedAt")
    stated = read_micros(body.get("timestamp"), "timestamp")
    if received is None:
        received = arrived
    if original is not None and sent is not None:
        timestamp = received - (sent - original)
        if not MIN_MICROS <= timestamp <= MAX_MICROS:
            raise refusal("bad_timestamp", "timestamp")
    elif stated is not None:
        timestamp = stated
    else:
        timestamp = received if original is None else original
    return Times(original, sent, received, Micros(timestamp))


def read_micros(value: Json, path: str) -> Micros | None:
    """Return an ISO 8601 text in microseconds since the epoch, None for null.

    Without an offset it is UTC; digits past the microsecond are cut off.

    Raises:
        EventError: ``bad_timestamp`` at ``path``.
    """
    if value is None:
        return None
    moment = _read_iso(value) if type(value) is str else None
    if moment is None:
        raise refusal("bad_timestamp", path)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - EPOCH
    # Dividing by a microsecond says the same, in twice the time.
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if not MIN_MICROS <= micros <= MAX_MICROS:  # an offset can lead out of the years 1 to 9999
        raise refusal("bad_timestamp", path)
    return Micros(micros)


def _read_iso(text: str) -> datetime | None:
    if FORM.fullmatch(text) is None:
        return None
    # fromisoformat quotes its input when it raises: that must not become our error's context.
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
