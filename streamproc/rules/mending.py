"""What is left of a ruleset without what is broken, so that the rest can be looked at as well."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streamproc.rules.document import Location

__all__ = ["without_broken"]

INSTEAD: dict[str, Any] = {"version": 1, "name": "unnamed"}


def without_broken(content: Any, broken: Iterable[Location]) -> Any:
    """Return ``content`` without what is at ``broken``, each rule still at its index.

    A rule that is broken anywhere is another one then, an operator is ``redact``, and all else is
    left out. ``content`` itself stays as it is.
    """
    if not isinstance(content, dict):
        return content
    mended = {key: _copied(value) for key, value in content.items()}
    # From the end, so that what is left out moves nothing that is still to be found.
    for location in sorted({each[:2] for each in broken if each}, key=_index, reverse=True):
        _mend(mended, location)
    return mended


def _index(location: Location) -> int:
    last = location[-1]
    return last if isinstance(last, int) else -1


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return dict(value)
    return list(value) if isinstance(value, list) else value


def _mend(mended: dict[Any, Any], location: Location) -> None:
    key, *rest = location
    value = mended.get(key)
    if not rest or not isinstance(value, dict | list):
        mended.pop(key, None)
        mended.update({key: INSTEAD[key]} if key in INSTEAD else {})
    elif isinstance(value, dict):
        value.pop(rest[0], None)
        value.update({rest[0]: "redact"} if key == "operators" else {})
    elif isinstance(at := rest[0], int) and at < len(value):
        if key == "rules":
            value[at] = {"name": f"broken-{at}", "fields": ["broken"], "without": ["name"]}
        else:
            value.pop(at)
