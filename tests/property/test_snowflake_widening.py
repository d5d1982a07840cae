"""Loaders that widen one column: they step, sleep, come late and die, and no value is lost."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.warehouse.kinds import Kind, join
from streamproc.warehouse.schema import Columns
from streamproc.warehouse.sinks.snowflake_widening import (
    Add,
    Copy,
    Drop,
    Rename,
    Step,
    fits,
    next_step,
    settled,
)

COLUMN: Final = "c"
LADDERS: Final = (
    (Kind.INTEGER, Kind.FLOAT, Kind.STRING),
    (Kind.DATE, Kind.TIMESTAMP, Kind.STRING),
    (Kind.BOOLEAN, Kind.STRING),
)
ACTORS: Final = 4
STEPS: Final = 100
"""More than any loader needs that nobody disturbs."""


class RefusedError(Exception):
    """The table is not as the statement takes it to be."""


class Table:
    """A table as Snowflake has it: every statement is whole by itself, and none waits."""

    def __init__(self, kind: Kind) -> None:
        self.kinds: dict[str, Kind] = {COLUMN: kind}
        self.values: dict[str, set[int]] = {COLUMN: set()}
        self.rows = 0

    def insert(self, kind: Kind) -> None:
        """A load: what it writes is compared in the transaction that writes it."""
        if settled(self.kinds).get(COLUMN) is kind:
            self.values[COLUMN].add(self.rows)
            self.rows += 1

    def add(self, name: str, kind: Kind) -> None:
        if name in self.kinds:
            raise RefusedError
        self.kinds[name] = kind
        self.values[name] = set()

    def rename(self, before: str, now: str) -> None:
        if before not in self.kinds or now in self.kinds:
            raise RefusedError
        self.kinds[now] = self.kinds.pop(before)
        self.values[now] = self.values.pop(before)

    def copy(self, step: Copy) -> None:
        if not fits(self.kinds, step):
            raise RefusedError
        for name in step.sources:
            self.values[step.target] |= self.values[name]

    def drop(self, name: str) -> None:
        self.kinds.pop(name, None)
        self.values.pop(name, None)

    def everything(self) -> set[int]:
        return set().union(*self.values.values())


FRESH = count(1)


def statements(table: Table, step: Step) -> Iterator[None]:
    """Carry ``step`` out, with a pause where a loader can sleep."""
    match step:
        case Add(name, kind):
            table.add(name, kind)
        case Rename(before, now):
            table.rename(before, now)
        case Drop(name):
            table.drop(name)
        case Copy():
            table.copy(step)
            for name in step.sources if step.drop else ():
                yield
                table.drop(name)


def loader(table: Table, needed: Kind) -> Iterator[None]:
    """Widen the column, with a pause between what it sees and what it does."""
    filled: set[str] = set()
    while step := next_step(dict(table.kinds), COLUMN, needed, f"{next(FRESH):08x}", filled):
        yield
        try:
            yield from statements(table, step)
        except RefusedError:
            continue
        if isinstance(step, Copy):
            filled.add(step.target)


def finish(table: Table, needed: Kind) -> None:
    for _, _ in zip(range(STEPS), loader(table, needed), strict=False):
        pass


schedules = st.lists(st.integers(0, ACTORS - 1) | st.just(-1) | st.integers(10, 13), max_size=120)
"""Whose turn it is; -1: somebody writes a row; 10 and more: one dies, and comes back later."""


@settings(max_examples=600)
@given(ladder=st.sampled_from(LADDERS), schedule=schedules, data=st.data())
def test_no_value_is_lost_whoever_comes_late_or_dies(
    ladder: tuple[Kind, ...], schedule: list[int], data: st.DataObject
) -> None:
    table = Table(ladder[0])
    table.insert(ladder[0])
    kinds = st.sampled_from(ladder)
    actors = [loader(table, data.draw(kinds)) for _ in range(ACTORS)]
    for turn in schedule:
        if turn == -1:
            table.insert(data.draw(kinds))
        elif turn >= 10:
            actors[turn - 10] = loader(table, data.draw(kinds))
        elif next(actors[turn], "done") == "done":
            actors[turn] = loader(table, data.draw(kinds))
        assert table.everything() == set(range(table.rows))
    finish(table, ladder[-1])
    assert table.kinds == {COLUMN: ladder[-1]}
    assert table.values[COLUMN] == set(range(table.rows))


@given(ladder=st.sampled_from(LADDERS), cut=st.integers(0, 30))
def test_whoever_comes_next_finishes_what_one_loader_left(
    ladder: tuple[Kind, ...], cut: int
) -> None:
    table = Table(ladder[0])
    table.insert(ladder[0])
    for _, _ in zip(range(cut), loader(table, ladder[-1]), strict=False):
        pass
    visible: Columns = settled(table.kinds)
    assert visible in ({}, {COLUMN: ladder[0]}, {COLUMN: ladder[-1]})
    finish(table, ladder[-1])
    assert table.kinds == {COLUMN: ladder[-1]}
    assert table.values[COLUMN] == {0}


@given(kind=st.sampled_from(Kind), needed=st.sampled_from(Kind))
def test_a_column_becomes_what_holds_both_and_then_rests(kind: Kind, needed: Kind) -> None:
    table = Table(kind)
    finish(table, needed)
    assert table.kinds == {COLUMN: join(kind, needed)}
    assert next_step(table.kinds, COLUMN, needed, "0" * 8) is None
    assert next_step({}, COLUMN, needed, "0" * 8) == Add(COLUMN, needed)
