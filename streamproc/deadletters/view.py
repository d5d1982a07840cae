"""The shape of a record as JSON, with no value in it.

``{"type":"track","userId":"<string 7>","traits":{"<key 5>":"<integer>"}}`` is enough to see what
a producer sends wrong. Shown are: keys of the event spec, the six types, lengths of texts, keys and
lists. Nothing else of the record is.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

import orjson

from streamproc.decode import VOCABULARY
from streamproc.events import EVENT_TYPES

__all__ = ["view"]

DEPTH: Final = 8
KEYS: Final = 64
ITEMS: Final = 5
VIEW_BYTES: Final = 4_096
SCALARS: Final[dict[type, str]] = {
    type(None): "<null>",
    bool: "<boolean>",
    int: "<integer>",
    float: "<number>",
}


def view(value: bytes | None) -> bytes:
    """Return the shape of a record's value as JSON of at most 4,096 bytes.

    Objects show 64 keys and lists 5 items, then ``<N more>``; nesting is shown 8 deep, or less
    where that is too long. What is no JSON is ``{"bytes": N}``, a tombstone ``null``.
    """
    if value is None:
        return b"null"
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        return orjson.dumps({"bytes": len(value)})
    kind = parsed.get("type") if type(parsed) is dict else None
    for depth in range(DEPTH, -1, -1):
        shape = _shape(parsed, depth)
        if type(shape) is dict and type(kind) is str and kind in EVENT_TYPES:
            shape["type"] = kind
        if len(shown := orjson.dumps(shape)) <= VIEW_BYTES:
            break
    return shown  # at depth 0 one short text, so the loop always breaks


def _shape(node: Any, depth: int) -> Any:
    if type(node) is str:
        return f"<string {len(node)}>"
    if type(node) is dict:
        return _object_shape(node, depth)
    if type(node) is list:
        return _list_shape(node, depth)
    return SCALARS[type(node)]


def _list_shape(items: list[Any], depth: int) -> Any:
    if depth == 0:
        return f"<list {len(items)}>"
    shape = [_shape(item, depth - 1) for item in items[:ITEMS]]
    if len(items) > ITEMS:
        shape.append(f"<{len(items) - ITEMS} more>")
    return shape


def _object_shape(fields: dict[str, Any], depth: int) -> Any:
    if depth == 0:
        return f"<object {len(fields)}>"
    shown = dict(islice(fields.items(), KEYS))
    names = _names(shown)
    shape = dict(zip(names, (_shape(node, depth - 1) for node in shown.values()), strict=True))
    if len(fields) > KEYS:
        shape[f"<{len(fields) - KEYS} more>"] = "<fields>"
    return shape


def _names(keys: Iterable[str]) -> list[str]:
    """Return a name for each key; ``<key 5>``, ``<key 5> 2`` … where several would be the same."""
    counts: dict[str, int] = {}
    names = []
    for key in keys:
        name = key if key in VOCABULARY else f"<key {len(key)}>"
        counts[name] = count = counts.get(name, 0) + 1
        names.append(name if count == 1 else f"{name} {count}")
    return names
