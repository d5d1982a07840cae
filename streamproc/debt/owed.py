"""What a warehouse owes: rows that were made under weaker rules than today's, by path.

Two things speak of a row. The rules it was made by, where their text is known, say what they may
have hidden less than today's do (:mod:`.weaker`): *at most* so many rows. Its manifest says what
was done with it: where that is weaker than anything that today's rules may do there, so many rows
*at least*. Manifests speak of rows whose rules nobody knows any more, too.

Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from streamproc.debt.weaker import (
    ANY_VALUE,
    EVERYWHERE,
    Weakness,
    choices_at,
    least_rank,
    weaknesses,
)
from streamproc.effects.protection import RANKS
from streamproc.rules import Plan, Ruleset
from streamproc.rules.operators import OPERATORS
from streamproc.warehouse.provenance import Handled, Made

__all__ = ["Debt", "Owed", "State", "Table", "Today", "owed_by", "states_of", "unsettled"]

State: TypeAlias = Literal["today", "strong", "weaker", "unknown"]
"""How the rules of a row stand to today's: the same; as strong; perhaps weaker; not known."""

STATES: Final[Sequence[State]] = ("today", "strong", "weaker", "unknown")
OTHERWISE: Final = Weakness(EVERYWHERE, ANY_VALUE, "found by other detectors", "found by these")
INDEX: Final = re.compile(r"\[[^\]]*\]")


class Today(NamedTuple):
    """The rules of today.

    Attributes:
        rows: What stands on the rows that they make.
        ruleset: What they say.
    """

    rows: str
    ruleset: Ruleset


class Owed(NamedTuple):
    """Rows of one table that are less protected at one path.

    Attributes:
        table: The table.
        path: The field: as a rule names it where rules speak, as manifests write it where these do.
        entity: What is there; ``*`` for the value as such.
        was: What was done with it.
        now: What would be done today.
        evidence: Who says so: ``rules`` at most so many rows, ``manifest`` at least so many.
        rows: How many.
    """

    table: str
    path: str
    entity: str
    was: str
    now: str
    evidence: Literal["rules", "manifest"]
    rows: int


class Table(NamedTuple):
    """How many rows of a table were made by rules of which state."""

    table: str
    rows: Mapping[State, int]


@dataclass(frozen=True, slots=True)
class Debt:
    """What there is to say.

    Attributes:
        tables: Every table with rows.
        rulesets: Every fingerprint on rows, with its state; None for rows without one.
        owed: What is less protected, the most rows first.
    """

    tables: Sequence[Table]
    rulesets: Mapping[str | None, State]
    owed: Sequence[Owed]


def states_of(
    found: Iterable[str | None],
    known: Mapping[str, Ruleset],
    today: Today,
    otherwise: Collection[str] = (),
) -> dict[str | None, State]:
    """Return how the rules of each fingerprint in ``found`` stand to today's.

    Args:
        found: Fingerprints on rows.
        known: The rulesets whose rows have which fingerprint.
        today: The rules of today.
        otherwise: Fingerprints of rows that other detectors looked into than those of today.
    """
    states = {rows: _state(rows, known, today) for rows in dict.fromkeys(found)}
    other = {rows for rows, state in states.items() if state == "strong" and rows in otherwise}
    return states | dict.fromkeys(other, "weaker")


def owed_by(
    made: Sequence[Made],
    handled: Mapping[Handled, int],
    known: Mapping[str, Ruleset],
    today: Today,
    otherwise: Collection[str] = (),
) -> Debt:
    """Return what the rows owe.

    Args:
        made: How many rows were made by which rules.
        handled: What was redacted in rows whose rules are weaker or not known.
        known: As for :func:`states_of`.
        today: The rules of today.
        otherwise: As for :func:`states_of`.
    """
    states = states_of((each.ruleset for each in made), known, today, otherwise)
    owed = [*_by_rules(made, states, known, today), *_by_manifests(handled, today)]
    tables = [
        Table(name, _rows_by_state((each for each in made if each.table == name), states))
        for name in dict.fromkeys(each.table for each in made)
    ]
    return Debt(tables, states, sorted(owed, key=lambda each: (-each.rows, each)))


def _state(rows: str | None, known: Mapping[str, Ruleset], today: Today) -> State:
    if rows == today.rows:
        return "today"
    if rows is None or (ruleset := known.get(rows)) is None:
        return "unknown"
    return "weaker" if weaknesses(ruleset, today.ruleset) else "strong"


def _rows_by_state(made: Iterable[Made], states: Mapping[str | None, State]) -> dict[State, int]:
    counts: dict[State, int] = dict.fromkeys(STATES, 0)
    for each in made:
        counts[states[each.ruleset]] += each.rows
    return counts


def _by_rules(
    made: Iterable[Made],
    states: Mapping[str | None, State],
    known: Mapping[str, Ruleset],
    today: Today,
) -> Iterator[Owed]:
    found = {
        rows: weaknesses(known[rows], today.ruleset) or [OTHERWISE]
        for rows, state in states.items()
        if state == "weaker" and rows is not None
    }
    counts: Counter[tuple[str, ...]] = Counter()
    for each in made:
        for weakness in found.get(each.ruleset or "", ()):
            counts[each.table, *weakness] += each.rows
    for (table, path, entity, was, now), rows in counts.items():
        yield Owed(table, path, entity, was, now, "rules", rows)


def _by_manifests(handled: Mapping[Handled, int], today: Today) -> Iterator[Owed]:
    plan = Plan(today.ruleset, lambda key: (key,))
    counts: Counter[tuple[str, ...]] = Counter()
    for each, rows in handled.items():
        if (now := _stronger_now(each, plan)) is not None:
            counts[each.table, each.path, each.entity, each.operator, now] += rows
    for (table, path, entity, was, now), rows in counts.items():
        yield Owed(table, path, entity, was, now, "manifest", rows)


def _stronger_now(handled: Handled, plan: Plan) -> str | None:
    """Return what is done today where all that may be done is stronger; else None."""
    policy = plan.policy(INDEX.sub("", handled.path).split("."))
    rules = [rule for rule in policy.rules if not rule.types or handled.type in rule.types]
    choices = choices_at(plan.ruleset, rules, handled.entity)
    # By its name alone: what an operator that keeps a part kept is not in the manifest.
    operator = OPERATORS.get(handled.operator)
    if operator is None or least_rank(choices) <= RANKS[operator]:
        return None
    last = choices[-1].operator
    assert last is not None, "what hides nothing is not stronger"
    return last.name


def unsettled(states: Mapping[str | None, State]) -> Collection[str | None]:
    """Return the fingerprints whose rows may owe something."""
    return [rows for rows, state in states.items() if state in {"weaker", "unknown"}]
