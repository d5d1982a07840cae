"""Places in an event: how they are named in a manifest, and how values and keys are changed there.

The body is freshly parsed and belongs to nobody else, so a place in it is the object or list a
value is in and the step there, and redaction writes to that place: rebuilding the tree around the
two or three values that change would cost more than all the rest of redaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from streamproc.events import path_text
from streamproc.rules import Field
from streamproc.rules.plan import PLAIN_KEY

__all__ = ["Place", "Trail", "drop", "path_of", "rename"]

GONE = object()

Trail = tuple[Any, str | int] | None
"""A path as a chain, the last step outermost: it costs one tuple for each object and list, and is
only unrolled where something was found."""


class Place(NamedTuple):
    """Where a value stands: ``holder[step]``; ``above`` is the trail of ``holder``."""

    holder: Any
    step: Any
    field: Field
    above: Trail

    def __repr__(self) -> str:
        """Name the place by its path; what it is in holds the event's values."""
        return f"Place({path_of(self.trail)})"

    @property
    def trail(self) -> Trail:
        """The trail of the value itself."""
        return self.above, self.step


def path_of(trail: Trail) -> str:
    """Return the path for a manifest: keys that are no plain words are written as ``*``."""
    return path_text(tuple(reversed(list(_steps(trail)))))


def _steps(trail: Trail) -> Iterator[str | int]:
    while trail is not None:
        trail, step = trail
        yield step if isinstance(step, int) or PLAIN_KEY.fullmatch(step) else "*"


def drop(places: Iterable[Place]) -> None:
    """Take out the values at ``places``; the other items of a list move up."""
    lists: dict[int, list[Any]] = {}
    for place in places:
        if isinstance(place.holder, list):
            place.holder[place.step] = GONE  # taken out below, all at once: indexes stay right
            lists[id(place.holder)] = place.holder
        else:
            place.holder.pop(place.step, None)
    for holder in lists.values():
        holder[:] = [item for item in holder if item is not GONE]


def rename(places: Iterable[tuple[Place, str]]) -> None:
    """Write new keys for those at ``places``, in their order; numbered where they become one."""
    objects: dict[int, tuple[dict[str, Any], dict[str, str]]] = {}
    for place, new in places:
        _, names = objects.setdefault(id(place.holder), (place.holder, {}))
        names[place.step] = new
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
