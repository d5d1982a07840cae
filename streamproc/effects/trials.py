"""Cases run through the real pipeline, and which rules they reach."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import regex

from streamproc.effects.cases import ABSENT, MISSING, UNCHANGED, Case, Entry, Suite, value_at
from streamproc.effects.examine import Examiner, places_of
from streamproc.errors import EventError
from streamproc.events import DeadLetter, Dropped, Event, Micros, Origin, Record, Redacted
from streamproc.pipeline import Parts, Pipeline
from streamproc.redact import ENCRYPTED, TOKEN, KeyRing, Survey
from streamproc.redact.decisions import decisions_of
from streamproc.rules import Ruleset

__all__ = ["TEST_RING", "Difference", "Outcome", "Trials", "unreached"]

TEST_RING = KeyRing("test", {"test": b"streamproc's test key, no secret"})
"""The keys of cases: always these, so that a case may name the very token that it expects."""

ANY_WRITTEN: Mapping[str, re.Pattern[str]] = {"tok_*": TOKEN, "enc_*": ENCRYPTED}
"""What stands in cases for what redaction writes. Other patterns are expressions: a star is what
masks write as well, and ``****1111`` must not stand for the card's own number."""

LONGEST_TOLD = 200


class Difference(NamedTuple):
    """Something that is not as a case expects it.

    Attributes:
        where: What of the outcome: a value's path, or ``manifest``, or ``event``.
        expected: What the case says.
        got: What there is.
    """

    where: str
    expected: str
    got: str


class Outcome(NamedTuple):
    """What became of a case.

    Attributes:
        source: The file of the case.
        line: Where in it.
        name: The case's.
        differences: None if all is as expected.
        reached: The rules that decided something in its event.
    """

    source: str
    line: int | None
    name: str
    differences: Sequence[Difference]
    reached: frozenset[str]


class Trials:
    """Runs cases. For one thread at a time."""

    def __init__(self, parts: Parts, topic: str) -> None:
        """Run with these parts of a pipeline; cases that name no topic are of ``topic``."""
        self._pipeline = Pipeline(parts)
        self._examiner = Examiner(parts)
        self._topic = topic

    def run(self, suite: Suite) -> Iterator[Outcome]:
        """Yield what becomes of each case."""
        for number, (case, line) in enumerate(zip(suite.cases, suite.lines, strict=True)):
            record = self._record(case, number)
            found = tuple(self._differences(case, record))
            yield Outcome(suite.source, line, case.name, found, self._reached(record))

    def _record(self, case: Case, number: int) -> Record:
        text = isinstance(case.event, str)
        value = case.event.encode() if text else orjson.dumps(case.event)
        return Record(Origin(case.topic or self._topic, 0, number), None, value, Micros(0))

    def _differences(self, case: Case, record: Record) -> Iterator[Difference]:
        result = self._pipeline.run([record])
        (outcome,), (redacted,) = result.outcomes, result.redacted
        wanted = _outcome(case.expect.dropped, case.expect.dead)
        if isinstance(outcome, Dropped):
            became = _outcome(outcome.rule, None)
        elif isinstance(outcome, DeadLetter):
            became = _outcome(None, outcome.code)
        else:
            became = _outcome(None, None)
        if wanted != became:
            yield Difference("event", wanted, became)
        elif redacted is not None:
            yield from _of_values(case, redacted)
            yield from _of_manifest(case, redacted)

    def _reached(self, record: Record) -> frozenset[str]:
        event = self._examiner.read(record)
        if not isinstance(event, Event):
            return frozenset()
        (found,) = self._examiner.examine([event])
        if not isinstance(found, Survey):
            return frozenset()
        try:
            decisions = [decision for _, of_leaf in decisions_of(found) for decision in of_leaf]
        except EventError:
            return frozenset()
        decided = {decision.action.rule for decision in decisions}
        return frozenset(decided | set(self._left_out(found)))

    def _left_out(self, found: Survey) -> Iterator[str]:
        """Yield the rules that leave out steps of the search in a field that the event has."""
        elsewhere = self._examiner.not_in_force(found.event)
        for place in _fields(found):
            rules = self._examiner.rules_at(place)
            names = (r.name for r in rules if r.without is not None and r.name not in elsewhere)
            if (name := next(names, None)) is not None:
                yield name


def unreached(ruleset: Ruleset, outcomes: Iterable[Outcome]) -> list[str]:
    """Return the rules that no case reaches, in their order."""
    reached = frozenset[str]().union(*(outcome.reached for outcome in outcomes))
    return [rule.name for rule in ruleset.rules if rule.name not in reached]


def _fields(found: Survey) -> Iterator[tuple[str, ...]]:
    """Yield the path of each field that is there, keys as they are."""
    containers: list[Any] = [found.event.body, *(opened.box for opened in found.opened)]
    places = places_of(found)
    for content in containers:
        if isinstance(content, list):
            containers += content
        elif isinstance(content, dict):
            above = places[id(content)]
            for key, value in content.items():
                yield tuple(step for step in (*above, key) if isinstance(step, str))
                containers.append(value)


def _outcome(dropped: str | None, dead: str | None) -> str:
    if dropped is not None:
        return f"dropped by {dropped}"
    return "a row" if dead is None else f"a dead letter: {dead}"


def _of_values(case: Case, redacted: Redacted) -> Iterator[Difference]:
    for path, wanted in case.expect.values.items():
        got = value_at(redacted.body, path)
        if wanted == UNCHANGED:
            before = value_at(case.event, path)
            if got != before:
                yield Difference(path, f"unchanged: {_told(before)}", _told(got))
        elif not _is(wanted, got):
            yield Difference(path, _told_wanted(wanted), _told(got))


def _is(wanted: Any, got: Any) -> bool:
    if wanted == ABSENT:
        return got is MISSING
    if isinstance(wanted, dict):
        if "equals" in wanted:
            return _same(wanted["equals"], got)
        return isinstance(got, str) and regex.search(wanted["matches"], got) is not None
    if isinstance(wanted, str) and wanted in ANY_WRITTEN:
        return isinstance(got, str) and ANY_WRITTEN[wanted].fullmatch(got) is not None
    return _same(wanted, got)


def _same(wanted: Any, got: Any) -> bool:
    # To Python 1 is True, and to JSON it is not.
    return got is not MISSING and _json(wanted) == _json(got)


def _of_manifest(case: Case, redacted: Redacted) -> Iterator[Difference]:
    entries = [
        Entry(path=each.path, entity=each.entity, rule=each.rule, operator=each.operator)
        for each in redacted.manifest
    ]
    for wanted in case.expect.manifest:
        if wanted not in entries:
            there = [_line(entry) for entry in entries if entry.path == wanted.path]
            yield Difference(
                "manifest", _line(wanted), "; ".join(there) or f"nothing about {wanted.path}"
            )


def _line(entry: Entry) -> str:
    return f"{entry.path}: {entry.entity}, {entry.operator} by {entry.rule}"


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _told(value: Any) -> str:
    if value is MISSING:
        return ABSENT
    told = _json(value).decode()
    return told if len(told) <= LONGEST_TOLD else f"{told[:LONGEST_TOLD]}…"


def _told_wanted(wanted: Any) -> str:
    if isinstance(wanted, str) and (wanted == ABSENT or wanted in ANY_WRITTEN):
        return wanted
    if isinstance(wanted, dict) and "matches" in wanted:
        return f"a text that matches {wanted['matches']}"
    return _told(wanted["equals"] if isinstance(wanted, dict) else wanted)
