"""What is compared: all that Presidio can find, and the same with a threshold and an allow list."""

from __future__ import annotations

from parity.generator import Generator

from streamproc.detect import Recognition
from streamproc.detect.recognizers import build_recognizers, known_entities

EVERYTHING = Recognition(known_entities())


def generator(seed: int) -> Generator:
    """Return a generator of texts for everything."""
    return Generator(build_recognizers(EVERYTHING), seed)


def strict(texts: Generator) -> Recognition:
    """Return a recognition with a minimum score, which allows some of what ``texts`` hold."""
    return Recognition(EVERYTHING.entities, 0.4, allow=texts.allowed())
