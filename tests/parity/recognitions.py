"""What is compared: all that Presidio can find, and the same with a threshold and an allow list."""

from __future__ import annotations

from parity.generator import Generator

from streamproc.detect import Recognition
from streamproc.detect.language import NAMED_ENTITIES
from streamproc.detect.recognizers import build_recognizers, known_entities, name_of

EVERYTHING = Recognition(known_entities())


def generator(seed: int) -> Generator:
    """Return a generator for all recognizers that are made of patterns or rules."""
    entities = known_entities() - (NAMED_ENTITIES - {"DATE_TIME"})
    recognizers = build_recognizers(Recognition(entities))
    return Generator([found for found in recognizers if name_of(found) != "SpacyRecognizer"], seed)


def strict(texts: Generator) -> Recognition:
    """Return a recognition with a minimum score, which allows some of what ``texts`` hold."""
    return Recognition(EVERYTHING.entities, 0.4, allow=texts.allowed())
