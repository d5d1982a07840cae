"""Which ruleset a fingerprint on rows is of, as far as anybody knows.

By the rules, and by whether the detectors were those of today: what others did not find is written
nowhere. Nor is what an earlier tracking plan added to the rules.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from streamproc.assemble import detectors_fingerprint, load_rules, row_fingerprint
from streamproc.debt.owed import Today
from streamproc.errors import ConfigError
from streamproc.rollout.bundle import open_bundle
from streamproc.rollout.log import RulesLog
from streamproc.rollout.records import Published
from streamproc.rules import Ruleset, load_ruleset
from streamproc.settings import Settings

__all__ = ["Known", "rulesets_known"]


class Known(NamedTuple):
    """The rulesets that are known.

    Attributes:
        today: The rules of today.
        rulesets: Those and the others, by what stands on the rows that they make.
        otherwise: What stands on rows whose rules are known, and whose detectors were others.
    """

    today: Today
    rulesets: Mapping[str, Ruleset]
    otherwise: Collection[str] = frozenset()


def rulesets_known(settings: Settings, today: Path | None, earlier: Iterable[Path]) -> Known:
    """Return the rules of today, those published before, and ``earlier`` ones.

    Args:
        settings: Where rules come from.
        today: The rules of today; None for those in force.
        earlier: Rulesets that no topic knows.

    Raises:
        ConfigError: With every problem of the files.
        RetryableError: The topic of rules cannot be read.
    """
    found: dict[str, Ruleset] = {}
    otherwise: set[str] = set()
    in_force: Today | None = None
    if settings.rules.follow == "topic":
        with RulesLog(settings) as log:
            log.catch_up()
        for each in log.ledger.rulesets.values():
            known = _published(settings, each)
            found |= known
            if known and each.detectors not in {
                None,
                detectors_fingerprint(settings, known[each.rows]),
            }:
                otherwise.add(each.rows)
        if log.ledger.latest is not None and today is None:
            in_force = _today(settings, open_bundle(log.ledger.rulesets[log.ledger.latest].files))
    for place in earlier:
        ruleset = load_ruleset(place)
        found[row_fingerprint(settings, ruleset)] = ruleset
    if in_force is None:
        in_force = _today(settings, load_rules(settings) if today is None else load_ruleset(today))
    return Known(in_force, {**found, in_force.rows: in_force.ruleset}, otherwise)


def _today(settings: Settings, ruleset: Ruleset) -> Today:
    return Today(row_fingerprint(settings, ruleset), ruleset)


def _published(settings: Settings, published: Published) -> Mapping[str, Ruleset]:
    """Return a ruleset of the topic by what it wrote on rows then, and what it would write now."""
    try:
        ruleset = open_bundle(published.files)
    except ConfigError:  # of another version; its rows are of rules that are not known here
        return {}
    return {published.rows: ruleset, row_fingerprint(settings, ruleset): ruleset}
