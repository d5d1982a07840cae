"""The protocol of roll-outs, step by step, in any order that publishers and workers can take.

A model of what the real ones do (:mod:`streamproc.rollout`), on the real ledger: logs are lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.rollout.ledger import Ledger, Try
from streamproc.rollout.records import Abort, Activate, Prepare, Published, Statement

RAW = "raw"
PARTITIONS = (0, 1)


@dataclass
class World:
    """Kafka: where the raw partitions end, and the topic of rules."""

    ends: dict[int, int] = field(default_factory=lambda: dict.fromkeys(PARTITIONS, 0))
    log: list[Statement] = field(default_factory=list)
    decided: list[tuple[int, int, int | None]] = field(default_factory=list)
    """Partition, offset and ruleset of each decision of a worker."""
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def ledger(self, upto: int | None = None) -> Ledger:
        made = Ledger(RAW)
        for statement in self.log[:upto]:
            made.apply(statement)
        return made


def publisher(world: World) -> Iterator[None]:
    """Publish one ruleset; dies wherever it is not asked to go on."""
    number = next(world.numbers)
    world.log.append(
        Published(
            id=number, nonce="", files={}, fingerprint="", rows="", author="", message="", at=""
        )
    )
    yield
    world.log.append(Prepare(id=number, attempt=1))
    yield
    fences = {str(partition): end for partition, end in world.ends.items()}
    yield
    world.log.append(Activate(id=number, attempt=1, topic=RAW, fences=fences))
    yield


def worker(world: World, starts: dict[int, int]) -> Iterator[None]:
    """Process batches of all partitions, from ``starts`` on; gives up waiting whenever it likes."""
    position = dict(starts)
    while True:
        for partition in PARTITIONS:
            first, following = position[partition], world.ends[partition]
            yield  # fetched
            if first == following:
                continue
            known = len(world.log)
            yield  # knows where the log ends, and reads up to there
            tries: set[Try] = set(world.ledger(known).undecided)
            while tries & set(world.ledger(known).undecided):
                yield  # holds the batch; reads on, or gives up
                if known == len(world.log):
                    undecided = world.ledger(known).undecided[0]
                    world.log.append(
                        Abort(id=undecided.id, attempt=undecided.attempt, by="w", reason="slow")
                    )
                known += 1
            for piece in world.ledger(known).pieces(partition, first, following):
                world.decided += [
                    (partition, offset, piece.ruleset)
                    for offset in range(piece.first, piece.following)
                ]
            position[partition] = following


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from(PARTITIONS)),
        st.tuples(st.just("publisher"), st.integers(0, 2)),
        st.tuples(st.just("worker"), st.integers(0, 1)),
        st.tuples(st.just("restart"), st.integers(0, 1)),
    ),
    min_size=60,  # fewer, and hardly a switch is in the middle of anything
    max_size=150,
)


@settings(max_examples=300)
@given(STEPS)
def test_every_decision_is_the_one_that_the_whole_log_gives_whoever_took_it_and_when(
    steps: list[tuple[str, int]],
) -> None:
    world = World()
    first = publisher(world)
    for _ in range(4):
        next(first)
    start = dict.fromkeys(PARTITIONS, 0)
    workers = [worker(world, start), worker(world, start)]  # both read all: as one that replays
    publishers = [publisher(world) for _ in range(3)]

    for what, which in steps:
        if what == "append":
            world.ends[which] += 1
        elif what == "publisher":
            next(publishers[which], None)
        elif what == "worker":
            next(workers[which])
        elif what == "restart":
            workers[which] = worker(world, start)

    whole = world.ledger()
    for partition, offset, ruleset in world.decided:
        assert ruleset == whole.in_force(partition, offset)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8),
    st.integers(0, 30),
    st.integers(1, 20),
)
def test_pieces_cover_a_batch_once_and_say_what_is_in_force_at_each_offset(
    fences: list[tuple[int, int]], first: int, length: int
) -> None:
    ledger = Ledger(RAW)
    for number, (zero, one) in enumerate(fences, start=1):
        ledger.apply(Prepare(id=number, attempt=1))
        ledger.apply(
            Activate(id=number, attempt=1, topic=RAW, fences={"0": zero, "1": one}),
        )

    pieces = ledger.pieces(1, first, first + length)

    offsets = [offset for piece in pieces for offset in range(piece.first, piece.following)]
    assert offsets == list(range(first, first + length))
    for piece in pieces:
        for offset in range(piece.first, piece.following):
            assert ledger.in_force(1, offset) == piece.ruleset
    rulesets = [piece.ruleset for piece in pieces]
    assert all(one != other for one, other in pairwise(rulesets))
