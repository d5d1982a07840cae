"""Values a machine made, which are not looked into.

Presidio takes pieces of them for telephone numbers, dates, bank numbers and driver licences, and
they are the commonest values of an event stream. This is the one place where a text is left out
that Presidio would be given; a value is left out only where it is such a shape as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["SHAPES", "machine_made"]

_TIMESTAMP = (
    r"[12]\d{3}-[01]\d-[0-3]\d[T ][0-2]\d:[0-5]\d:[0-6]\d(?:[.,]\d{1,9})?"
    r"(?:Z|[+-][0-2]\d:?[0-5]\d)?"
)
_DIGEST = r"(?=\d*[a-fA-F])(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})"

SHAPES: Mapping[str, tuple[str, frozenset[str]]] = MappingProxyType(
    {
        # RFC 9562. Its digit groups pass for telephone numbers.
        "uuid": (r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", frozenset({"UUID"})),
        # RFC 3339 with seconds: when something happened, in every event. A date alone is no
        # timestamp (it may be a date of birth), so that wanting DATE_TIME does not open these.
        "timestamp": (_TIMESTAMP, frozenset()),
        # MD5, SHA-1 and SHA-256 in hexadecimal, with at least one letter: digits alone may be
        # numbers written in a row.
        "digest": (_DIGEST, frozenset()),
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
