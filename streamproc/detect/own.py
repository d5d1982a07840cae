"""From definitions to recognizers: Presidio's own class, with a check of each match where asked."""

from __future__ import annotations

from collections import Counter
from math import log2
from typing import Any

from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer
from presidio_analyzer.recognizer_registry.recognizers_loader_utils import RecognizerListLoader

from streamproc.detect.checksums import CHECKSUMS
from streamproc.detect.definitions import Custom, Definition, Predefined

__all__ = ["CheckedRecognizer", "build_own", "entropy"]


def build_own(definition: Definition, language: str) -> EntityRecognizer:
    """Return the recognizer that ``definition`` describes, for texts of ``language``.

    The same as Presidio's ``RecognizerRegistryProvider`` makes of the same lines, where there is
    neither checksum nor entropy, which it does not know.
    """
    recognizer: Any
    match definition:
        case Custom():
            recognizer = CheckedRecognizer(definition, language)
        case Predefined():
            recognizer = _predefined(definition, language)
    recognizer.score_thresholds = dict(definition.score_thresholds)
    assert isinstance(recognizer, EntityRecognizer)
    return recognizer


class CheckedRecognizer(PatternRecognizer):
    """Presidio's pattern recognizer with a checksum and a floor of entropy.

    Attributes:
        checks: What is checked of a match, for fingerprints.
    """

    def __init__(self, definition: Custom, language: str) -> None:
        """Build the recognizer of ``definition``."""
        # Presidio's annotations leave out the None that it means by default.
        context: Any = list(definition.context) or None
        super().__init__(
            supported_entity=definition.entity,
            name=definition.name,
            supported_language=language,
            patterns=[Pattern(p.name, p.regex, p.score) for p in definition.patterns],
            deny_list=list(definition.deny_list),
            deny_list_score=definition.deny_list_score,
            context=context,
            global_regex_flags=definition.flags,
        )
        self.checks = (definition.checksum, definition.minimum_entropy)
        self._holds = CHECKSUMS[definition.checksum] if definition.checksum else None
        self._minimum_entropy = definition.minimum_entropy

    def validate_result(self, pattern_text: str) -> bool | None:
        """Return whether the checksum holds; None where there is none."""
        return self._holds(pattern_text) if self._holds else None

    def invalidate_result(self, pattern_text: str) -> bool:
        """Return whether there is too little entropy in a match for what it is a match of."""
        return self._minimum_entropy > 0 and entropy(pattern_text) < self._minimum_entropy


def entropy(text: str) -> float:
    """Return Shannon's entropy of the characters of ``text``, in bits a character.

    Random base64 of 32 characters has 4.5 ± 0.2, random hexadecimal 3.6 ± 0.2, a word 2 to 3.
    """
    counts = Counter(text).values()
    return sum(count / len(text) * log2(len(text) / count) for count in counts)


def _predefined(definition: Predefined, language: str) -> Any:
    item: dict[str, Any] = {
        "name": definition.name,
        "class_name": definition.recognizer,
        "type": "predefined",
        "supported_languages": [
            {
                "language": language,
                "context": None if definition.context is None else list(definition.context),
            }
        ],
    }
    if definition.entities:
        item["supported_entities"] = list(definition.entities)
    items: Any = [item]  # annotated as the dict it never is
    (built,) = RecognizerListLoader.get(items, [language], definition.flags)
    return built
