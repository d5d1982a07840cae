"""A ruleset looked at as closely as can be without an event: what is wrong, and what is odd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streamproc.errors import Problem
from streamproc.rules.consistency import Remark
from streamproc.rules.language import Ruleset
from streamproc.rules.lint import Planned, left_to_default, remarks
from streamproc.rules.load import load_documented
from streamproc.rules.operators import Encrypt, Operator

__all__ = ["Checked", "Surroundings", "check_ruleset"]


@dataclass(frozen=True)
class Surroundings:
    """What a ruleset is to be used with.

    Attributes:
        subject_keys: Whether there is a store of people's own keys.
        planned: The events of the tracking plan; None where there is no plan.
    """

    subject_keys: bool = True
    planned: Planned | None = None


@dataclass(frozen=True)
class Checked:
    """A ruleset that can be used.

    Attributes:
        ruleset: The ruleset.
        warnings: What it can hardly mean, in the order of the file.
        left_to_default: The entities that are searched and that only ``operators.default`` speaks
            of: nothing is wrong with that, if it is meant.
    """

    ruleset: Ruleset
    warnings: tuple[Problem, ...]
    left_to_default: tuple[str, ...]


def check_ruleset(place: Path, surroundings: Surroundings) -> Checked:
    """Return the ruleset of a folder or a file, and what is odd about it.

    Raises:
        ConfigError: With every problem there is.
    """

    def missing_keys(ruleset: Ruleset) -> Iterator[Remark]:
        return iter(()) if surroundings.subject_keys else _keys_named(ruleset)

    ruleset, document = load_documented(place, missing_keys)
    warnings = [document.problem(*remark) for remark in remarks(ruleset, surroundings.planned)]
    warnings.sort(key=lambda each: (each.line or 0, each.column or 0))
    return Checked(ruleset, tuple(warnings), tuple(left_to_default(ruleset)))


def _keys_named(ruleset: Ruleset) -> Iterator[Remark]:
    told = "needs people's keys: the setting keys.subjects names no store of them"
    for entity, operator in ruleset.operators.items():
        if _is_per_subject(operator):
            yield ("operators", entity, "encrypt", "per_subject"), told
    for index, rule in enumerate(ruleset.rules):
        if _is_per_subject(rule.operator):
            yield ("rules", index, "operator", "encrypt", "per_subject"), told


def _is_per_subject(operator: Operator | None) -> bool:
    return isinstance(operator, Encrypt) and operator.per_subject
