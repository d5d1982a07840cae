"""Places in an event: how they are named in a manifest, and how values and keys are changed there.

The body is freshly parsed and belongs to nobody else, so a place in it is the object or list a
value is in and the step there, and redaction writes to that place: rebuilding the tree around the
two or three values that change would cost more than all the rest of redaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    lists = []
    for place in places:
        if isinstance(place.holder, list):
            place.holder[place.step] = GONE  # taken out below, all at once: indexes stay right
            lists.append(place.holder)
        else:
            place.holder.pop(place.step, None)
    for holder in lists:
        holder[:] = [item for item in holder if item is not GONE]


def rename(holder: dict[str, Any], old: str, new: str) -> None:
    """Write ``new`` for the key ``old``, in its place; numbered where there is such a key."""
    if old not in holder:  # a rule dropped the field
        return
    name, number = new, 1
    while name in holder:
        number += 1
        name = f"{new}_{number}"
    items = list(holder.items())
    holder.clear()
    holder.update((name if key == old else key, value) for key, value in items)
