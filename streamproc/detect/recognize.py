"""One recognizer at work on one text: what Presidio's does, without its machinery."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Protocol

import regex
from presidio_analyzer import EntityRecognizer

from streamproc.detect.lookahead import with_lookahead
from streamproc.detect.recognizers import name_of
from streamproc.detect.scan import ScanPattern
from streamproc.detect.validate import validation
from streamproc.events import Finding

__all__ = [
    "Matcher",
    "PatternMatcher",
    "WholeMatcher",
    "findings_of",
    "remove_duplicates",
    "scan_patterns",
]

PATTERN_TIMEOUT_SECONDS = 1.0
"""Most processor time one pattern may take in one text; an honest one of 32,768 characters takes it
a hundredth of that. Presidio skips a pattern that takes too long and goes on with what the others
found; here the text fails, so that nothing passes unscanned."""


_PRESIDIO = "presidio_analyzer."
_SHORT = 128
"""Code points of a text up to which Presidio's own patterns need no timeout, which costs 4 µs a
pattern (5 with it, 1 without): the worst of them takes two milliseconds on the worst text that
long. A test tries. Patterns of others are always timed."""


class Matcher(Protocol):
    """A recognizer that the prefilter can call."""

    @property
    def recognizer(self) -> Any:
        """The recognizer, Presidio's."""

    @property
    def scan(self) -> Sequence[ScanPattern]:
        """Patterns one of which matches in every text in which the recognizer finds something."""

    @property
    def highest(self) -> float:
        """The highest score a finding can have before context words raise it."""

    def find(self, text: str, patterns: Sequence[int]) -> list[Finding]:
        """Return what the recognizer's ``analyze`` finds, without regard to context words.

        Args:
            text: The text.
            patterns: Those of ``scan`` that can match in it, by index, ascending; at least one.
        """


class PatternMatcher:
    """Runs single patterns of a recognizer that is made of nothing else.

    It uses the recognizer's own patterns and validation, and so gives the findings of
    ``PatternRecognizer.analyze`` without the explanations and clock readings that makes for each
    match, and without the patterns that cannot match.
    """

    def __init__(self, recognizer: Any) -> None:
        """Compile the patterns of ``recognizer``, a PatternRecognizer."""
        flags = int(recognizer.global_regex_flags)
        self.recognizer = recognizer
        self.scan = scan_patterns(recognizer)
        self._entity = str(recognizer.supported_entities[0])
        self._name = name_of(recognizer)
        self._patterns = [
            (regex.compile(with_lookahead(p.regex), flags), float(p.score))
            for p in recognizer.patterns
        ]
        self._validate = validation(recognizer)
        self._untimed = _SHORT if is_shipped(recognizer) else 0
        scores = [float(pattern.score) for pattern in recognizer.patterns]
        self.highest = max(scores) if self._validate is None else EntityRecognizer.MAX_SCORE

    def find(self, text: str, patterns: Sequence[int]) -> list[Finding]:
        """See :class:`Matcher`."""
        found = [finding for index in patterns for finding in self._match(text, index)]
        return remove_duplicates(found) if len(found) > 1 else found

    def _match(self, text: str, index: int) -> Iterator[Finding]:
        compiled, score = self._patterns[index]
        timeout = PATTERN_TIMEOUT_SECONDS if len(text) > self._untimed else None
        for match in compiled.finditer(text, timeout=timeout):
            start, end = match.span()
            if start == end:
                continue
            valid = self._validate(match[0], score) if self._validate else score
            if valid > 0:
                yield Finding(start, end, self._entity, valid, self._name)


class WholeMatcher:
    """Runs a recognizer that brings an ``analyze`` of its own, as a whole.

    Presidio's are for IBANs and for South Africa's telephone numbers. Their timeouts are its own,
    60 s after which a pattern is skipped; but an IBAN's pattern matches at most 43 code points from
    where it starts, so that it takes 20 ms where the longest text is made of nothing else.
    """

    def __init__(self, recognizer: Any, scan: Sequence[ScanPattern]) -> None:
        """Call ``recognizer`` where any pattern of ``scan`` can match."""
        self.recognizer = recognizer
        self.scan = scan
        self.highest = EntityRecognizer.MAX_SCORE

    def find(self, text: str, patterns: Sequence[int]) -> list[Finding]:  # noqa: ARG002
        """See :class:`Matcher`; which of the patterns can match makes no difference."""
        results = self.recognizer.analyze(text, self.recognizer.supported_entities)
        return list(findings_of(results, name_of(self.recognizer)))


def findings_of(results: Iterable[Any], name: str) -> Iterator[Finding]:
    """Yield Presidio's results as findings of the recognizer ``name``."""
    for result in results:
        yield Finding(result.start, result.end, result.entity_type, float(result.score), name)


def scan_patterns(recognizer: Any) -> list[ScanPattern]:
    """Return the patterns of ``recognizer``, a PatternRecognizer, for the prefilter."""
    flags = int(recognizer.global_regex_flags)
    return [ScanPattern(str(pattern.regex), flags) for pattern in recognizer.patterns]


def is_shipped(recognizer: Any) -> bool:
    """Return whether ``recognizer`` has the very patterns Presidio ships it with."""
    shipped = getattr(type(recognizer), "PATTERNS", None)
    return type(recognizer).__module__.startswith(_PRESIDIO) and recognizer.patterns is shipped


def remove_duplicates(findings: Collection[Finding]) -> list[Finding]:
    """Return ``findings`` without those another of the same entity contains and equals in score.

    The same findings ``EntityRecognizer.remove_duplicates`` keeps, by descending score, then start,
    then length; of equal ones it keeps any, this the one whose recognizer is first by name.
    """
    if len(findings) < 2:
        return [finding for finding in findings if finding.score]
    ordered = sorted(findings, key=lambda f: (f.entity, f.start, -f.end, -f.score, f.recognizer))
    kept: list[Finding] = []
    for _, same_entity in groupby(ordered, key=lambda finding: finding.entity):
        # Only one that reaches as far as the current one starts can contain it.
        open_findings: list[Finding] = []
        for finding in same_entity:
            open_findings = [other for other in open_findings if other.end >= finding.start]
            if finding.score and not any(
                other.end >= finding.end and other.score >= finding.score for other in open_findings
            ):
                kept.append(finding)
                open_findings.append(finding)
    return sorted(kept, key=lambda finding: (-finding.score, finding.start, -finding.end))
