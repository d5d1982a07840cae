"""Which findings of its entities a rule decides, where it does not decide all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

import regex

from streamproc.events import Finding
from streamproc.rules.language import Rule
from streamproc.rules.regexes import finder

__all__ = ["Narrowing"]

CLOSE_BY = 50
"""Code points before and after a finding in which words are looked for."""


class Narrowing(NamedTuple):
    """The tests of one rule; each None where it has none."""

    texts: frozenset[str] | None
    matching: Callable[[str], bool] | None
    near: regex.Pattern[str] | None
    minimum_score: float
    maximum_score: float

    @classmethod
    def of(cls, rule: Rule) -> Narrowing | None:
        """Return the tests of ``rule``; None if it decides every finding of its entities."""
        if not any(rule.narrowing):
            return None
        return cls(
            frozenset(map(str.casefold, rule.texts)) if rule.texts else None,
            finder(rule.matching) if rule.matching else None,
            _words(rule.near) if rule.near else None,
            0.0 if rule.minimum_score is None else rule.minimum_score,
            1.0 if rule.maximum_score is None else rule.maximum_score,
        )

    def takes(self, finding: Finding, text: str) -> bool:
        """Return whether the rule decides ``finding``, which is in ``text``."""
        return self.failed(finding, text) is None

    def failed(self, finding: Finding, text: str) -> str | None:
        """Return the key of the first test that ``finding`` fails; None if it passes all."""
        if finding.score < self.minimum_score:
            return "minimum_score"
        if finding.score > self.maximum_score:
            return "maximum_score"
        found = text[finding.start : finding.end]
        if finding.step == "url":
            found = unquote(found)
        if self.texts is not None and found.casefold() not in self.texts:
            return "texts"
        if self.matching is not None and not self.matching(found):
            return "matching"
        if self.near is None:
            return None
        before = text[max(0, finding.start - CLOSE_BY) : finding.start]
        close = self.near.search(before) or self.near.search(
            text, finding.end, finding.end + CLOSE_BY
        )
        return None if close else "near"


def _words(words: frozenset[str]) -> regex.Pattern[str]:
    either = "|".join(map(regex.escape, sorted(words)))
    return regex.compile(rf"(?<!\w)(?:{either})(?!\w)", regex.IGNORECASE)
