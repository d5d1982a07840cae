"""The walk over an event: which texts are searched, which fields are decided without."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streamproc.detect import Text
from streamproc.events import Event
from streamproc.redact.places import Place, Trail
from streamproc.rules import Action, Field, Plan

__all__ = ["VALIDATED", "Survey", "WholeField", "survey"]

VALIDATED = frozenset({"type", "originalTimestamp", "sentAt", "receivedAt", "timestamp"})
"""Fields of the event itself that decoding has read: one of six words, or a time. They are not
searched, and no rule reaches them; all else of an event is, and can be."""


class WholeField(NamedTuple):
    """A value that a rule decides without a search."""

    place: Place
    value: Any
    action: Action

    def __repr__(self) -> str:
        """Return the place and who decides, without the value."""
        return f"WholeField({self.place!r}, {self.action.rule})"


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
    """Return what there is to search and to decide in ``event``, what is nested least first."""
    found = Survey(event)
    root = {key: value for key, value in event.body.items() if key not in VALIDATED}
    # Objects and lists yet to be walked through. A queue, not recursion: half the time.
    waiting: list[tuple[Any, Any, Field, Trail]] = [(event.body, root, plan.root, None)]
    for holder, content, above, trail in waiting:
        if type(content) is dict:
            fields = above.fields
            for key, value in content.items():
                below = fields.get(key) or plan.below(above, key)
                if not below.plain:
                    _note_key(found, Place(holder, key, below, trail))
                if value is not None and value != "":
                    _visit(found, waiting, (holder, key, below, trail), value)
        else:
            for index, value in enumerate(content):
                if value is not None and value != "":
                    _visit(found, waiting, (holder, index, above, trail), value)
    for place, value, _ in found.wholes:
        _note_keys(found, plan, place, value)
    return found


def _visit(
    found: Survey,
    waiting: list[tuple[Any, Any, Field, Trail]],
    place: tuple[Any, Any, Field, Trail],
    value: Any,
) -> None:
    # Tuples are made without the constructors of their types, which cost twice as much as all the
    # rest of the walk: 12 µs of an event's 30.
    _, step, at, above = place
    kind = type(value)
    if at.whole is not None:
        found.wholes.append(WholeField(Place(*place), value, at.whole))
    elif kind is str:
        found.texts.append(tuple.__new__(Text, (value, at.context, frozenset())))
        found.places.append(tuple.__new__(Place, place))
    elif kind is dict or kind is list:
        waiting.append((value, value, at, (above, step)))


def _note_keys(found: Survey, plan: Plan, place: Place, value: Any) -> None:
    """Note the keys below a field that is decided as a whole: its values go, its keys may stay."""
    if type(value) is dict:
        for key, item in value.items():
            below = Place(value, key, plan.below(place.field, key), place.trail)
            if not below.field.plain:
                _note_key(found, below)
            _note_keys(found, plan, below, item)
    elif type(value) is list:
        for index, item in enumerate(value):
            _note_keys(found, plan, Place(value, index, place.field, place.trail), item)


def _note_key(found: Survey, place: Place) -> None:
    found.key_texts.append(Text(place.step, ()))
    found.key_places.append(place)
