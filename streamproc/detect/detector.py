"""The detector: views, evidence, shapes, analysis, gates, names again, overlaps, in this order."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from streamproc.detect.evidence import of_field
from streamproc.detect.field_names import kinds_of
from streamproc.detect.gates import plausible, said_by
from streamproc.detect.memo import Memo
from streamproc.detect.names import han_names, is_name
from streamproc.detect.overlaps import resolve_overlaps
from streamproc.detect.repeated import repeated_names
from streamproc.detect.shapes import machine_made
from streamproc.detect.texts import Recognition, Text
from streamproc.detect.views import views_of
from streamproc.errors import EventError, StreamprocError
from streamproc.events import Finding

if TYPE_CHECKING:
    from streamproc.detect.analyze import Analyzer

__all__ = ["Detector"]

log = structlog.get_logger()

_CONTEXTS = 8192
"""Contexts whose question is remembered, and questions that have a number."""


class Detector:
    """Finds personal data in batches of texts; not safe for use by two threads at once.

    A word takes 6 µs, a number or an IP address 20 to 50, a URL of two parts 20, a sentence half a
    millisecond, nearly all of it the language model's; Presidio's engine takes 3 to 4 milliseconds
    a text. It remembers nothing between calls.

    Attributes:
        fingerprint: Digest of recognizers, models, their versions and the recognition: two
            detectors with the same fingerprint find the same.
    """

    def __init__(self, recognition: Recognition, *, cache: Path, processes: int = 0) -> None:
        """Get ready, in 1 s plus the import of Presidio and spaCy (2 s, once in a process).

        The first detector of its kind compiles its patterns, which takes 5 s more.

        Args:
            recognition: What to look for.
            cache: Folder for compiled patterns; made when missing. No text is ever written there.
            processes: How many processes read names beside this one; with none, this one does.

        Raises:
            ConfigError: ``recognition`` asks for an entity or a language that there is not.
        """
        # Imported here, so that commands that detect nothing do not wait 2 s for it.
        from streamproc.detect.analyze import Analyzer  # noqa: PLC0415

        self._analyzer: Analyzer = Analyzer(recognition, cache, processes)
        self._machine_made = machine_made(recognition.entities)
        self._recognition = recognition
        self._minimum_scores = dict(recognition.minimum_scores)
        self._questions: Memo[tuple[tuple[str, ...], frozenset[str]], Hashable] = Memo(_CONTEXTS)
        self._numbers: dict[Hashable, int] = {}
        self.fingerprint = self._analyzer.fingerprint

    def detect(self, texts: Sequence[Text]) -> list[tuple[Finding, ...]]:
        """Return the findings of each text, sorted by start, not overlapping.

        Spans are half-open and in code points. Findings of step ``text`` are Presidio's; those of
        step ``url`` were made in a decoded part of a URL, those of step ``unicode`` in the text as
        it looks, and their span is of the text as it stands. See ``overlaps`` for what becomes of
        findings that overlap.

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

    @property
    def searched(self) -> int:
        """Return how many texts were searched so far."""
        return self._analyzer.searched

    @property
    def read(self) -> int:
        """Return how many of those the language model read for names."""
        return self._analyzer.read

    def analyze(self, texts: Sequence[Text]) -> list[list[Finding]]:
        """Return what Presidio finds in each text, overlaps and all.

        What ``AnalyzerEngine.analyze`` returns, but for named entities in what is no prose.
        Shapes and URLs have no part in it.
        """
        return self._analyzer.analyze(texts)

    def question(self, context: tuple[str, ...], without: frozenset[str]) -> Hashable:
        """Return all that decides a text's findings beside its value.

        Texts of one value whose questions are equal have the same findings, whatever their
        context. For a whole field, asked once: what is remembered of its values is remembered under
        this.
        """
        question = self._questions.get((context, without))
        if question is None:
            # What the words support in Presidio, announce as evidence, and say to the gate.
            said = self._analyzer.supported(context), kinds_of(context), said_by(context), without
            # A number costs less to look things up by; keys come from producers, so they are few.
            if said in self._numbers or len(self._numbers) < _CONTEXTS:
                question = self._numbers.setdefault(said, len(self._numbers))
            else:
                question = said
            self._questions.put((context, without), question)
        return question

    def _detect(self, texts: Sequence[Text]) -> list[tuple[Finding, ...]]:
        kept: list[Text] = []
        known: dict[tuple[str, Hashable], int] = {}
        places = [self._place(text, kept, known) for text in texts]
        asked = len(kept)
        views = [
            (index, view, self._place(view.text, kept, known))
            for index in range(asked)
            for view in views_of(kept[index])
        ]
        read = self._read(kept)
        beside: dict[int, list[Finding]] = {}
        for index, view, place in views:
            if read[place]:
                beside.setdefault(index, []).extend(view.in_original(read[place]))
        answers = [
            self._answer(kept[index], [*read[index], *beside.get(index, ())])
            for index in range(asked)
        ]
        return [answers[place] for place in places]

    def _answer(self, text: Text, found: list[Finding]) -> tuple[Finding, ...]:
        if found and self._minimum_scores:
            least = self._minimum_scores
            found = [finding for finding in found if finding.score >= least.get(finding.entity, 0)]
        if "PERSON" in self._recognition.entities and "sibling" not in text.without:
            found += repeated_names(text.value, found)
        return resolve_overlaps(text.value, found)

    def _place(self, text: Text, kept: list[Text], known: dict[tuple[str, Hashable], int]) -> int:
        """Return where ``text`` is in ``kept``, put there if no text of one question is.

        Values come back within a batch, and parts of URLs more than anything.
        """
        question = (text.value, self.question(text.context, text.without))
        place = known.setdefault(question, len(kept))
        if place == len(kept):
            kept.append(text)
        return place

    def _read(self, texts: Sequence[Text]) -> list[list[Finding]]:
        """Return what is found in each text as it stands, by its words and by its field's name."""
        found = [self._past_presidio(text) for text in texts]
        searched = [index for index, text in enumerate(texts) if not self._left_out(text)]
        analyzed = self._analyzer.analyze([texts[index] for index in searched])
        for index, in_text in zip(searched, analyzed, strict=True):
            standing = [finding for finding in in_text if is_name(texts[index].value, finding)]
            found[index] += _plausible(texts[index], standing)
        return found

    def _left_out(self, text: Text) -> bool:
        if "shape" in text.without:
            return not text.value
        return not text.value or self._machine_made.fullmatch(text.value) is not None

    def _past_presidio(self, text: Text) -> list[Finding]:
        found = [] if "field" in text.without else of_field(text.value, text.context)
        if "name" not in text.without:
            found += han_names(text.value)
        wanted, minimum = self._recognition.entities, self._recognition.minimum_score
        return [one for one in found if one.entity in wanted and one.score >= minimum]


def _plausible(text: Text, findings: list[Finding]) -> list[Finding]:
    if "bare_number" in text.without:
        return findings
    return plausible(text.value, findings, text.context)
