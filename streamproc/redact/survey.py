"""The walk over an event: which texts are searched, which fields are decided without.

The body is freshly parsed and belongs to nobody else, so a place in it is kept as the object or
list it is in and the step there, and redaction writes to that place: rebuilding the tree around
the two or three values that change would cost more than all the rest of redaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streamproc.detect import Text
from streamproc.events import Event
from streamproc.rules import Action, Field, Plan

__all__ = ["VALIDATED", "Place", "Survey", "Trail", "WholeField", "survey"]

VALIDATED = frozenset({"type", "originalTimestamp", "sentAt", "receivedAt", "timestamp"})
"""Fields of the event itself that decoding has read: one of six words, or a time. Not searched."""

Trail = tuple[Any, str | int] | None
"""A path as a chain, the last step outermost: it costs one tuple a step, made for every leaf,
where a flat path would cost its depth, and is only unrolled where something was found."""


class Place(NamedTuple):
    """Where a value stands: ``holder[step]``."""

    holder: Any
    step: Any
    field: Field
    trail: Trail


class WholeField(NamedTuple):
    """A value that a rule decides without a search."""

    place: Place
    value: Any
    action: Action


@dataclass(slots=True)
class Survey:
    """What there is to do in one event.

    ``places`` and ``texts`` go together; so do ``key_places`` and ``key_texts``, which are about
    the keys themselves.
    """

    event: Event
    texts: list[Text] = field(default_factory=list, repr=False)
    places: list[Place] = field(default_factory=list, repr=False)
    key_texts: list[Text] = field(default_factory=list, repr=False)
    key_places: list[Place] = field(default_factory=list, repr=False)
    wholes: list[WholeField] = field(default_factory=list, repr=False)


def survey(event: Event, plan: Plan) -> Survey:
    """Return what there is to search and to decide in ``event``, in the order of its fields."""
    found = Survey(event)
    for key, value in event.body.items():
        if key not in VALIDATED:
            _visit_field(found, plan, Place(event.body, key, plan.root, None), value)
    return found


def _visit_field(found: Survey, plan: Plan, above: Place, value: Any) -> None:
    """Visit ``holder[step]`` of an object; ``above`` has the object's own field and trail."""
    holder, key, field_above, trail = above
    child = Place(holder, key, plan.below(field_above, key), (trail, key))
    if not child.field.plain:
        _note_key(found, child)
    _visit(found, plan, child, value)


def _visit(found: Survey, plan: Plan, place: Place, value: Any) -> None:
    kind = type(value)
    if value is None or value == "":
        return
    if (whole := place.field.policy.whole) is not None:
        found.wholes.append(WholeField(place, value, whole))
        if kind is dict or kind is list:
            _visit_keys(found, plan, place, value)
    elif kind is str:
        found.texts.append(Text(value, place.field.context))
        found.places.append(place)
    elif kind is dict:
        for key, below in value.items():
            _visit_field(found, plan, Place(value, key, place.field, place.trail), below)
    elif kind is list:
        for index, item in enumerate(value):
            _visit(found, plan, Place(value, index, place.field, (place.trail, index)), item)


def _visit_keys(found: Survey, plan: Plan, place: Place, value: Any) -> None:
    """Note the keys below a field that is decided as a whole: its values go, its keys may stay."""
    if type(value) is dict:
        for key, below in value.items():
            child = Place(value, key, plan.below(place.field, key), (place.trail, key))
            if not child.field.plain:
                _note_key(found, child)
            _visit_keys(found, plan, child, below)
    elif type(value) is list:
        for index, item in enumerate(value):
            _visit_keys(found, plan, place._replace(trail=(place.trail, index)), item)


def _note_key(found: Survey, place: Place) -> None:
    found.key_texts.append(Text(place.step, ()))
    found.key_places.append(place)
