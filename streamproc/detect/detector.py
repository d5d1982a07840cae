"""The detector: shapes, memo, Presidio's analysis, URLs, overlaps, in this order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from streamproc.detect.memo import Memo
from streamproc.detect.overlaps import resolve_overlaps
from streamproc.detect.shapes import machine_made
from streamproc.detect.texts import Recognition, Text
from streamproc.detect.urls import Part, url_parts
from streamproc.errors import EventError, StreamprocError
from streamproc.events import Finding

if TYPE_CHECKING:
    from streamproc.detect.analyze import Analyzer

__all__ = ["Detector"]

log = structlog.get_logger()

_LONGEST_REMEMBERED = 512
"""Code points: bounds the memo's memory; longer texts hardly ever come back."""


class Detector:
    """Finds personal data in batches of texts; not safe for use by two threads at once.

    On the 3,247 strings of 617 product events, all of Presidio's default entities wanted, one core:
    14,000 texts/s when new (30,000 with a minimum score of 0.4) and 1.5 million from memory, where
    Presidio's engine does 360. Prose: 310 texts/s, nearly all of it the language model's.

    Attributes:
        fingerprint: Digest of recognizers, models, their versions and the recognition: two
            detectors with the same fingerprint find the same.
        memo: What it remembers of earlier batches, in memory only; has its ``hits`` and ``misses``.
    """

    def __init__(self, recognition: Recognition, *, cache: Path, memo_entries: int) -> None:
        """Get ready, in 1 s plus the import of Presidio and spaCy (2 s, once in a process).

        The first detector of its kind compiles its patterns, which takes 5 s more.

        Args:
            recognition: What to look for.
            cache: Folder for compiled patterns; made when missing. No text is ever written there.
            memo_entries: Most texts to remember.

        Raises:
            ConfigError: ``recognition`` asks for an entity or a language that there is not.
        """
        # Imported here, so that commands that detect nothing do not wait 2 s for it.
        from streamproc.detect.analyze import Analyzer  # noqa: PLC0415

        self._analyzer: Analyzer = Analyzer(recognition, cache)
        self._machine_made = machine_made(recognition.entities)
        self.fingerprint = self._analyzer.fingerprint
        self.memo: Memo[tuple[str, frozenset[int]], tuple[Finding, ...]] = Memo(memo_entries)

    def detect(self, texts: Sequence[Text]) -> list[tuple[Finding, ...]]:
        """Return the findings of each text, sorted by start, not overlapping.

        Spans are half-open and in code points. Findings of step ``text`` are Presidio's; those of
        step ``url`` were made in a decoded part of a URL, and their span is of the text as it
        stands, still encoded. See ``overlaps`` for what becomes of findings that overlap.

        Raises:
            EventError: Some text cannot be detected (code ``detector_failed``): ask for fewer at a
                time to know which. The error holds nothing of the text.
        """
        try:
            return self._detect(texts)
        except StreamprocError:
            raise
        except Exception as error:  # noqa: BLE001  # third parties raise anything, texts quoted
            log.warning("a detector failed", error=type(error).__name__, texts=len(texts))
            raise EventError("detect", "detector_failed") from None

    def analyze(self, texts: Sequence[Text]) -> list[list[Finding]]:
        """Return what Presidio finds in each text, overlaps and all.

        What ``AnalyzerEngine.analyze`` returns, but for named entities in what is no prose. Memo,
        shapes and URLs have no part in it.
        """
        return self._analyzer.analyze(texts)

    def _detect(self, texts: Sequence[Text]) -> list[tuple[Finding, ...]]:
        answers: list[tuple[Finding, ...]] = [()] * len(texts)
        asked: dict[tuple[str, frozenset[int]], list[int]] = {}
        for index, text in enumerate(texts):
            if not text.value or self._machine_made.fullmatch(text.value):
                continue
            # All a context does is to raise the scores of some recognizers.
            question = (text.value, self._analyzer.supported(text.context))
            known = self.memo.get(question)
            if known is None:
                asked.setdefault(question, []).append(index)
            else:
                answers[index] = known
        found = self._find([texts[indexes[0]] for indexes in asked.values()]) if asked else []
        for (question, indexes), findings in zip(asked.items(), found, strict=True):
            for index in indexes:
                answers[index] = findings
            if len(question[0]) <= _LONGEST_REMEMBERED:
                self.memo.put(question, findings)
        return answers

    def _find(self, texts: Sequence[Text]) -> list[tuple[Finding, ...]]:
        parts = [
            (index, part)
            for index, text in enumerate(texts)
            for part in url_parts(text.value)
            if not self._machine_made.fullmatch(part.text)
        ]
        of_parts = [Text(part.text, part.context) for _, part in parts]
        found = self._analyzer.analyze([*texts, *of_parts])
        for (index, part), in_part in zip(parts, found[len(texts) :], strict=True):
            found[index] += [_in_url(part, finding) for finding in in_part if _counts(finding)]
        return [
            resolve_overlaps(text.value, findings)
            for text, findings in zip(texts, found[: len(texts)], strict=True)
        ]


def _counts(finding: Finding) -> bool:
    return finding.entity != "URL"  # a part of a URL that looks like one is no news


def _in_url(part: Part, finding: Finding) -> Finding:
    start, end = part.origin(finding.start, finding.end)
    return finding._replace(start=start, end=end, step="url")
