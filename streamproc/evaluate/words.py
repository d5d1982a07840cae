"""Texts to the tokens that spans are compared by: spaCy's English ones, as presidio-evaluator's."""

from __future__ import annotations

import string
from functools import cache
from typing import Any

import spacy
from spacy.lang.en.stop_words import STOP_WORDS

from streamproc.evaluate.metrics import Token

__all__ = ["tokens_of"]

SKIPPED = (
    STOP_WORDS
    | set(string.punctuation)
    | set(
        """
        >> >>> >>>> >>>>> >>>>>> 's
        address apt box city corner country de p.o. po rue st st. state street suite unit via zip
        miss mr. mrs. inc inc. ltd
        afternoon age ago day days evening first last month months morning night noon old this week
        weekend weeks y/o year years
        """.split()  # noqa: SIM905 - sixty words read better as words
    )
)
"""Words that neither make nor break a span: those of presidio-evaluator (MIT licence), because
figures are compared with figures it made."""


def tokens_of(text: str) -> list[Token]:
    """Return the words and signs of ``text``, in order."""
    return [
        Token(
            token.idx,
            token.idx + len(token),
            token.is_space or token.lower_ in SKIPPED,
        )
        for token in _tokenizer()(text)
    ]


@cache
def _tokenizer() -> Any:
    return spacy.blank("en").tokenizer
