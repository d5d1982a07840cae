"""Presidio's analysis of a batch of texts, run only where it could find something.

:meth:`Analyzer.analyze` gives, text by text, what ``AnalyzerEngine.analyze`` gives for the same
recognizers, entities, context words and threshold; only prose is searched for named entities
(``names``). Tests compare the two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from presidio_analyzer import (
    AnalysisExplanation,
    EntityRecognizer,
    PatternRecognizer,
    RecognizerResult,
)
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpArtifacts
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from streamproc.detect.language import NAMED_ENTITIES, LanguageModel, finds_names
from streamproc.detect.lemmas import ContextWords
from streamproc.detect.memo import Memo
from streamproc.detect.names import is_prose
from streamproc.detect.phones import PhoneMatcher
from streamproc.detect.pool import NamePool
from streamproc.detect.recognize import (
    Matcher,
    PatternMatcher,
    WholeMatcher,
    remove_duplicates,
    scan_patterns,
)
from streamproc.detect.recognizers import build_recognizers, fingerprint, name_of
from streamproc.detect.scan import Prefilter
from streamproc.detect.texts import Recognition, Text
from streamproc.events import Finding

__all__ = ["Analyzer"]

_WORDS_BEFORE = LemmaContextAwareEnhancer().context_prefix_count
_MOST_BEFORE = 300
"""Code points before a finding that are read word by word: beyond, the model does it."""
_SPACE = re.compile(r"\s")

_CONTEXTS = 8192
"""Contexts whose effect is remembered: keys come from producers, so they are bounded."""


@dataclass(slots=True)
class _Draft:
    """Findings of a text, before the language model.

    ``settled`` have their final score; those in ``unsettled``, with the index of their matcher,
    have a higher one if the lemmas around them say so.
    """

    settled: list[Finding] = field(default_factory=list)
    unsettled: list[tuple[int, Finding]] = field(default_factory=list)


class Analyzer:
    """Presidio's recognizers behind a prefilter.

    Attributes:
        fingerprint: Digest of all that decides findings.
        searched: Texts analyzed so far.
        read: Of those, the ones that the language model read for names.
    """

    def __init__(self, recognition: Recognition, cache: Path, processes: int = 0) -> None:
        """Build the recognizers, load the language model, compile or load the prefilter.

        Names are read by as many ``processes`` beside this one, by this one if there are none.

        Raises:
            ConfigError: ``recognition`` asks for what there is not.
        """
        recognizers = build_recognizers(recognition)
        self.fingerprint = fingerprint(recognition, recognizers)
        self.searched = self.read = 0
        self._minimum = recognition.minimum_score
        self._allow = recognition.allow
        self._model = LanguageModel(recognition)
        self._names = _pool(recognition, processes) if processes else self._model
        self._enhancer = LemmaContextAwareEnhancer()
        matched = [found for found in recognizers if not finds_names(found)]
        self._named = len(matched) < len(recognizers)
        self._matchers = [_matcher(found) for found in matched]
        self._contexts = [
            tuple(word.lower() for word in matcher.recognizer.context or ())
            for matcher in self._matchers
        ]
        self._context_words = [ContextWords(self._model.nlp, words) for words in self._contexts]
        self._minimums = [_minimum(matcher.recognizer, self._minimum) for matcher in self._matchers]
        self._weak = frozenset(
            index
            for index, matcher in enumerate(self._matchers)
            if matcher.highest < self._minimums[index]
        )
        self._owners = [
            (index, pattern)
            for index, matcher in enumerate(self._matchers)
            for pattern in range(len(matcher.scan))
        ]
        scan = [pattern for matcher in self._matchers for pattern in matcher.scan]
        own = {definition.name for definition in recognition.own}
        apart = {
            index
            for index, (matcher, _) in enumerate(self._owners)
            if name_of(self._recognizer(matcher)) in own
        }
        self._prefilter = Prefilter(scan, cache, apart)
        self._supported: Memo[tuple[str, ...], frozenset[int]] = Memo(_CONTEXTS)

    def supported(self, context: tuple[str, ...]) -> frozenset[int]:
        """Return which recognizers ``context`` raises the scores of.

        All that a context does: two contexts with the same answer give the same findings.
        """
        known = self._supported.get(context)
        if known is None:
            known = frozenset(
                index
                for index, words in enumerate(self._contexts)
                if any(word in given for word in words for given in context)
            )
            self._supported.put(context, known)
        return known

    def analyze(self, texts: Sequence[Text]) -> list[list[Finding]]:
        """Return Presidio's findings in each text, best score first; they may overlap."""
        prose = [index for index, text in enumerate(texts) if self._named and _in_question(text)]
        self.searched += len(texts)
        self.read += len(prose)
        names = self._names.names([texts[index].value for index in prose])
        drafts = [self._draft(text) for text in texts]  # while other processes read names
        with self._model.memory():
            for text, draft in zip(texts, drafts, strict=True):
                if draft.unsettled:
                    draft.unsettled = self._undecided(text.value, draft)
            unsure = [index for index, draft in enumerate(drafts) if draft.unsettled]
            for index, named in zip(prose, names, strict=True):
                drafts[index].settled += [f for f in named if f.score >= self._minimum]
            lemmas = self._model.lemmas(texts[index].value for index in unsure)
            for index, artifacts in zip(unsure, lemmas, strict=True):
                self._settle(texts[index].value, drafts[index], artifacts)
        return [self._finish(text.value, draft) for text, draft in zip(texts, drafts, strict=True)]

    def _draft(self, text: Text) -> _Draft:
        draft = _Draft()
        candidates = self._prefilter.candidates(text.value)
        patterns: dict[int, list[int]] = {}
        for candidate in sorted(candidates):
            matcher, pattern = self._owners[candidate]
            patterns.setdefault(matcher, []).append(pattern)
        for matcher, its_patterns in patterns.items():
            if matcher in self._weak and not self._support(text, matcher):
                continue  # nothing it finds can reach the minimum
            if found := self._matchers[matcher].find(text.value, its_patterns):
                self._weigh(text, matcher, found, draft)
        return draft

    def _support(self, text: Text, matcher: int) -> bool:
        """Return whether the field's name, or perhaps a word of the text, raises scores."""
        return matcher in self.supported(text.context) or self._context_words[matcher].found_in(
            text.value
        )

    def _weigh(self, text: Text, matcher: int, found: list[Finding], draft: _Draft) -> None:
        """Put what one recognizer found where it belongs in ``draft``."""
        if not self._support(text, matcher):
            self._keep(matcher, found, draft)
            return
        raised = [self._raise(finding) for finding in found]
        if matcher in self.supported(text.context):
            self._keep(matcher, raised, draft)
        elif any(
            before.score < after.score >= self._minimums[matcher]
            for before, after in zip(found, raised, strict=True)
        ):
            draft.unsettled += [(matcher, finding) for finding in found]
        else:  # none can be raised, or none high enough
            self._keep(matcher, found, draft)

    def _keep(self, matcher: int, findings: list[Finding], draft: _Draft) -> None:
        minimum = self._minimums[matcher]
        draft.settled += [finding for finding in findings if finding.score >= minimum]

    def _raise(self, finding: Finding) -> Finding:
        """Return ``finding`` with the score Presidio gives it where a context word supports it."""
        enhancer = self._enhancer
        score = finding.score + enhancer.context_similarity_factor
        score = max(score, enhancer.min_score_with_context_similarity)
        return finding._replace(score=min(score, EntityRecognizer.MAX_SCORE))

    def _undecided(self, text: str, draft: _Draft) -> list[tuple[int, Finding]]:
        """Settle what can be settled without the language model; return the rest."""
        left = []
        for matcher, finding in draft.unsettled:
            raises = self._raises(text, matcher, finding.start)
            if raises is None:
                left.append((matcher, finding))
            else:
                self._keep(matcher, [self._raise(finding) if raises else finding], draft)
        return left

    def _raises(self, text: str, matcher: int, start: int) -> bool | None:
        """Return whether words near ``start`` raise a score there; None if that is not sure.

        Presidio looks at the word at ``start``, at five before it, and at the first from it on;
        words that it does not count, such as stop words, it passes over.
        """
        if text[start].isspace():
            return None
        space = _SPACE.search(text, start)
        end = space.start() if space else len(text)
        known = self._context_words[matcher]
        begin = 0
        if end > _MOST_BEFORE:
            runs = text[:end].rsplit(maxsplit=_WORDS_BEFORE + 1)
            begin = len(runs[0])
            if end - begin > _MOST_BEFORE:
                return None
        words = list(self._model.nlp.make_doc(text[begin:end]))
        at = next(i for i, word in enumerate(words) if start - begin < word.idx + len(word))
        raising = [known.raises(word.text) for word in words]
        if any(raising[max(0, at - _WORDS_BEFORE) : at + 1]):
            return True
        nothing_after = any(map(_surely_counts, words[at:]))
        nothing_before = raising.count(False) == len(words) and not known.found_in(text[:begin])
        return False if nothing_after and nothing_before else None

    def _settle(self, text: str, draft: _Draft, artifacts: NlpArtifacts) -> None:
        """Let Presidio's own enhancer decide on the unsettled findings."""
        results = [
            RecognizerResult(
                entity_type=finding.entity,
                start=finding.start,
                end=finding.end,
                score=finding.score,
                analysis_explanation=AnalysisExplanation(finding.recognizer, finding.score),
                recognition_metadata={
                    RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self._recognizer(matcher).id
                },
            )
            for matcher, finding in draft.unsettled
        ]
        recognizers = [self._recognizer(matcher) for matcher, _ in draft.unsettled]
        enhanced = self._enhancer.enhance_using_context(text, results, artifacts, recognizers)
        for (matcher, finding), result in zip(draft.unsettled, enhanced, strict=True):
            self._keep(matcher, [finding._replace(score=float(result.score))], draft)

    def _finish(self, text: str, draft: _Draft) -> list[Finding]:
        found = remove_duplicates(draft.settled)
        if self._allow:  # last, as Presidio does: what an allowed finding contained is gone too
            found = [f for f in found if text[f.start : f.end] not in self._allow]
        return found

    def _recognizer(self, matcher: int) -> Any:
        return self._matchers[matcher].recognizer


def _pool(recognition: Recognition, processes: int) -> NamePool:
    """Return the processes that all of this one have read the names of ``recognition``."""
    names = Recognition(
        recognition.entities & NAMED_ENTITIES,
        language=recognition.language,
        names=recognition.names,
    )
    pool = _pools.get((names, processes))
    if pool is None:
        pool = _pools[names, processes] = NamePool(names, processes)
    return pool


_pools: WeakValueDictionary[tuple[Recognition, int], NamePool] = WeakValueDictionary()


def _surely_counts(word: Any) -> bool:
    """Return whether Presidio counts ``word``: it is no stop word and no sign, whatever its lemma.

    Those with a colon Presidio looks for in two halves, and does not find.
    """
    return any(map(str.isdigit, word.text)) and ":" not in word.text


def _minimum(recognizer: Any, minimum: float) -> float:
    """Return the least score that counts: the recognizer's own, if it has one."""
    own: Mapping[str, float] = recognizer.score_thresholds
    return own.get(recognizer.supported_entities[0], own.get("default", minimum))


def _in_question(text: Text) -> bool:
    return "name" not in text.without and is_prose(text.value)


def _matcher(recognizer: Any) -> Matcher:
    analyze = type(recognizer).analyze
    if analyze is PhoneRecognizer.analyze:
        return PhoneMatcher(recognizer)
    if analyze is PatternRecognizer.analyze:
        return PatternMatcher(recognizer)
    # South Africa's telephone recognizers are PhoneRecognizers that classify what they find.
    phones = isinstance(recognizer, PhoneRecognizer)
    return WholeMatcher(recognizer, PhoneMatcher.scan if phones else scan_patterns(recognizer))
