"""What trying a ruleset beside the one in force has shown: counts, never a value.

A worker writes its report on the topic of status, again and again under one key; a worker that
starts anew begins another. What all of them say together decides whether the ruleset may take over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamproc.effects.difference import ELSEWHERE, Comparison
from streamproc.effects.protection import KINDS, LESS, Kind

__all__ = [
    "MOST_CHANGES",
    "WHOLE_EVENTS",
    "ChangeCount",
    "Found",
    "ShadowReport",
    "TurnCount",
    "decode_report",
    "encode_report",
    "is_report",
    "less_protected",
    "report_of",
    "together",
]

MOST_CHANGES: Final = 500
"""Changes that a report tells apart, the worst ones; the others are counted by their kinds."""

WHOLE_EVENTS: Final = "(whole events)"
"""In the place of a path: events that become rows and did not."""

PREFIX: Final = b"shadow/"

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class ChangeCount(_Part):
    """Values of a field that fare otherwise.

    Attributes:
        kind: How.
        path: The field, without list indexes; keys that are no plain words are ``*``.
        entity: What is found there.
        operator: What is done with it now.
        new_operator: What the candidate does.
        events: In how many events.
    """

    kind: Kind
    path: str
    entity: str
    operator: str
    new_operator: str
    events: Count


class TurnCount(_Part):
    """Events that become something else as a whole."""

    before: Literal["row", "dropped", "dead letter"]
    after: Literal["row", "dropped", "dead letter"]
    events: Count


class ShadowReport(_Part):
    """What was found so far, by one worker or by all.

    Attributes:
        ruleset: The candidate's number.
        against: The number of the ruleset in force, which it is compared with.
        topic: The raw topic.
        compared: Events that both were tried on.
        missed: Records of the sample that there was no time for.
        failed: Workers that cannot try it, or could not any longer.
        changes: What differs in them.
        turns: Events that become something else as a whole.
        seconds: What looking at these events took, under the one in force.
        new_seconds: The same under the candidate.
    """

    ruleset: int
    against: int
    topic: str
    compared: Count = 0
    missed: Count = 0
    failed: Count = 0
    changes: tuple[ChangeCount, ...] = ()
    turns: tuple[TurnCount, ...] = ()
    seconds: Seconds = 0.0
    new_seconds: Seconds = 0.0


class Found(NamedTuple):
    """What would be less protected at one path, and in how many events."""

    path: str
    kinds: frozenset[str]
    events: int


def encode_report(report: ShadowReport, worker: str, nonce: str) -> tuple[bytes, bytes]:
    """Return key and value; ``nonce`` tells runs of one worker apart."""
    key = f"{report.ruleset}/{report.against}/{worker}/{nonce}".encode()
    return PREFIX + key, report.model_dump_json().encode()


def is_report(key: bytes) -> bool:
    """Return whether a record of the topic of status with this key is a report."""
    return key.startswith(PREFIX)


def decode_report(value: bytes) -> ShadowReport | None:
    """Return what ``value`` says; None where it is no report."""
    try:
        return ShadowReport.model_validate_json(value)
    except (ValidationError, RecursionError):
        return None


def report_of(comparison: Comparison, empty: ShadowReport, missed: int) -> ShadowReport:
    """Return what ``comparison`` has found, in the place of what ``empty`` does not say."""
    difference = comparison.difference
    events: Counter[tuple[Kind, str, str, str, str]] = Counter()
    for change, count in difference.changes.items():
        entity = change.entity or change.new_entity
        key = (change.kind, change.path, entity, change.operator, change.new_operator)
        events[key] += count.events
    turns: Counter[tuple[str, str]] = Counter()
    for turn, number in difference.turns.items():
        turns[turn.before, turn.after] += number
    seconds, new_seconds = comparison.seconds
    return empty.model_copy(
        update={
            "compared": difference.events,
            "missed": missed,
            "changes": _changes(events),
            "turns": _turns(turns),
            "seconds": seconds,
            "new_seconds": new_seconds,
        }
    )


def together(reports: Iterable[ShadowReport], ruleset: int, against: int) -> ShadowReport:
    """Return what all ``reports`` say of one candidate against one ruleset."""
    about = [each for each in reports if (each.ruleset, each.against) == (ruleset, against)]
    events: Counter[tuple[Kind, str, str, str, str]] = Counter()
    turns: Counter[tuple[str, str]] = Counter()
    for report in about:
        for each in report.changes:
            events[each.kind, each.path, each.entity, each.operator, each.new_operator] += (
                each.events
            )
        for turn in report.turns:
            turns[turn.before, turn.after] += turn.events
    return ShadowReport(
        ruleset=ruleset,
        against=against,
        topic=about[0].topic if about else "",
        compared=sum(each.compared for each in about),
        missed=sum(each.missed for each in about),
        failed=sum(each.failed for each in about),
        changes=_changes(events),
        turns=_turns(turns),
        seconds=sum(each.seconds for each in about),
        new_seconds=sum(each.new_seconds for each in about),
    )


def less_protected(report: ShadowReport, allowed: Collection[str] = ()) -> Sequence[Found]:
    """Return what would be less protected, but for the paths ``allowed``; the most events first."""
    events: Counter[str] = Counter()
    kinds: dict[str, set[str]] = {}
    for change in report.changes:
        if change.kind in LESS and change.path not in allowed:
            events[change.path] += change.events
            kinds.setdefault(change.path, set()).add(change.kind)
    rows = sum(turn.events for turn in report.turns if turn.after == "row")
    if rows and WHOLE_EVENTS not in allowed:
        events[WHOLE_EVENTS] = rows
        kinds[WHOLE_EVENTS] = {"exposed"}
    return [Found(path, frozenset(kinds[path]), count) for path, count in events.most_common()]


def _changes(events: Mapping[tuple[Kind, str, str, str, str], int]) -> tuple[ChangeCount, ...]:
    listed = sorted(events.items(), key=lambda item: (KINDS.index(item[0][0]), -item[1], item[0]))
    rest: Counter[Kind] = Counter()
    for (kind, *_), count in listed[MOST_CHANGES:]:
        rest[kind] += count
    told = [(*key, count) for key, count in listed[:MOST_CHANGES]]
    told += [(kind, ELSEWHERE, "", "", "", count) for kind, count in rest.items()]
    names = tuple(ChangeCount.model_fields)
    said = (dict(zip(names, each, strict=True)) for each in told)
    return tuple(map(ChangeCount.model_validate, said))


def _turns(events: Mapping[tuple[str, str], int]) -> tuple[TurnCount, ...]:
    return tuple(
        TurnCount.model_validate({"before": before, "after": after, "events": count})
        for (before, after), count in sorted(events.items())
    )
