"""Values a machine made, which are not looked into.

Presidio takes pieces of them for telephone numbers, dates, bank numbers and driver licences, and
they are the commonest values of an event stream. This is the one place where a text is left out
that Presidio would be given (``gates`` takes findings away); a value is left out only where it is
such a shape as a whole. What a field's name is evidence of is found all the same: a date of birth
may be written as a timestamp.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["SHAPES", "machine_made"]

_DAY = r"[12]\d{3}-[01]\d-[0-3]\d"
_ZONE = r"(?:Z|[+-][0-2]\d:?[0-5]\d)"
_TIMESTAMP = (
    rf"{_DAY}[T ][0-2]\d:[0-5]\d(?::[0-6]\d(?:[.,]\d{{1,9}})?)?{_ZONE}?"
    r"|[12]\d{3}[01]\d[0-3]\dT[0-2]\d[0-5]\d[0-6]\dZ"
)
_HEX = (
    r"(?=\d*[a-fA-F])(?!(?:[2-7][0-9a-fA-F])+\Z)"
    r"(?:[0-9a-fA-F]{24}|[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})"
)
_AREAS = "Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc"
_MEDIA = "application|audio|font|image|model|multipart|text|video"

SHAPES: Mapping[str, tuple[str, frozenset[str]]] = MappingProxyType(
    {
        # RFC 9562. Its digit groups pass for telephone numbers.
        "uuid": (r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", frozenset({"UUID"})),
        # ISO 8601 with a time: when something happened, in every event. A date alone is no
        # timestamp (it may be a date of birth), so that wanting DATE_TIME does not open these.
        "timestamp": (_TIMESTAMP, frozenset()),
        # Object ids of MongoDB, MD5, SHA-1 and SHA-256 in hexadecimal, with at least one letter:
        # digits alone may be numbers written in a row, and ASCII text in hexadecimal is text.
        "digest": (_HEX, frozenset()),
        # W3C Trace Context: two more of the same.
        "trace": (r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", frozenset()),
        # ULID, by what its time is from 2006 to 2041.
        "ulid": (r"01(?=\d*[A-Z])[0-9A-HJKMNP-TV-Z]{24}", frozenset()),
        # Semantic versions, short enough that they are no number of a person: 12.345.678 is one
        # in Chile, 415.555.0100 in the US.
        "version": (
            r"v?\d{1,2}\.\d{1,2}\.\d{1,3}(?:-(?:alpha|beta|dev|rc)(?:\.?\d{1,3})?)?",
            frozenset({"DATE_TIME"}),
        ),
        # BCP 47, and how operating systems write the same.
        "locale": (r"[a-z]{2,3}[-_](?:[A-Z][a-z]{3}[-_])?(?:[A-Z]{2}|419)", frozenset()),
        "time zone": (rf"(?:{_AREAS})/[A-Za-z_]{{3,20}}(?:/[A-Za-z_]{{3,20}})?", frozenset()),
        # RFC 6838, with fewer digits than any number of a person.
        "media type": (rf"(?:{_MEDIA})/(?!(?:\D*\d){{5}})[a-z0-9.+-]{{1,80}}", frozenset()),
        "screen": (r"\d{3,4}x\d{3,4}", frozenset()),
        # What redaction writes: replayed events are not redacted twice.
        "token": (r"tok_[0-9A-Za-z]+_[a-p]{32}", frozenset()),
        "placeholder": (r"<[A-Z_]+>", frozenset()),
    }
)
"""Pattern of each shape, and the entities that say the shape itself is wanted."""


def machine_made(wanted: frozenset[str]) -> re.Pattern[str]:
    r"""Return the pattern that a machine-made value matches as a whole (use ``fullmatch``).

    Costs 0.3 µs a value. Digits are ASCII: what machines write.

    Args:
        wanted: The entities looked for. A shape that is itself wanted (``UUID``) is looked into.
    """
    shapes = [pattern for pattern, entities in SHAPES.values() if not entities & wanted]
    return re.compile("|".join(shapes), re.ASCII)
