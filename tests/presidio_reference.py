"""Presidio itself, for tests that compare our findings with its."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from presidio_analyzer import AnalyzerEngine, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts
from presidio_analyzer.predefined_recognizers import SpacyRecognizer
from presidio_analyzer.recognizer_registry import RecognizerRegistry

from streamproc.detect import Recognition, Text
from streamproc.detect.names import is_prose
from streamproc.detect.recognizers import reference_engine
from streamproc.events import Finding

Found: TypeAlias = list[tuple[int, int, str, float]]
"""Start, end, entity and score of each finding, sorted."""


class Answer(NamedTuple):
    """What Presidio finds in a text.

    Attributes:
        results: Its results.
        recognizers: The recognizers that searched the text; those that raised are not among them.
    """

    results: list[RecognizerResult]
    recognizers: Sequence[Any]


class Reference:
    """Presidio's engine, and the same engine that names nothing, for what is no prose."""

    def __init__(self, recognition: Recognition) -> None:
        """Build both from the recognizers and the model a Detector uses."""
        self._named = reference_engine(recognition)
        recognizers = self._named.registry.recognizers
        self._unnamed = self._with(
            [found for found in recognizers if not isinstance(found, SpacyRecognizer)]
        )
        self._entities = sorted(recognition.entities)
        self._allow = sorted(recognition.allow)

    def expected(self, text: Text) -> Found:
        """Return what a Detector has to find: names in prose only, everything else anywhere."""
        return told(self._analyze(self._engine(text), text))

    def answers(self, texts: Sequence[Text]) -> Iterator[Answer]:
        """Yield Presidio's answer to each text; its language engine reads them as one batch.

        The engine is the one of :meth:`expected`; only the words are not read one text at a time.
        """
        language_engine: Any = self._named.nlp_engine
        with language_engine.get_nlp("en").memory_zone():  # else it keeps every word it ever meets
            values = [text.value for text in texts]
            read = language_engine.process_batch(values, "en", batch_size=len(values))
            for text, (_, artifacts) in zip(texts, read, strict=True):
                yield self._answer(text, artifacts)

    def _answer(self, text: Text, artifacts: NlpArtifacts) -> Answer:
        engine = self._engine(text)
        recognizers: Any = engine.registry.recognizers
        try:
            return Answer(self._analyze(engine, text, artifacts), recognizers)
        except Exception:  # noqa: BLE001  # a recognizer's validation raised: ask all the others
            others = [found for found in recognizers if not _raises(found, text, artifacts)]
            assert len(others) < len(recognizers)
        engine = self._with(others)
        return Answer(self._analyze(engine, text, artifacts), others)

    def _with(self, recognizers: Sequence[Any]) -> AnalyzerEngine:
        return AnalyzerEngine(
            registry=RecognizerRegistry(recognizers),
            nlp_engine=self._named.nlp_engine,
            default_score_threshold=self._named.default_score_threshold,
        )

    def gate_matters(self, text: Text) -> bool:
        """Return whether Presidio names something in ``text`` that a Detector does not look for."""
        if is_prose(text.value):
            return False
        named, unnamed = self._analyze(self._named, text), self._analyze(self._unnamed, text)
        return told(named) != told(unnamed)

    def _engine(self, text: Text) -> AnalyzerEngine:
        return self._named if is_prose(text.value) else self._unnamed

    def _analyze(
        self, engine: AnalyzerEngine, text: Text, artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        results: list[RecognizerResult] = engine.analyze(
            text.value,
            "en",
            entities=self._entities,
            context=list(text.context),
            allow_list=self._allow,
            nlp_artifacts=artifacts,
        )
        return results


def _raises(recognizer: Any, text: Text, artifacts: NlpArtifacts) -> bool:
    try:
        recognizer.analyze(text.value, recognizer.supported_entities, artifacts)
    except Exception:  # noqa: BLE001  # validations raise what they like
        return True
    return False


def told(results: list[RecognizerResult]) -> Found:
    """Return Presidio's results as what is compared."""
    return sorted((r.start, r.end, r.entity_type, float(r.score)) for r in results)


def found(findings: list[Finding]) -> Found:
    """Return our findings as what is compared."""
    return sorted(
        (finding.start, finding.end, finding.entity, finding.score) for finding in findings
    )
