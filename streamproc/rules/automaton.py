"""Field paths as one automaton, run key by key; and which paths say all that others do.

A state is a set of places in patterns, each the steps that are left of one. What stands beside the
steps (the index of a rule, say) is carried along.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from typing import Final, TypeAlias, TypeVar

from streamproc.rules.paths import ANY, ANY_DEPTH, KEY, FieldPath, letters_of
from streamproc.rules.regexes import IGNORE_CASE, finder

__all__ = ["Coverage", "Keys", "State", "advanced", "closed"]

Mark = TypeVar("Mark", int, None)
State: TypeAlias = frozenset[tuple[Mark, tuple[str, ...]]]
"""Patterns that may still match: what they are of, and the steps that are left."""

UNNAMED: Final[frozenset[str]] = frozenset()
"""A key that no pattern names."""


class Keys:
    """What patterns say of keys: which steps besides ``*`` and ``**`` a key is. Thread-safe."""

    def __init__(self, paths: Iterable[FieldPath]) -> None:
        """Collect the keys that ``paths`` name, and compile their expressions."""
        steps = {step for path in paths for step in path.steps}
        self._named = {step: frozenset({step}) for step in steps if not step.startswith(KEY)}
        self._expressions = [
            (step, finder(step.removeprefix(KEY), IGNORE_CASE))
            for step in sorted(steps)
            if step.startswith(KEY)
        ]

    def steps(self, key: str) -> frozenset[str]:
        """Return the steps that ``key`` is; the same for all keys that no pattern names."""
        letters = letters_of(key)
        named = self._named.get(letters, UNNAMED)
        if self._expressions:
            found = (step for step, has in self._expressions if has(key) or has(letters))
            named = named.union(found)
        return named


def advanced(state: State[Mark], named: frozenset[str]) -> State[Mark]:
    """Return the state after a key that is the steps ``named``."""
    after = set()
    for mark, steps in state:
        if not steps:
            continue
        if steps[0] == ANY_DEPTH:
            after.add((mark, steps))
        elif steps[0] == ANY or steps[0] in named:
            after.add((mark, steps[1:]))
    return closed(frozenset(after))


def closed(state: State[Mark]) -> State[Mark]:
    """Add what ``**`` allows without a key: to stand for no step at all."""
    reached = set(state)
    waiting = list(state)
    while waiting:
        mark, steps = waiting.pop()
        if steps and steps[0] == ANY_DEPTH:
            following = (mark, steps[1:])
            if following not in reached:
                reached.add(following)
                waiting.append(following)
    return frozenset(reached)


class Coverage:
    """Paths of rules, made ready to be asked whether they say all that another one does."""

    def __init__(self, paths: Iterable[tuple[int, FieldPath]]) -> None:
        """Take ``paths``, each with the index of its rule."""
        self._paths: dict[str, list[tuple[int, FieldPath]]] = defaultdict(list)
        for index, path in paths:
            self._paths[_last_named(path)].append((index, path))

    def covers(self, path: FieldPath, among: Container[int]) -> bool:
        """Return whether every field of ``path`` is one of the rules ``among`` too.

        What ``*`` and ``**`` of ``path`` stand for is taken to be keys that nobody names: there is
        nothing that fewer patterns match. So one run over its steps is enough, where inclusion of
        automata in general needs all keys there are.
        """
        candidates = [
            each
            for last in {*path.steps, ""}
            for index, each in self._paths.get(last, ())
            if index in among
        ]
        keys = Keys([path, *candidates])
        start: State[None] = closed(frozenset((None, each.steps) for each in candidates))
        waiting = [(path.steps, start)]
        seen = set(waiting)
        while waiting:
            steps, state = waiting.pop()
            if not steps:
                if (None, ()) not in state:
                    return False
                continue
            for following in _following(steps, state, keys):
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
        return True


def _following(
    steps: tuple[str, ...], state: State[None], keys: Keys
) -> Sequence[tuple[tuple[str, ...], State[None]]]:
    step, rest = steps[0], steps[1:]
    if step == ANY_DEPTH:
        return [(rest, state), (steps, advanced(state, UNNAMED))]
    if step == ANY:
        return [(rest, advanced(state, UNNAMED))]
    if step.startswith(KEY):  # keys of which nothing is known but that it is found in them
        return [(rest, advanced(state, frozenset({step})))]
    return [(rest, advanced(state, keys.steps(step)))]


def _last_named(path: FieldPath) -> str:
    """Return the last step that is a plain key; empty where none is.

    Paths without that step have fields that this one has not.
    """
    plain = (step for step in reversed(path.steps) if step[:1] not in {ANY, KEY})
    return next(plain, "")
