"""Places in an event: how they are named in a manifest, and how values and keys are changed there.

The body is freshly parsed and belongs to nobody else, so a place in it is the object or list a
value is in and the step there, and redaction writes to that place: rebuilding the tree around the
two or three values that change would cost more than all the rest of redaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from streamproc.redact.sites import Site
from streamproc.rules.plan import PLAIN_KEY

__all__ = ["GONE", "Trail", "drop", "inner_trail", "path_of", "rename"]

GONE = object()

Trail = Any
"""How an object or list was reached, if that was through a list: a chain of steps, the last one
outermost, that ends in the path of the outermost list: ``(("properties.items", 0), "note")``. None
if it was not: then the path of its site says all. It is only unrolled where something was found."""


def inner_trail(site: Site, trail: Trail, step: str | int, value: Any) -> Trail:
    """Return the trail of an object or list ``value``, at ``step`` of what has ``trail``."""
    if trail is not None:
        return trail, step
    return site.path if type(value) is list else None


def path_of(site: Site, trail: Trail, step: str | int) -> str:
    """Return the path for a manifest, list indexes included."""
    if trail is None:
        return site.path
    return "".join(reversed(list(_steps((trail, step)))))


def _steps(trail: Trail) -> Iterator[str]:
    while type(trail) is tuple:
        trail, step = trail
        yield f"[{step}]" if type(step) is int else f".{_written(step)}"
    yield trail


def _written(key: str) -> str:
    return key if PLAIN_KEY.fullmatch(key) else "*"


def drop(places: Iterable[tuple[Any, Any]]) -> None:
    """Take out the values at ``places``, each a holder and a step; list items move up."""
    lists: dict[int, list[Any]] = {}
    for holder, step in places:
        if isinstance(holder, list):
            holder[step] = GONE  # taken out below, all at once: indexes stay right
            lists[id(holder)] = holder
        else:
            holder.pop(step, None)
    for holder in lists.values():
        holder[:] = [item for item in holder if item is not GONE]


def rename(keys: Iterable[tuple[dict[str, Any], str, str]]) -> None:
    """Write new keys for old, each with its object; numbered where they become one."""
    objects: dict[int, tuple[dict[str, Any], dict[str, str]]] = {}
    for holder, old, new in keys:
        _, names = objects.setdefault(id(holder), (holder, {}))
        names[old] = new
    for holder, names in objects.values():
        free = _numbered(holder.keys() - names.keys())
        items = [
            (free(names[key]) if key in names else key, value) for key, value in holder.items()
        ]
        holder.clear()
        holder.update(items)


def _numbered(taken: set[str]) -> Callable[[str], str]:
    """Return a function that gives each name once: ``name``, ``name_2``, ``name_3``."""
    numbers: dict[str, int] = {}

    def free(name: str) -> str:
        candidate, number = name, numbers.get(name, 1)
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        numbers[name] = number
        taken.add(candidate)
        return candidate

    return free
