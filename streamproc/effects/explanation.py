"""One event explained: what was found in each field, who decides about it, and who does not.

A value is told by its shape; the rest is words of the ruleset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from streamproc.decode import decode
from streamproc.detect.urls import percent_decoded
from streamproc.effects.examine import Examiner, Place, places_of
from streamproc.effects.reasons import Loss, losses, out_of_scope
from streamproc.effects.shapes import EMPTY, shape_of, text_shape
from streamproc.errors import EventError
from streamproc.events import Dropped, Event, Record, Violation, path_text
from streamproc.pipeline import Parts
from streamproc.redact import Survey, Tokens
from streamproc.redact.dates import shifted
from streamproc.redact.decisions import Decision, decisions_of
from streamproc.redact.operators import rewritten
from streamproc.redact.sites import VALIDATED, Site, Sites
from streamproc.redact.survey import is_searched, text_of
from streamproc.rules import DateShift, Drop, DropEvent, Encrypt, Redact, Replace, Ruleset
from streamproc.rules.plan import PLAIN_KEY
from streamproc.tracking import check, differences

__all__ = ["Explained", "Explainer", "Explanation", "Piece"]

DROPPED = "(dropped)"


class Piece(NamedTuple):
    """What is decided about a piece of a value, or about all of it.

    Attributes:
        shape: The piece's shape.
        entity: What it is.
        score: How sure that is; 1 where a rule decides unsearched.
        recognizer: What found it; empty where nothing searched.
        step: The step of the search that found it; empty likewise.
        rule: Who decides: a rule's name, or ``operators.<ENTITY>``.
        operator: What is done.
        result: The shape of what is written.
        lost: The rules that speak of the field and do not decide about this piece.
    """

    shape: str
    entity: str
    score: float
    recognizer: str
    step: str
    rule: str
    operator: str
    result: str
    lost: Sequence[Loss]


class Explained(NamedTuple):
    """A field, or a key that is no plain word.

    Attributes:
        path: As manifests write it.
        key: Whether it is the key.
        shape: The value's shape.
        how: How it is decided: ``as a whole``, ``searched``, ``searched, and opened`` where it
            holds documents, or why it is not searched.
        without: The steps of the search that a rule leaves out.
        pieces: What is decided about it, by where it begins.
        result: The shape of what is written in its place; None where it stays as it is.
        lost: Where nothing is decided, the rules that speak of it.
    """

    path: str
    key: bool
    shape: str
    how: str
    without: Sequence[str]
    pieces: Sequence[Piece]
    result: str | None
    lost: Sequence[Loss]


class Explanation(NamedTuple):
    """What becomes of an event, and why.

    Attributes:
        ruleset: The ruleset that it is explained by, and what the tracking plan adds to it.
        type: The event's type; empty if it is no event.
        outcome: ``row``, ``dropped`` or ``dead letter``.
        by: The rule that drops it, or the code of the dead letter, with its path.
        violations: Where it is not as the tracking plan has it, and what the plan has done.
        elsewhere: The rules that are not in force for it, each with why.
        fields: Its fields, in their order.
    """

    ruleset: Ruleset
    type: str
    outcome: str
    by: str
    violations: Sequence[tuple[Violation, str]] = ()
    elsewhere: Mapping[str, str] = {}
    fields: Sequence[Explained] = ()


class Explainer:
    """Explains events by one ruleset. For one thread at a time."""

    def __init__(self, parts: Parts, tokens: Tokens) -> None:
        """Explain with these parts of a pipeline; ``tokens`` are of any keys."""
        self._examiner = Examiner(parts)
        self._parts = parts
        self._tokens = tokens

    def explain(self, record: Record) -> Explanation:
        """Return what becomes of ``record``."""
        ruleset = self._examiner.ruleset
        try:
            event = decode(record, self._parts.limits, self._parts.unframe)
        except EventError as error:
            return Explanation(ruleset, "", "dead letter", _refused(error))
        violations: Sequence[tuple[Violation, str]] = ()
        outcome, by = "row", ""
        if self._parts.plan is not None:
            violations = differences(event, self._parts.plan)
            outcome, by = self._planned(event)
        (found,) = self._examiner.examine([event])
        if isinstance(found, EventError):
            return Explanation(ruleset, event.type, "dead letter", _refused(found), violations)
        elsewhere = self._elsewhere(event)
        try:
            if outcome == "row" and (rule := _dropping(found)) is not None:
                outcome, by = "dropped", rule
            fields = tuple(_Fields(self._examiner, self._tokens, found, elsewhere).all())
        except EventError as error:
            return Explanation(ruleset, event.type, "dead letter", _refused(error), violations)
        return Explanation(ruleset, event.type, outcome, by, violations, elsewhere, fields)

    def _planned(self, event: Event) -> tuple[str, str]:
        assert self._parts.plan is not None
        try:
            checked = check(event, self._parts.plan)
        except EventError as error:
            return "dead letter", _refused(error)
        return ("dropped", checked.rule) if isinstance(checked, Dropped) else ("row", "")

    def _elsewhere(self, event: Event) -> dict[str, str]:
        rules = {rule.name: rule for rule in self._examiner.ruleset.rules}
        failed = self._examiner.not_in_force(event)
        return {name: out_of_scope(rules[name], key, event) for name, key in failed.items()}


def _refused(error: EventError) -> str:
    return f"{error.code} at {error.path}" if error.path else error.code


def _dropping(found: Survey) -> str | None:
    for _, decisions in decisions_of(found):
        for decision in decisions:
            if isinstance(decision.action.operator, DropEvent):
                return decision.action.rule
    return None


class _Fields:
    """The fields of one event."""

    def __init__(
        self, examiner: Examiner, tokens: Tokens, found: Survey, elsewhere: Mapping[str, str]
    ) -> None:
        self._examiner = examiner
        self._tokens = tokens
        self._elsewhere = elsewhere
        self._found = found
        self._sites: Sites = examiner.sites(found.event)
        self._decisions: dict[tuple[Place, bool], Sequence[Decision]] = {}
        self._documents: dict[Place, list[tuple[Any, Place]]] = {}
        places = places_of(found)
        for leaf, decisions in decisions_of(found):
            place = (*places[id(leaf.holder)], leaf.step)
            self._decisions[place, leaf.is_key] = decisions
        for opened in found.opened:
            holder = (*places[id(opened.leaf.holder)], opened.leaf.step)
            inside = (*places[id(opened.box)], opened.leaf.step)
            content = (opened.box[opened.leaf.step], inside)
            self._documents.setdefault(holder, []).append(content)

    def all(self) -> Iterator[Explained]:
        yield from self._below(self._found.event.body, (), self._sites.root)

    def _below(self, value: Any, place: Place, site: Site) -> Iterator[Explained]:
        whole = site.whole is not None and (place, False) in self._decisions
        if isinstance(value, dict) and not whole:
            for key, below in value.items():
                inner = self._site(site, key)
                if not inner.plain:
                    yield self._explained(key, (*place, key), inner, key=True)
                yield from self._below(below, (*place, key), inner)
        elif isinstance(value, list) and not whole:
            for index, below in enumerate(value):
                yield from self._below(below, (*place, index), site)
        elif value is not None and value != "":
            yield self._explained(value, place, site, key=False)
            if whole:
                yield from self._keys_below(value, place, site)
        for content, inside in self._documents.get(place, ()):
            yield from self._below(content, inside, site)

    def _keys_below(self, value: Any, place: Place, site: Site) -> Iterator[Explained]:
        """Yield the keys in what is decided as a whole: its values go, its keys are searched."""
        if isinstance(value, dict):
            for key, below in value.items():
                inner = self._site(site, key)
                if not inner.plain:
                    yield self._explained(key, (*place, key), inner, key=True)
                    for content, inside in self._documents.get((*place, key), ()):
                        yield from self._below(content, inside, inner)
                yield from self._keys_below(below, (*place, key), inner)
        elif isinstance(value, list):
            for index, below in enumerate(value):
                yield from self._keys_below(below, (*place, index), site)

    def _site(self, site: Site, key: str) -> Site:
        return site.children.get(key) or self._sites.below(site, key)

    def _explained(self, value: Any, place: Place, site: Site, *, key: bool) -> Explained:
        decisions = sorted(self._decisions.get((place, key), ()), key=lambda each: each.start)
        rules = self._examiner.rules_at(place)
        container = isinstance(value, dict | list)
        text = "" if container else text_of(value)
        pieces = []
        for decision in decisions:
            lost = tuple(losses(rules, self._elsewhere, text, decision))
            pieces.append(self._piece(value, decision, lost))
        return Explained(
            path=_path(place),
            key=key,
            shape=shape_of(value),
            how=self._how(value, place, site, key=key),
            without=sorted(site.without),
            pieces=pieces,
            result=_result(text, decisions, pieces) if decisions else None,
            lost=() if decisions else tuple(losses(rules, self._elsewhere, text, None)),
        )

    def _how(self, value: Any, place: Place, site: Site, *, key: bool) -> str:
        if site.whole is not None and not key:
            return "as a whole"
        if len(place) == 1 and place[0] in VALIDATED:
            return "not searched: read when it was decoded"
        if key:
            return "not searched: left out by a rule" if "key" in site.without else "searched"
        if not isinstance(value, str):
            searched = site.numbers and is_searched(value, site)
            return "searched" if searched else "not searched: no text, and no long number"
        if self._sites.passes(site, value):
            return "not searched: written by a machine"
        return "searched, and opened" if place in self._documents else "searched"

    def _piece(self, value: Any, decision: Decision, lost: Sequence[Loss]) -> Piece:
        action, finding = decision.action, decision.finding
        if isinstance(value, dict | list):
            shape, result = shape_of(value), _of_container(decision)
        else:
            piece = text_of(value)[decision.start : decision.end]
            if finding is not None and finding.step == "url":
                piece = percent_decoded(piece)
            shape, result = text_shape(piece), self._written(decision, piece)
        return Piece(
            shape=shape,
            entity=action.entity,
            score=round(finding.score, 2) if finding else 1.0,
            recognizer=finding.recognizer if finding else "",
            step=finding.step if finding else "",
            rule=action.rule,
            operator=action.operator.name,
            result=result,
            lost=lost,
        )

    def _written(self, decision: Decision, piece: str) -> str:
        """Return the shape of what is written for ``piece``, without anybody's own key."""
        action = decision.action
        operator, unread = action.operator, f"<{action.entity}>"
        if isinstance(operator, Drop | DropEvent):
            return DROPPED
        if isinstance(operator, Encrypt):
            return "enc_…"
        if isinstance(operator, DateShift):
            moved = shifted(piece, 1, day_first=operator.day_first)
            return unread if moved is None else text_shape(moved)
        new = rewritten(action, piece, self._tokens)
        constant = new == unread or isinstance(operator, Replace)
        return new if constant else text_shape(new)


def _of_container(decision: Decision) -> str:
    operator = decision.action.operator
    if isinstance(operator, Drop | DropEvent):
        return DROPPED
    return "null" if isinstance(operator, Redact) else f"each value: {operator.name}"


def _result(text: str, decisions: Sequence[Decision], pieces: Sequence[Piece]) -> str:
    """Return the shape of a value in which every piece is what was made of it."""
    if any(piece.result == DROPPED for piece in pieces):
        return DROPPED
    if len(pieces) == 1 and (decisions[0].start, decisions[0].end) == (0, len(text)):
        return pieces[0].result
    told, at = "", 0
    for decision, piece in zip(decisions, pieces, strict=True):
        between = text[at : decision.start]
        told += (text_shape(between) if between else "") + piece.result.replace(EMPTY, "")
        at = decision.end
    rest = text[at:]
    return told + (text_shape(rest) if rest else "")


def _path(place: Place) -> str:
    steps = [step for step in place if isinstance(step, int | str)]
    return path_text(
        tuple(step if isinstance(step, int) or PLAIN_KEY.fullmatch(step) else "*" for step in steps)
    )
