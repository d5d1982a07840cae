"""The spaCy model, behind Presidio's engine: named entities of prose, lemmas around findings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from presidio_analyzer.nlp_engine import NlpArtifacts, SpacyNlpEngine
from spacy.language import Language

__all__ = ["LanguageModel"]

_BATCH_TEXTS = 64
"""Texts the model takes at a time; more gains nothing and holds their matrices in memory."""

_LEMMATIZER_ENTRIES = 50_000

_NOT_FOR_LEMMAS = ["ner"]
"""Components that lemmas do not depend on. They do depend on the parser: rules that
set a word's part of speech, and so its lemma, look at dependencies. So do named entities, which
never cross the sentence borders it draws."""

_CRAMMED = re.compile(r"(?:[^\w\s]\w{0,2}){200,}")
"""Signs in a row, with at most two letters between: a ruler, a pattern of emoji. spaCy takes such a
word apart sign by sign and copies what is left each time: 4,000 signs take 1 to 3 s, 32,000 take
minutes. No name is in there, so the model reads white space of the same length in its place."""


class LanguageModel:
    """Runs Presidio's language engine over batches of texts, in bounded memory."""

    def __init__(self, engine: SpacyNlpEngine, language: str) -> None:
        """Use ``engine``, loaded, for texts in ``language``."""
        self._engine = engine
        self._language = language
        self.nlp: Language = engine.get_nlp(language)

    @contextmanager
    def memory(self) -> Iterator[None]:
        """Free, at its end, what the model keeps of the texts it reads within.

        Without it spaCy interns every word it ever meets. What the model returns is not to be
        touched after the block.
        """
        with self.nlp.memory_zone():
            yield
        lemmatizer: Any = self.nlp.get_pipe("lemmatizer")
        lemmatizer_cache = lemmatizer.cache
        if len(lemmatizer_cache) > _LEMMATIZER_ENTRIES:  # spaCy never empties it
            lemmatizer_cache.clear()

    def read(self, texts: Sequence[str]) -> Iterator[NlpArtifacts]:
        """Yield words, lemmas and named entities of each text, in order."""
        batches: Any = self._engine.process_batch(
            list(map(_readable, texts)), self._language, batch_size=_BATCH_TEXTS
        )
        return (artifacts for _, artifacts in batches)

    def lemmas(self, texts: Sequence[str]) -> Iterator[NlpArtifacts]:
        """Yield words and lemmas of each text, in order, at half the cost of :meth:`read`."""
        readable = map(_readable, texts)
        for doc in self.nlp.pipe(readable, batch_size=_BATCH_TEXTS, disable=_NOT_FOR_LEMMAS):
            yield NlpArtifacts(
                entities=[],
                tokens=doc,
                tokens_indices=[token.idx for token in doc],
                lemmas=[token.lemma_ for token in doc],
                nlp_engine=self._engine,
                language=self._language,
            )


def _readable(text: str) -> str:
    return _CRAMMED.sub(lambda crammed: " " * len(crammed[0]), text)
