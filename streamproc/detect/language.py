"""The language model, behind Presidio's engines: named entities of prose, lemmas around findings.

Names and lemmas are read apart. A text that is searched for names needs no lemmas unless a pattern
found something there whose score a word nearby could raise, and lemmas need the tagger and parser,
at twice the cost of names.

With spaCy's models the entity recognizer is read by ``entities``, inside the very pipeline that
Presidio's engine runs, so Presidio finds the same through it. It sees words only: the sentence
borders of the parser, which names never cross, cost as much again and more. Of the 1,484 persons,
places, groups and dates that the small model finds in the 1,754 texts of synth_v2 and WNUT-17, 4
are lost without them, and 2 others found.
"""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import logging
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import spacy
from presidio_analyzer import EntityRecognizer
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngineProvider
from presidio_analyzer.predefined_recognizers import GLiNERRecognizer, SpacyRecognizer
from spacy.attrs import NORM
from spacy.language import Language

from streamproc.detect.entities import EntityReader
from streamproc.detect.texts import NameModel, Recognition
from streamproc.errors import ConfigError, Problem
from streamproc.events import Finding

__all__ = [
    "NAMED_ENTITIES",
    "LanguageModel",
    "build_language_engine",
    "build_name_recognizer",
    "describe_models",
    "finds_names",
    "keep_silent",
]

NAMED_ENTITIES = frozenset({"PERSON", "LOCATION", "NRP", "DATE_TIME", "ORGANIZATION"})
"""The entities that the language model finds."""

_BATCH_TEXTS = 128
"""Texts the model takes at a time; more gains nothing and holds their matrices in memory."""

_LEMMATIZER_ENTRIES = 50_000

_VOCABULARY_ENTRIES = 50_000
"""Words met, forgotten ones included. spaCy 3.8 frees a forgotten word but not its place in its
tables: a million unseen words take 40 MB for good. Making the tables anew takes 0.1 s; so often,
that of the strings never has to grow (it doubles, from 4 MB, after 70,000 words)."""

_READER = "streamproc_entities"

_TRANSFORMER = "presidio_hf_token_pipe"

_NAMERS = frozenset({"ner", _READER, _TRANSFORMER})
"""Components that find names; lemmas do not depend on them. They do depend on the parser: rules
that set a word's part of speech, and so its lemma, look at dependencies."""

_GLINER_LABELS = {
    "person": "PERSON",
    "location": "LOCATION",
    "nationality, religious or political group": "NRP",
    "date or time": "DATE_TIME",
    "organization": "ORGANIZATION",
}
"""What the model is asked for, in its language."""

_PACKAGES = {"transformers": ("transformers", "torch"), "gliner": ("gliner",)}

_CRAMMED = re.compile(r"(?:[^\w\s]\w{0,2}){200,}")
"""Signs in a row, with at most two letters between: a ruler, a pattern of emoji. spaCy takes such a
word apart sign by sign and copies what is left each time: 4,000 signs take 1 to 3 s, 32,000 take
minutes. No name is in there, so the model reads white space of the same length in its place."""


class LanguageModel:
    """Names and lemmas of batches of texts, in bounded memory."""

    def __init__(self, recognition: Recognition) -> None:
        """Load what ``recognition`` names, unless it is in this process's memory already.

        Raises:
            ConfigError: A model or a package is not there.
        """
        shared = _shared(recognition.names, recognition.language)
        self._lock = shared.lock
        self._engine = _ignoring(shared.engine, recognition)
        self._recognizer: Any = build_name_recognizer(recognition)
        self._entities = sorted(recognition.entities & NAMED_ENTITIES)
        self._language = recognition.language
        self.nlp: Language = self._engine.get_nlp(recognition.language)
        names = set(self.nlp.pipe_names)
        self._not_for_lemmas = sorted(names & _NAMERS)
        alone = names & {_READER, _TRANSFORMER}
        self._not_for_names = sorted(names - alone) if alone else []

    @contextmanager
    def memory(self) -> Iterator[None]:
        """Free, at its end, what the model keeps of the texts it reads within.

        Without it spaCy interns every word it ever meets. What :meth:`lemmas` returns is not to be
        touched after the block. The models of a process that read with the same weights wait for
        each other here.
        """
        with self._lock:
            with self.nlp.memory_zone():
                yield
            lemmatizer: Any = self.nlp.get_pipe("lemmatizer")
            if len(lemmatizer.cache) > _LEMMATIZER_ENTRIES:  # spaCy never empties it
                lemmatizer.cache.clear()
            if len(self.nlp.vocab) > _VOCABULARY_ENTRIES:
                _shrink(self.nlp.vocab)

    def names(self, texts: Iterable[str]) -> Iterator[list[Finding]]:
        """Yield the named entities of each text that are wanted, in order."""
        readable = map(_readable, texts)
        if isinstance(self._recognizer, GLiNERRecognizer):
            for text in readable:
                yield [self._finding(found) for found in self._ask(text)]
            return
        for doc in self.nlp.pipe(readable, batch_size=_BATCH_TEXTS, disable=self._not_for_names):
            # What the engine does to make its artifacts, without the words and lemmas.
            entities = self._engine._get_entities(doc)  # noqa: SLF001
            scores = self._engine._get_scores_for_entities(doc)  # noqa: SLF001
            found = self._engine._get_updated_entities(entities, scores)  # noqa: SLF001
            yield [
                Finding(span.start_char, span.end_char, span.label_, score, self._recognizer.name)
                for span, score in zip(*found, strict=True)
                if span.label_ in self._entities
            ]

    def lemmas(self, texts: Iterable[str]) -> Iterator[NlpArtifacts]:
        """Yield words and lemmas of each text, in order, without names."""
        readable = map(_readable, texts)
        for doc in self.nlp.pipe(readable, batch_size=_BATCH_TEXTS, disable=self._not_for_lemmas):
            yield NlpArtifacts(
                entities=[],
                tokens=doc,
                tokens_indices=[token.idx for token in doc],
                lemmas=[token.lemma_ for token in doc],
                nlp_engine=self._engine,
                language=self._language,
            )

    def _ask(self, text: str) -> Sequence[Any]:
        results: Sequence[Any] = self._recognizer.analyze(text, self._entities)
        return results

    def _finding(self, result: Any) -> Finding:
        score = float(result.score)
        return Finding(result.start, result.end, result.entity_type, score, self._recognizer.name)


class _Shared(NamedTuple):
    engine: Any
    lock: threading.Lock


@lru_cache(maxsize=2)
def _shared(names: NameModel, language: str) -> _Shared:
    """Return the models that all of this process read with.

    They take a second and 0.1 GB. A worker has a few rulesets at a time, and what one searches for
    changes nothing in them.
    """
    return _Shared(
        build_language_engine(Recognition(frozenset(), names=names, language=language)),
        threading.Lock(),
    )


def _ignoring(engine: Any, recognition: Recognition) -> Any:
    """Return ``engine``, over the same models, with the labels that ``recognition`` ignores."""
    own = copy.copy(engine)
    own.ner_model_configuration = copy.copy(engine.ner_model_configuration)
    own.ner_model_configuration.labels_to_ignore = _ignored(recognition)
    return own


def _ignored(recognition: Recognition) -> list[str]:
    configuration = NlpEngineProvider().nlp_configuration["ner_model_configuration"]
    return sorted(set(configuration["labels_to_ignore"]) - recognition.entities)


def build_language_engine(recognition: Recognition) -> Any:
    """Return Presidio's engine over the models that ``recognition`` names; downloads nothing.

    Its type is ``SpacyNlpEngine`` or one that derives from it. Set up as Presidio's own default,
    apart from the models and how spaCy's entity recognizer is read. Presidio ignores
    organizations, which it finds badly; they are found where they are asked for.

    Raises:
        ConfigError: A model or a package is not there, or a model is for something else.
    """
    keep_silent()
    _check_installed(recognition.names)
    model = recognition.names
    configuration: dict[str, Any] = dict(NlpEngineProvider().nlp_configuration)
    ner = dict(configuration["ner_model_configuration"])
    ner["labels_to_ignore"] = _ignored(recognition)
    name: Any = model.spacy
    if model.engine == "transformers":
        configuration["nlp_engine_name"] = model.engine
        name = {"spacy": model.spacy, "transformers": str(model.weights)}
    configuration |= {
        "models": [{"lang_code": recognition.language, "model_name": name}],
        "ner_model_configuration": ner,
    }
    try:
        engine: Any = NlpEngineProvider(nlp_configuration=configuration).create_engine()
    except (OSError, ValueError):  # spaCy's and transformers' for a folder that holds no model
        raise ConfigError(_problem(model.spacy, "cannot be loaded as a language model")) from None
    nlp = engine.get_nlp(recognition.language)
    _check_pipeline(nlp, recognition)
    if model.engine == "spacy" and EntityReader.readable(nlp):
        nlp.add_pipe(_READER, last=True)
        nlp.remove_pipe("ner")
    return engine


def build_name_recognizer(recognition: Recognition) -> EntityRecognizer:
    """Return the recognizer of Presidio that reports named entities.

    Raises:
        ConfigError: The model is not there.
    """
    if recognition.names.engine != "gliner":
        return SpacyRecognizer(supported_entities=sorted(NAMED_ENTITIES))
    _check_installed(recognition.names)
    return _gliner(recognition.names)


@lru_cache(maxsize=2)
def _gliner(names: NameModel) -> EntityRecognizer:
    try:
        return GLiNERRecognizer(entity_mapping=_GLINER_LABELS, model_name=str(names.weights))
    except (OSError, ValueError):
        problem = _problem(str(names.weights), "cannot be loaded as a GLiNER model")
        raise ConfigError(problem) from None


def finds_names(recognizer: EntityRecognizer) -> bool:
    """Return whether ``recognizer`` is one of :func:`build_name_recognizer`."""
    return isinstance(recognizer, SpacyRecognizer | GLiNERRecognizer)


def describe_models(names: NameModel) -> list[str]:
    """Return what tells these models from any others: versions, or digests of folders."""
    packages = ("spacy", *_PACKAGES.get(names.engine, ()))
    said = [names.engine, *(f"{package} {version(package)}" for package in packages)]
    for model in filter(None, (names.spacy, names.weights)):
        is_package = spacy.util.is_package(model)
        said.append(f"{model} {version(model)}" if is_package else _digest(Path(model)))
    return said


def keep_silent() -> None:
    """Have Presidio log nothing.

    It logs texts: the context words at DEBUG, and at ERROR an IBAN it fails to validate.
    """
    for name in ("presidio-analyzer", "decision_process"):
        logger = logging.getLogger(name)
        if _refuse not in logger.filters:
            logger.addFilter(_refuse)


@Language.factory(_READER)
def _reader(nlp: Language, name: str) -> EntityReader:  # noqa: ARG001  # the signature of a factory
    return EntityReader(nlp)


def _shrink(vocab: Any) -> None:
    """Make the tables of ``vocab``, a ``Vocab``, anew, with what the model itself brought."""
    apart = ["strings", "vectors", "lookups"]
    norm = vocab.lex_attr_getters[NORM]
    vocab.from_bytes(vocab.to_bytes(exclude=apart), exclude=apart)
    vocab.lex_attr_getters[NORM] = norm  # which it wraps once more each time
    vocab.strings.from_bytes(vocab.strings.to_bytes())


def _readable(text: str) -> str:
    return _CRAMMED.sub(lambda crammed: " " * len(crammed[0]), text)


def _check_installed(names: NameModel) -> None:
    """Check what the engines would otherwise fetch from the network, or fail on far from here."""
    problems: list[Problem] = []
    if not (spacy.util.is_package(names.spacy) or Path(names.spacy).is_dir()):
        problems.append(_problem(names.spacy, "expected an installed package or a folder"))
    if names.engine != "spacy":
        packages = _PACKAGES[names.engine]
        if any(importlib.util.find_spec(package) is None for package in packages):
            needed = f"presidio-analyzer[{names.engine}]"
            problem = f"this engine is not installed; run pip install '{needed}'"
            problems.append(Problem("settings", "detect.engine", problem))
        if not (names.weights and Path(names.weights).is_dir()):
            problem = f"expected the folder of a model for {names.engine}"
            problems.append(Problem("settings", "detect.names_model", problem))
    if problems:
        raise ConfigError(*problems)


def _check_pipeline(nlp: Language, recognition: Recognition) -> None:
    model = recognition.names
    needed = {"lemmatizer", "attribute_ruler"} | ({"ner"} if model.engine == "spacy" else set())
    if missing := sorted(needed - set(nlp.pipe_names)):
        raise ConfigError(_problem(model.spacy, f"this model has no {' and no '.join(missing)}"))
    if nlp.lang != recognition.language:
        problem = f"expected a model of {recognition.language}, found one of {nlp.lang}"
        raise ConfigError(_problem(model.spacy, problem))


def _problem(model: str, message: str) -> Problem:
    return Problem("settings", "detect.spacy_model", f"{model}: {message}")


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(folder)} {file.stat().st_size}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _refuse(record: logging.LogRecord) -> bool:  # noqa: ARG001  # the signature of a log filter
    return False
