"""What is measured: streamproc as it is configured, and Presidio's default on the same cases."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import orjson

from streamproc.detect import Detector, Recognition, Text, key_words
from streamproc.evaluate.datasets import TEXT_PATH
from streamproc.evaluate.metrics import Span
from streamproc.events import DeadLetter, Dropped, Micros, Origin, Record
from streamproc.pipeline import Pipeline

__all__ = ["PRESIDIO_DEFAULTS", "PRESIDIO_THRESHOLD", "Presidio", "Refused", "Streamproc", "System"]

Body = dict[str, Any]

PRESIDIO_DEFAULTS = frozenset(
    """
    CREDIT_CARD CRYPTO DATE_TIME EMAIL_ADDRESS IBAN_CODE IP_ADDRESS LOCATION MAC_ADDRESS
    MEDICAL_LICENSE NRP PERSON PHONE_NUMBER UK_NHS URL US_BANK_NUMBER US_DRIVER_LICENSE US_ITIN
    US_PASSPORT US_SSN UUID
    """.split()  # noqa: SIM905 - twenty words read better as words
)
"""What Presidio looks for in English when it is not told."""

PRESIDIO_THRESHOLD = 0.4
"""The score from which on findings count, as in the figures published for it."""

TEXT_CONTEXT = key_words(str(TEXT_PATH[-1]))
"""The words of the key that texts stand under."""

REMEMBERED = 1024
"""Texts that are remembered between a batch's redaction and the search of its texts."""


class Refused(NamedTuple):
    """An event that is not redacted: why, in a word from a small set."""

    code: str


class System(Protocol):
    """Something that finds and removes personal data."""

    @property
    def name(self) -> str:
        """What it is called in a table."""

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return what it finds in each text, searched for every entity it is measured on."""

    def redact(self, bodies: Sequence[Body]) -> list[Body | Refused]:
        """Return each event as it leaves; the given ones stay as they are."""


class Streamproc:
    """The pipeline as it is configured; spans by a detector that looks for more."""

    name = "streamproc"

    def __init__(self, pipeline: Pipeline, detector: Detector) -> None:
        """Redact with ``pipeline``, find with ``detector``.

        They are two because a ruleset need not search for everything that is labelled: the shipped
        one lets places and dates pass.
        """
        self._pipeline = pipeline
        self._detector = detector

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the detector's findings."""
        return [
            [Span(finding.start, finding.end, finding.entity) for finding in findings]
            for findings in self._detector.detect([Text(text, TEXT_CONTEXT) for text in texts])
        ]

    def redact(self, bodies: Sequence[Body]) -> list[Body | Refused]:
        """Return what the pipeline makes of ``bodies``."""
        records = [
            Record(Origin("cases", 0, number), None, orjson.dumps(body), Micros(0))
            for number, body in enumerate(bodies)
        ]
        result = self._pipeline.run(records)
        made: list[Body | Refused] = []
        for outcome, redacted in zip(result.outcomes, result.redacted, strict=True):
            if redacted is not None:
                made.append(dict(redacted.body))
            elif isinstance(outcome, DeadLetter):
                made.append(Refused(outcome.code))
            elif isinstance(outcome, Dropped):
                made.append(Refused("dropped"))
        return made


class Presidio:
    """``AnalyzerEngine`` as it comes, text by text: each leaf with the words of its key.

    Default recognizers, spaCy's small model, threshold 0.4, every finding replaced by its entity's
    name; what is no text, and the keys themselves, it does not look at.
    """

    name = "Presidio's default"

    def __init__(self) -> None:
        """Load recognizers and model: 2 s."""
        # Imported here: Presidio and spaCy take 2 s, and --no-baseline wants neither.
        from streamproc.detect.recognizers import reference_engine  # noqa: PLC0415

        self._engine = reference_engine(Recognition(PRESIDIO_DEFAULTS, PRESIDIO_THRESHOLD))
        # A case's text is asked for twice, what all cases have in common ever again.
        self._spans = lru_cache(maxsize=REMEMBERED)(self._analyzed)

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the findings of each text, taken alone."""
        return [list(self._spans(text, TEXT_CONTEXT)) for text in texts]

    def redact(self, bodies: Sequence[Body]) -> list[Body | Refused]:
        """Return the events with each text redacted."""
        return [
            {key: self._redacted(value, key_words(key)) for key, value in body.items()}
            for body in bodies
        ]

    def _analyzed(self, text: str, context: tuple[str, ...]) -> tuple[Span, ...]:
        found = self._engine.analyze(text, "en", context=list(context))
        return tuple(Span(result.start, result.end, result.entity_type) for result in found)

    def _redacted(self, value: Any, context: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            return {key: self._redacted(below, key_words(key)) for key, below in value.items()}
        if isinstance(value, list):
            return [self._redacted(item, context) for item in value]
        return self._replaced(value, context) if isinstance(value, str) else value

    def _replaced(self, text: str, context: tuple[str, ...]) -> str:
        pieces: list[str] = []
        at = 0
        for span in sorted(self._spans(text, context)):
            if span.start >= at:
                pieces += text[at : span.start], f"<{span.entity}>"
            at = max(at, span.end)
        return "".join((*pieces, text[at:]))
