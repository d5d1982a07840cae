"""Events looked into with the parts of a pipeline, up to where redaction would begin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from streamproc.decode import decode
from streamproc.detect import key_words
from streamproc.errors import EventError, Stage
from streamproc.events import Dropped, Event, Record
from streamproc.pipeline import Parts
from streamproc.redact import Sites, Survey, survey
from streamproc.redact.siblings import note_siblings
from streamproc.redact.survey import Opened
from streamproc.rules import Plan, Rule, Scope
from streamproc.tracking import check

__all__ = ["Document", "Examiner", "Place", "document_of", "places_of"]


class Document(NamedTuple):
    """A step of a place: into a document that a text or key holds.

    Attributes:
        start: Where the document begins in the text.
        end: One past where it ends.
        in_key: Whether the text is a key.
    """

    start: int
    end: int
    in_key: bool


Place: TypeAlias = tuple[str | int | Document, ...]
"""Where a value is: keys as they are, so it must not be shown; list indexes; documents, each before
the step of the text that holds it."""


class Examiner:
    """Finds out what a ruleset sees in events. For one thread at a time.

    Attributes:
        ruleset: The ruleset, and what the tracking plan adds to it.
    """

    def __init__(self, parts: Parts) -> None:
        """Look with these parts of a pipeline."""
        self.ruleset = parts.sites.ruleset
        self._parts = parts
        self._scope = Scope(self.ruleset.rules)
        self._every = Plan(self.ruleset, key_words)

    def read(self, record: Record) -> Event | Dropped | EventError:
        """Return the event in ``record`` as the tracking plan has it pass, or why there is none."""
        plan = self._parts.plan
        try:
            event = decode(record, self._parts.limits, self._parts.unframe)
            return event if plan is None else check(event, plan)
        except EventError as error:
            return error
        except Exception:  # noqa: BLE001 - its text may quote a value
            return EventError("decode", "internal_error")

    def examine(self, events: Sequence[Event]) -> list[Survey | EventError]:
        """Return the survey of each event, nothing pending; or why it would be a dead letter.

        The events stay as they are.
        """
        surveyed = [self._attempt("redact", self._survey, event) for event in events]
        whole = [item for item in surveyed if isinstance(item, Survey)]
        if self._attempt("detect", self._settle, whole) is None:
            return [self._noted(item) for item in surveyed]
        # Some text makes a detector fail: one by one, to leave out that event alone.
        return [self._noted(self._settled(item)) for item in surveyed]

    def rules_at(self, place: Place) -> Sequence[Rule]:
        """Return the rules that speak of the field at ``place``, in force or not, in order."""
        return self._every.policy(step for step in place if isinstance(step, str)).rules

    def sites(self, event: Event) -> Sites:
        """Return the fields as the walk over ``event`` meets them."""
        return self._parts.sites.of(event)

    def not_in_force(self, event: Event) -> dict[str, str]:
        """Return the rules that are not in force for ``event``, each with the key that says so."""
        failed = {
            rule.name: self._scope.failed(index, event)
            for index, rule in enumerate(self.ruleset.rules)
        }
        return {name: key for name, key in failed.items() if key is not None}

    def _survey(self, event: Event) -> Survey:
        return survey(event, self._parts.sites.of(event))

    def _settle(self, surveyed: Iterable[Survey]) -> None:
        leaves = [leaf for found in surveyed for leaf in found.pending if leaf.answer is None]
        findings = self._parts.detector.detect([leaf.text for leaf in leaves])
        for leaf, found in zip(leaves, findings, strict=True):
            leaf.settle(found)

    def _settled(self, item: Survey | EventError) -> Survey | EventError:
        if isinstance(item, EventError):
            return item
        return self._attempt("detect", self._settle, [item]) or item

    def _noted(self, item: Survey | EventError) -> Survey | EventError:
        if isinstance(item, EventError) or not item.names:
            return item
        return self._attempt("redact", _note_names, item) or item

    def _attempt(self, stage: Stage, function: Any, given: Any) -> Any:
        try:
            return function(given)
        except EventError as error:
            return error
        except Exception:  # noqa: BLE001 - as in read
            return EventError(stage, "internal_error")


def _note_names(found: Survey) -> None:
    note_siblings(found.leaves, found.names)


def places_of(found: Survey) -> dict[int, Place]:
    """Return the place of every object and list in an event, by its id; of documents' contents too.

    Two surveys of one event have the same places.
    """
    places: dict[int, Place] = {}
    _note(found.event.body, (), places)
    for opened in found.opened:
        holder = places[id(opened.leaf.holder)]
        _note(opened.box, (*holder, document_of(opened)), places)
    return places


def document_of(opened: Opened) -> Document:
    """Return the step of places into a document."""
    return Document(opened.document.start, opened.document.end, opened.leaf.is_key)


def _note(value: Any, place: Place, places: dict[int, Place]) -> None:
    waiting = [(value, place)]
    for content, where in waiting:
        if isinstance(content, dict):
            places[id(content)] = where
            waiting += [(below, (*where, key)) for key, below in content.items()]
        elif isinstance(content, list):
            places[id(content)] = where
            waiting += [(below, (*where, index)) for index, below in enumerate(content)]
