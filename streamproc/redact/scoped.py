"""The sites of an event, by which rules are in force for it."""

from __future__ import annotations

from collections.abc import Callable

from streamproc.events import Event
from streamproc.redact.answers import Memo
from streamproc.redact.sites import KEPT_SITES, Question, Sites
from streamproc.rules import Active, Plan, Policies, Ruleset, Scope

__all__ = ["ScopedSites"]

KEPT_PLANS = 64
"""Most sets of rules whose plans are kept. Rules that differ by event come in few combinations; one
that is not kept is compiled anew, in a millisecond with 200 rules, and its sites with it."""


class ScopedSites:
    """Sites by the rules in force, with one memo. For one thread at a time.

    What is known of a value is known wherever the same rules speak of its field, whichever others
    are in force there.

    Attributes:
        memo: What is known of values.
        ruleset: The rules.
    """

    def __init__(
        self,
        ruleset: Ruleset,
        words: Callable[[str], tuple[str, ...]],
        question: Question,
        memo: Memo,
    ) -> None:
        """Compile what all events have in common.

        Args:
            ruleset: The rules.
            words: Splits a key into lower-case words.
            question: See :meth:`streamproc.detect.Detector.question`.
            memo: What is known of values.
        """
        self.memo = memo
        self.ruleset = ruleset
        self._words = words
        self._question = question
        self._scope = Scope(ruleset.rules)
        self._policies: Policies = {}
        self._sites: dict[Active, Sites] = {}

    def of(self, event: Event) -> Sites:
        """Return the sites of the rules in force for ``event``."""
        active = self._scope.active(event)
        sites = self._sites.get(active)
        return self._compiled(active) if sites is None else sites

    def _compiled(self, active: Active) -> Sites:
        plan = Plan(self.ruleset, self._words, active, self._policies)
        if len(self._sites) >= KEPT_PLANS:
            del self._sites[next(iter(self._sites))]
        most = KEPT_SITES if not self._sites else KEPT_SITES // KEPT_PLANS * 4
        sites = self._sites[active] = Sites(plan, self._question, self.memo, most)
        return sites
