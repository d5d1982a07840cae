"""Whether words of a text could raise a score, told without running the language model.

Presidio raises a finding's score when the *lemma* of a word near it contains one of the
recognizer's context words. The model that finds lemmas costs a millisecond and more; but spaCy's
English lemmatizer only ever chooses among the word itself, the forms its suffix rules give, and
listed exceptions; which of them depends on the part of speech. So a context word can be in a lemma
only if the text contains one of a few strings: the word itself; or, where a suffix rule ends the
lemma in what the context word ends in, the word with that ending undone (``date`` needs ``date``,
``dating`` or ``dated``); or an exception's inflected form. A text with none of them needs no model.
Nor does one that has, close before the finding, a word all of whose possible lemmas contain a
context word (``phones``), or no other than words whose lemmas Presidio passes over (``call``, a
stop word): :class:`ContextWords`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from spacy.language import Language

__all__ = ["ContextWords", "supporting_strings"]

_WORDS = 4_096
"""Words that are remembered, in memory only."""
_LONGEST_WORD = 32

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
    strings.update(_irregular(words, lemmatizer))
    rules = _rules(lemmatizer)
    for word in words:
        strings.update(_undone(word, rules))
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


def _irregular(words: Iterable[str], lemmatizer: Any) -> Iterator[str]:
    # All words in one pass: word by word, it was a tenth of a worker's start.
    any_word = re.compile("|".join(map(re.escape, words)))
    table = lemmatizer.lookups.get_table("lemma_exc", {})
    for exceptions in table.values():
        for inflected, lemmas in exceptions.items():
            if any(any_word.search(str(lemma).lower()) for lemma in lemmas):
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


class ContextWords:
    """Tells of a word near a finding whether it raises the score, whatever part of speech it is."""

    def __init__(self, nlp: Language, context_words: Iterable[str]) -> None:
        """Learn the rules of the lemmatizer of ``nlp``; with one that has none, no word is sure."""
        lemmatizer: Any = nlp.get_pipe("lemmatizer")
        tables = [
            lemmatizer.lookups.get_table(name, {})
            for name in ("lemma_rules", "lemma_exc", "lemma_index")
        ]
        self._words = tuple(word.lower() for word in context_words)
        self._supporting = supporting_strings(nlp, self._words)
        self._vocab = nlp.vocab
        self._by_speech = [
            (tables[0].get(speech, ()), tables[1].get(speech, {}), tables[2].get(speech, ()))
            for speech in {speech for table in tables for speech in table}
        ]
        # A rule of the model may give any word a lemma that raises: then no word is sure.
        self._has_rules = lemmatizer.mode == "rule" and not self._supporting.search("")
        self._attributed = set(_attributed("", nlp.get_pipe("attribute_ruler")))
        self._known = lru_cache(_WORDS)(self._decide)

    def found_in(self, text: str) -> bool:
        """Return whether ``text`` may hold one: never False where a lemma contains one."""
        return self._supporting.search(text.lower()) is not None

    def raises(self, word: str) -> bool | None:
        """Return whether ``word`` raises a score if it is near a finding; None if it may."""
        if not self.found_in(word):
            return False
        if not word.isalpha() or len(word) > _LONGEST_WORD:
            return None
        return self._known(word.lower())

    def _decide(self, word: str) -> bool | None:
        if not self._has_rules or word in self._attributed:
            return None
        lemmas = {word}.union(_lemma(word, *tables) for tables in self._by_speech)
        raising = {self._counts(lemma) for lemma in lemmas}
        return raising.pop() if len(raising) == 1 else None

    def _counts(self, lemma: str) -> bool:
        # Presidio passes over stop words, after they are lemmas: "call" is one.
        return not self._vocab[lemma].is_stop and any(word in lemma for word in self._words)


def _lemma(
    word: str,
    rules: Iterable[tuple[str, str]],
    exceptions: Mapping[str, Sequence[str]],
    index: Collection[str],
) -> str:
    """Return the lemma of ``word`` in one part of speech: spaCy's ``rule_lemmatize``."""
    forms: list[str] = []
    unknown: list[str] = []
    for old, new in rules:
        form = word[: len(word) - len(old)] + new
        if word.endswith(old) and form:
            if form in index:
                forms.insert(0, form)
            elif form.isalpha():
                unknown.append(form)
            else:
                forms.append(form)
    for form in exceptions.get(word, ()):
        if form not in forms:
            forms.insert(0, form)
    return [*forms, *unknown, word][0].lower()
