"""Presidio itself, for tests that compare our findings with its."""

from __future__ import annotations

from typing import TypeAlias

from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.predefined_recognizers import SpacyRecognizer
from presidio_analyzer.recognizer_registry import RecognizerRegistry

from streamproc.detect import Recognition, Text
from streamproc.detect.names import is_prose
from streamproc.detect.recognizers import reference_engine
from streamproc.events import Finding

Found: TypeAlias = list[tuple[int, int, str, float]]
"""Start, end, entity and score of each finding, sorted."""


class Reference:
    """Presidio's engine, and the same engine that names nothing, for what is no prose."""

    def __init__(self, recognition: Recognition) -> None:
        """Build both from the recognizers and the model a Detector uses."""
        self._named = reference_engine(recognition)
        recognizers = self._named.registry.recognizers
        self._unnamed = AnalyzerEngine(
            registry=RecognizerRegistry(
                [found for found in recognizers if not isinstance(found, SpacyRecognizer)]
            ),
            nlp_engine=self._named.nlp_engine,
            default_score_threshold=recognition.minimum_score,
        )
        self._entities = sorted(recognition.entities)

    def expected(self, text: Text) -> Found:
        """Return what a Detector has to find: names in prose only, everything else anywhere."""
        return self._found(self._named if is_prose(text.value) else self._unnamed, text)

    def gate_matters(self, text: Text) -> bool:
        """Return whether Presidio names something in ``text`` that a Detector does not look for."""
        if is_prose(text.value):
            return False
        return self._found(self._named, text) != self._found(self._unnamed, text)

    def _found(self, engine: AnalyzerEngine, text: Text) -> Found:
        results = engine.analyze(
            text.value, "en", entities=self._entities, context=list(text.context)
        )
        return sorted((r.start, r.end, r.entity_type, float(r.score)) for r in results)


def found(findings: list[Finding]) -> Found:
    """Return our findings in the reference's terms."""
    return sorted(
        (finding.start, finding.end, finding.entity, finding.score) for finding in findings
    )
