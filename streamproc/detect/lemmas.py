"""Whether words of a text could raise a score, told without running the language model.

Presidio raises a finding's score when the *lemma* of a word near it contains one of the
recognizer's context words. The model that finds lemmas costs a millisecond and more; but spaCy's
English lemmatizer only ever chooses among the word itself, the forms its suffix rules give, and
listed exceptions; which of them depends on the part of speech. So a context word can be in a lemma
only if the text contains one of a few strings: the word itself; or, where a suffix rule ends the
lemma in what the context word ends in, the word with that ending undone (``date`` needs ``date``,
``dating`` or ``dated``); or an exception's inflected form. A text with none of them needs no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from spacy.language import Language

__all__ = ["supporting_strings"]

_EVERYTHING = re.compile("")
_NOTHING = re.compile("(?!)")


def supporting_strings(nlp: Language, context_words: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern found in every lower-cased text where a lemma contains a context word.

    The pattern finds more; it never misses one. With a lemmatizer that is not made of rules, it
    is found in every text.
    """
    lemmatizer: Any = nlp.get_pipe("lemmatizer")
    words = {word.lower() for word in context_words}
    if not words:
        return _NOTHING
    if lemmatizer.mode != "rule":
        return _EVERYTHING
    strings = set(words)
    for word in words:
        strings.update(_undone(word, _rules(lemmatizer)))
        strings.update(_irregular(word, lemmatizer))
        strings.update(_attributed(word, nlp.get_pipe("attribute_ruler")))
    return re.compile("|".join(re.escape(string) for string in sorted(strings)))


def _rules(lemmatizer: Any) -> set[tuple[str, str]]:
    table = lemmatizer.lookups.get_table("lemma_rules", {})
    return {(str(old), str(new)) for rules in table.values() for old, new in rules}


def _undone(word: str, rules: set[tuple[str, str]]) -> Iterator[str]:
    """Yield what a text must contain for a rule to make ``word`` with letters the rule adds."""
    for old, new in rules:
        if word in new:
            yield old
        for length in range(1, len(new) + 1):
            if word.endswith(new[:length]):
                yield word[:-length] + old


def _irregular(word: str, lemmatizer: Any) -> Iterator[str]:
    table = lemmatizer.lookups.get_table("lemma_exc", {})
    for exceptions in table.values():
        for inflected, lemmas in exceptions.items():
            if any(word in str(lemma).lower() for lemma in lemmas):
                yield str(inflected)


def _attributed(word: str, ruler: Any) -> Iterator[str]:
    """Yield the words whose lemma the model states; the empty string for a rule about any word."""
    for rule in ruler.patterns:
        if word not in str(rule["attrs"].get("LEMMA", "")).lower():
            continue
        for pattern in rule["patterns"]:
            lower = pattern[rule["index"]].get("LOWER")
            if isinstance(lower, str):
                yield lower
            elif isinstance(lower, dict) and lower.keys() == {"IN"}:
                yield from lower["IN"]
            else:
                yield ""
