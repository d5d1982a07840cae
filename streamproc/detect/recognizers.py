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
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import tldextract
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, PatternRecognizer
from presidio_analyzer.predefined_recognizers import PhoneRecognizer
from presidio_analyzer.recognizer_registry import RecognizerRegistry
from presidio_analyzer.recognizer_registry.recognizers_loader_utils import (
    RecognizerConfigurationLoader,
    RecognizerListLoader,
)

from streamproc.detect.definitions import Predefined
from streamproc.detect.evidence import EVIDENT
from streamproc.detect.language import (
    NAMED_ENTITIES,
    build_language_engine,
    build_name_recognizer,
    describe_models,
    keep_silent,
)
from streamproc.detect.own import build_own
from streamproc.detect.texts import Recognition
from streamproc.errors import ConfigError, Problem

__all__ = [
    "build_recognizers",
    "fingerprint",
    "known_entities",
    "name_of",
    "reference_engine",
]

_LANGUAGE = "en"

_DISTRIBUTIONS = ("presidio-analyzer", "phonenumbers", "tldextract", "regex")
"""What decides findings beside our own code and the language model."""


def known_entities() -> frozenset[str]:
    """Return the names of all entities that a Recognition may want."""
    return _entities(_predefined())


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
    shipped = _predefined()
    _check(recognition, _entities(shipped).union(EVIDENT, *map(_of, own)))
    _keep_offline()
    keep_silent()
    replaced = {item.recognizer for item in recognition.own if isinstance(item, Predefined)}
    predefined = [item for item in shipped if type(item[0]).__name__ not in replaced]
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
        chosen.append(build_name_recognizer(recognition))
    return sorted(chosen, key=name_of)


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
            sorted(recognition.minimum_scores),
            recognition.language,
            sorted(recognition.allow),
        ],
        "versions": [f"{name} {version(name)}" for name in (*_DISTRIBUTIONS, "streamproc")],
        "models": describe_models(recognition.names),
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
    default = {_name(item) for item in items if item.get("enabled", True) and _english(item)}
    built = RecognizerListLoader.get(
        **{**configuration, "recognizers": [_in_english(item) for item in items]}
    )
    return [(recognizer, type(recognizer).__name__ in default) for recognizer in built]


def _entities(predefined: Iterable[tuple[EntityRecognizer, bool]]) -> frozenset[str]:
    return NAMED_ENTITIES.union(*(_of(recognizer) for recognizer, _ in predefined))


def _name(item: dict[str, Any]) -> str:
    return str(item.get("class_name") or item["name"])


def _in_english(item: dict[str, Any]) -> dict[str, Any]:
    """Return a recognizer's item of the registry, switched on, in English alone."""
    return {
        **item,
        "enabled": True,
        "score_thresholds": item.get("score_thresholds") or {},
        "supported_languages": _english(item) or [_LANGUAGE],
    }


def _english(item: dict[str, Any]) -> list[Any]:
    """Return what an item says of English: the language, perhaps with its context words."""
    return [
        language
        for language in item.get("supported_languages") or [_LANGUAGE]
        if _LANGUAGE in (language, language["language"] if isinstance(language, dict) else None)
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
