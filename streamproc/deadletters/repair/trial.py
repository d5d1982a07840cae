"""One original through the repairs, and through what the worker would do with it first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, TypeAlias

from streamproc.deadletters.causes import path_family
from streamproc.deadletters.inventory import Cause
from streamproc.deadletters.repair.language import Repair, Repairs, When
from streamproc.deadletters.repair.steps import perform
from streamproc.deadletters.repair.texts import read_body, write_body
from streamproc.decode import Unframe, json_text
from streamproc.errors import EventError
from streamproc.events import DeadLetter, Dropped, Event, Record
from streamproc.rules.conditions import Test, compiled

__all__ = ["Checks", "Outcome", "Tried", "Tries", "is_meant", "tried"]

Checks: TypeAlias = Callable[[Record], Event | Dropped]
"""What a record has to pass: the worker's decoding and tracking plan. Raises EventError."""

Outcome: TypeAlias = Literal["passes", "dropped", "fails", "unchanged", "no_repair"]
"""What would become of an original: it passes what it is tried on, or is dropped by the tracking
plan, or fails; its repair changes nothing; or no repair is meant for it."""


class Tried(NamedTuple):
    """What a repair makes of an original.

    Attributes:
        outcome: What would become of it.
        repair: The repair's name; empty where there is none.
        cause: Where it fails, as ``stage.code`` and the family of the path; else empty.
        value: The repaired value, where it passes.
    """

    outcome: Outcome
    repair: str = ""
    cause: str = ""
    value: bytes | None = None

    def __repr__(self) -> str:
        """Say what happened, without the value."""
        return f"Tried(outcome={self.outcome!r}, repair={self.repair!r}, cause={self.cause!r})"


@dataclass(frozen=True, slots=True)
class Tries:
    """Repairs, made ready to be tried: their conditions are compiled once.

    ``unframe`` reads originals that are not JSON as they stand, as it does for decoding; what is
    repaired of them is JSON.
    """

    repairs: Repairs
    conditions: dict[str, Test] = field(repr=False)
    unframe: Unframe | None = None

    @classmethod
    def of(cls, repairs: Repairs, unframe: Unframe | None = None) -> Tries:
        """Return the repairs of a file, ready."""
        found = {each.name: compiled(each.where) for each in repairs.repairs if each.where}
        return cls(repairs, found, unframe)

    def body_of(self, record: Record, repair: Repair) -> dict[str, Any]:
        """Return the event in an original, read as ``repair`` says.

        Raises:
            EventError: Why there is none.
        """
        return read_body(json_text(record, self.unframe), repair.text)


def tried(letter: DeadLetter, record: Record, tries: Tries, checks: Checks) -> Tried:
    """Return what becomes of a letter's original by the first repair that is meant for it.

    Guarantees that ``value`` is only there where ``checks`` let it pass.
    """
    why = ""
    for repair in tries.repairs.repairs:
        if not _is_meant(repair.when, letter):
            continue
        try:
            body = tries.body_of(record, repair)
        except EventError as error:
            why = why or _cause(error)  # another repair may read it otherwise
            continue
        test = tries.conditions.get(repair.name)
        if test is None or test(body):
            return _by(repair, record, body, checks)
    return Tried("fails", "", why) if why else Tried("no_repair")


def is_meant(cause: Cause, tries: Tries) -> bool:
    """Return whether a repair may be meant for letters of ``cause``: what others need not open."""
    return any(
        (when.stages is None or cause.stage in when.stages)
        and (when.codes is None or cause.code in when.codes)
        and (when.paths is None or cause.path in map(path_family, when.paths))
        for when in (repair.when for repair in tries.repairs.repairs)
    )


def _by(repair: Repair, record: Record, body: dict[str, object], checks: Checks) -> Tried:
    try:
        perform(body, repair.steps)
        value = write_body(body)
        found = checks(replace(record, value=value))
    except EventError as error:
        return Tried("fails", repair.name, _cause(error))
    if isinstance(found, Dropped):
        return Tried("dropped", repair.name, found.rule)
    if value == record.value:
        return Tried("unchanged", repair.name)
    return Tried("passes", repair.name, "", value)


def _is_meant(when: When, letter: DeadLetter) -> bool:
    return (
        (when.stages is None or letter.stage in when.stages)
        and (when.codes is None or letter.code in when.codes)
        and (when.rulesets is None or letter.ruleset in when.rulesets)
        and (
            when.paths is None or not when.paths.isdisjoint((letter.path, path_family(letter.path)))
        )
    )


def _cause(error: EventError) -> str:
    path = path_family(error.path)
    return f"{error.stage}.{error.code}" + (f" at {path}" if path else "")
