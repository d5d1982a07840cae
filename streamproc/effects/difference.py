"""What would become otherwise of events under other rules: counted, never shown.

Both rulesets look into the same events, and what they decide is compared value by value, letter by
letter: where one hides a whole address and the other its first half, the rest is newly exposed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from streamproc.effects.examine import Examiner
from streamproc.effects.protection import KINDS, LESS, Kind, Shift, shifts
from streamproc.effects.values import decided, flatten
from streamproc.errors import EventError
from streamproc.events import Event, Record
from streamproc.pipeline import Parts
from streamproc.redact import Survey, Tokens
from streamproc.redact.decisions import Decision, decisions_of
from streamproc.redact.survey import Leaf
from streamproc.rules import DropEvent
from streamproc.rules.operators import Operator

__all__ = [
    "ELSEWHERE",
    "ERASED",
    "MOST_CHANGES",
    "Change",
    "Comparison",
    "Difference",
    "Fate",
    "Turn",
]

MOST_CHANGES = 10_000
"""Most changes told apart; what differs in more ways is counted together, so that keys that come
from outside cannot fill the memory."""

ELSEWHERE = "(other fields)"
ERASED = "(people who were erased)"
"""In the place of a path: how their events are suppressed."""
NOBODY = ("", "", "keep")

Fate: TypeAlias = Literal["row", "dropped", "dead letter"]


class Change(NamedTuple):
    """How values of a field fare; all that is counted together.

    Attributes:
        kind: Whether they are hidden less or more.
        path: The field, without list indexes; keys that are no plain words are ``*``.
        entity: What is found there, by the first ruleset if by both.
        rule: Who decides under the first ruleset; empty where nobody does.
        operator: What it does, with its options; ``keep`` where nobody decides.
        new_entity: What the second ruleset finds there.
        new_rule: Who decides under the second.
        new_operator: What it does.
    """

    kind: Kind
    path: str
    entity: str
    rule: str
    operator: str
    new_entity: str
    new_rule: str
    new_operator: str


class Turn(NamedTuple):
    """How events fare as a whole: what they become under the first ruleset and under the second.

    ``by`` is the rule that drops them or the code of the dead letter, under the second ruleset if
    it is no row there, else under the first.
    """

    before: Fate
    after: Fate
    by: str

    @property
    def less(self) -> bool:
        """Whether something reaches the warehouse that did not."""
        return self.after == "row"


@dataclass(slots=True)
class Count:
    """How often: values, and the events they are in."""

    values: int = 0
    events: int = 0


@dataclass(slots=True)
class Difference:
    """What differs so far.

    Attributes:
        events: Events that were compared.
        refused: Records that are no events under either ruleset, by why.
        changes: Changes of values, with how often.
        turns: Changes of whole events.
    """

    events: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    changes: dict[Change, Count] = field(default_factory=dict)
    turns: Counter[Turn] = field(default_factory=Counter)

    @property
    def less(self) -> bool:
        """Whether anything would be less protected."""
        return any(change.kind in LESS for change in self.changes) or any(
            turn.less for turn in self.turns
        )

    def worst_first(self) -> list[tuple[Change, Count]]:
        """Return the changes: newly exposed first, of each kind the most frequent first."""
        return sorted(
            self.changes.items(),
            key=lambda item: (KINDS.index(item[0].kind), -item[1].events, item[0]),
        )


class Comparison:
    """Compares two rulesets, batch by batch, in bounded memory. For one thread at a time.

    Attributes:
        difference: What differs so far.
        seconds: What looking has taken by ``clock``, under the first ruleset and under the second.
    """

    def __init__(
        self,
        before: Parts,
        after: Parts,
        tokens: Tokens,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Compare the rulesets of two pipelines that have all else in common.

        Args:
            before: Of the rules that are.
            after: Of the rules that would be.
            tokens: Does what masks and the like do; any keys.
            clock: Tells seconds.
        """
        self._before = Examiner(before)
        self._after = Examiner(after)
        self._tokens = tokens
        self._clock = clock
        self.difference = Difference()
        self.seconds = (0.0, 0.0)
        self._compare_suppression()

    def _compare_suppression(self) -> None:
        # No event has to show it: those of people who were erased are in no sample.
        was, becomes = self._before.ruleset.suppressed, self._after.ruleset.suppressed
        if was != becomes:
            kind: Kind = "exposed" if becomes == "anonymise" else "protected"
            sides = ("events", "suppressed", was, "events", "suppressed", becomes)
            self.difference.changes[Change(kind, ERASED, *sides)] = Count()

    def take(self, records: Sequence[Record]) -> None:
        """Compare what becomes of ``records``."""
        events: list[Event] = []
        for record in records:
            event = self._before.read(record)
            if isinstance(event, Event):
                events.append(event)
            else:
                code = event.code if isinstance(event, EventError) else event.rule
                self.difference.refused[code] += 1
        began = self._clock()
        before = self._before.examine(events)
        halfway = self._clock()
        after = self._after.examine(events)
        spent, spent_after = self.seconds
        self.seconds = (spent + halfway - began, spent_after + self._clock() - halfway)
        for one, other in zip(before, after, strict=True):
            self._compare(_looked(one), _looked(other))

    def _compare(self, one: Looked, other: Looked) -> None:
        difference = self.difference
        difference.events += 1
        if one.fate != other.fate:
            difference.turns[Turn(one.fate, other.fate, other.by or one.by)] += 1
        elif one.fate == "row" and one.outline != other.outline:
            self._note(self._changes(one, other))

    def _changes(self, one: Looked, other: Looked) -> list[Change]:
        assert isinstance(one.found, Survey)
        assert isinstance(other.found, Survey)
        before = decided(one.found, one.decisions, self._tokens)
        after = decided(other.found, other.decisions, self._tokens)
        flatten(before, after.documents, least=False)
        flatten(after, before.documents, least=True)
        changes = []
        for position in dict.fromkeys((*before.values, *after.values)):
            was, becomes = before.values.get(position), after.values.get(position)
            value = was or becomes
            assert value is not None
            covers = (each.covers if each else () for each in (was, becomes))
            changes += [_change(value.path, shift) for shift in shifts(value.text, *covers)]
        return changes

    def _note(self, changes: Iterable[Change]) -> None:
        noted: set[Change] = set()
        for change in map(self._bounded, changes):
            self.difference.changes.setdefault(change, Count()).values += 1
            noted.add(change)
        for change in noted:
            self.difference.changes[change].events += 1

    def _bounded(self, change: Change) -> Change:
        known = self.difference.changes
        if change in known or len(known) < MOST_CHANGES:
            return change
        return change._replace(path=ELSEWHERE)


class Looked(NamedTuple):
    """What one ruleset has one event become.

    Attributes:
        found: What it sees.
        fate: What the event becomes.
        by: The rule that drops it, or the code of the dead letter.
        decisions: What is decided about its values.
        outline: Equal where the same is decided about the same values.
    """

    found: Survey | EventError
    fate: Fate
    by: str
    decisions: Sequence[tuple[Leaf, Sequence[Decision]]]
    outline: Sequence[object]


def _looked(found: Survey | EventError) -> Looked:
    if isinstance(found, EventError):
        return Looked(found, "dead letter", found.code, (), ())
    try:
        decisions = list(decisions_of(found))
    except EventError as error:
        return Looked(error, "dead letter", error.code, (), ())
    actions = (decision.action for _, of_leaf in decisions for decision in of_leaf)
    dropping = (action.rule for action in actions if isinstance(action.operator, DropEvent))
    by = next(dropping, "")
    # Contents of documents are made anew for each ruleset, so they are looked at closely.
    outline = [
        (id(leaf.holder), leaf.step, leaf.is_key, [decision[:3] for decision in of_leaf])
        for leaf, of_leaf in decisions
    ]
    return Looked(found, "dropped" if by else "row", by, decisions, outline)


def _change(path: str, shift: Shift) -> Change:
    return Change(shift.kind, path, *_said(shift.before), *_said(shift.after))


def _said(decision: Decision | None) -> tuple[str, str, str]:
    if decision is None:
        return NOBODY
    action = decision.action
    return action.entity, action.rule, _written(action.operator)


@lru_cache(maxsize=1_024)
def _written(operator: Operator) -> str:
    options = operator.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)
    said = ", ".join(f"{name}: {value}" for name, value in options.items())
    return f"{operator.name} {{{said}}}" if said else operator.name
