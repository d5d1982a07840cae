"""Our findings beside Presidio's, text by text and recognizer by recognizer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from presidio_analyzer import RecognizerResult
from presidio_reference import Reference

from streamproc.detect import Detector, Recognition, Text
from streamproc.detect.recognizers import name_of
from streamproc.events import Finding

_BATCH_TEXTS = 64


class Sourced(NamedTuple):
    """A text, and where it comes from: a file and line, or a seed and index."""

    source: str
    text: Text


class Difference(NamedTuple):
    """A finding that only one side has. It says where it is, never what it is."""

    recognizer: str
    by: str
    start: int
    end: int
    score: float
    source: str
    length: int

    def __str__(self) -> str:
        return (
            f"{self.recognizer}: by {self.by} alone, score {self.score}, {self.start} to {self.end}"
            f" of {self.length} characters, {self.source}"
        )


@dataclass(slots=True)
class Tally:
    """What was compared of one recognizer.

    Attributes:
        pairs: Texts that Presidio's recognizer searched.
        texts: Those of them in which it found something.
        findings: All that it found.
        differences: Findings that only one side has.
    """

    pairs: int = 0
    texts: int = 0
    findings: int = 0
    differences: int = 0


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the sums of ``tallies``."""
    figures = zip(*map(astuple, tallies), strict=True)
    return Tally(*map(sum, figures))


class Comparison:
    """Compares texts under one recognition, and counts.

    Attributes:
        tallies: By recognizer.
        differences: All there were.
    """

    def __init__(self, recognition: Recognition, cache: Path) -> None:
        """Build a Detector and Presidio's AnalyzerEngine from the same recognizers."""
        self.reference = Reference(recognition)
        self.tallies = defaultdict[str, Tally](Tally)
        self.differences: list[Difference] = []
        self._detector = Detector(recognition, cache=cache)

    @property
    def pairs(self) -> int:
        """Number of pairs of a text and a recognizer that were compared."""
        return sum(tally.pairs for tally in self.tallies.values())

    def compare(self, texts: Iterable[Sourced]) -> None:
        """Compare what both find in ``texts``."""
        remaining = iter(texts)
        while batch := list(islice(remaining, _BATCH_TEXTS)):
            values = [sourced.text for sourced in batch]
            ours = self._detector.analyze(values)
            answers = self.reference.answers(values)
            for sourced, mine, answer in zip(batch, ours, answers, strict=True):
                names = set(map(name_of, answer.recognizers))
                self._count(names, answer.results)
                self._tell(sourced, [f for f in mine if f.recognizer in names], answer.results)

    def _count(self, names: Iterable[str], theirs: Sequence[RecognizerResult]) -> None:
        for name in names:
            self.tallies[name].pairs += 1
        for result in theirs:
            self.tallies[_recognizer(result)].findings += 1
        for name in set(map(_recognizer, theirs)):
            self.tallies[name].texts += 1

    def _tell(
        self, sourced: Sourced, mine: Sequence[Finding], theirs: Sequence[RecognizerResult]
    ) -> None:
        source, text = sourced
        our = {(f.start, f.end, f.entity, f.score): f.recognizer for f in mine}
        their = {(r.start, r.end, r.entity_type, r.score): _recognizer(r) for r in theirs}
        alone = [(our[key], "us", *key) for key in our.keys() - their.keys()]
        alone += [(their[key], "Presidio", *key) for key in their.keys() - our.keys()]
        for name, by, start, end, _, score in sorted(alone):
            self.tallies[name].differences += 1
            self.differences.append(
                Difference(name, by, start, end, score, source, len(text.value))
            )


def _recognizer(result: Any) -> str:
    return str(result.recognition_metadata[RecognizerResult.RECOGNIZER_NAME_KEY])
