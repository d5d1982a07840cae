from __future__ import annotations

from pathlib import Path
from typing import Any

import presidio_analyzer
import pytest
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

from streamproc.detect import Detector, Recognition, Text
from streamproc.detect.definitions import Custom, Definition, Predefined, WrittenPattern
from streamproc.detect.own import build_own, entropy
from streamproc.detect.recognizers import build_recognizers, fingerprint, name_of
from streamproc.errors import ConfigError
from streamproc.rules.load_recognizers import load_recognizers

PRESIDIO_FILES = Path(presidio_analyzer.__file__).parent / "conf"

BADGE = Custom(
    name="Badges", entity="BADGE", patterns=(WrittenPattern("badge", r"badge \K\w{4,}", 0.5),)
)

CUSTOM = r"""
supported_languages: [en, de]
global_regex_flags: 24
recognizers:
  - name: Zip codes
    supported_language: en
    supported_entity: ZIP
    context: [zip, code]
    patterns:
      - {name: weak, regex: '(\b\d{5}(?:\-\d{4})?\b)', score: 0.01}
  - name: Titles
    type: custom
    supported_languages: [{language: en, context: [dear]}, {language: de}]
    supported_entity: TITLE
    deny_list: [Mr., Mrs.]
    deny_list_score: 0.7
    score_thresholds: {default: 0.5, TITLE: 0.6}
  - name: CreditCardRecognizer
    type: predefined
    supported_languages: [{language: en, context: [card, plastic]}]
  - name: Licences of my own
    class_name: UsLicenseRecognizer
    type: predefined
    supported_entities: [LICENCE]
  - name: Anreden
    supported_language: de
    supported_entity: ANREDE
    deny_list: [Herr]
  - name: AzureAILanguageRecognizer
    type: predefined
    enabled: false
"""


def described(recognizer: Any) -> dict[str, Any]:
    return {
        "class": [kind.__name__ for kind in type(recognizer).__mro__ if kind.__name__ in BUILT],
        "name": recognizer.name,
        "entities": recognizer.supported_entities,
        "language": recognizer.supported_language,
        "context": recognizer.context,
        "thresholds": recognizer.score_thresholds,
        "flags": recognizer.global_regex_flags if hasattr(recognizer, "patterns") else None,
        "patterns": [p.to_dict() for p in getattr(recognizer, "patterns", [])],
        "deny_list": getattr(recognizer, "deny_list", None),
    }


BUILT = {"PatternRecognizer", "CreditCardRecognizer", "UsLicenseRecognizer"}


@pytest.mark.parametrize("name", ["default_recognizers.yaml", "example_recognizers.yaml", None])
def test_a_file_of_presidio_s_gives_the_recognizers_presidio_makes_of_it(
    tmp_path: Path, name: str | None
) -> None:
    file = tmp_path / "mine.yaml"
    text = CUSTOM if name is None else (PRESIDIO_FILES / name).read_text(encoding="utf-8")
    if name == "example_recognizers.yaml":  # Presidio refuses its own example without
        text += "\nsupported_languages: [en]\n"
    file.write_text(text, encoding="utf-8")
    registry = RecognizerRegistryProvider(conf_file=file).create_recognizer_registry()
    theirs = [found for found in registry.recognizers if found.supported_language == "en"]

    ours = [build_own(definition, "en") for definition in load_recognizers(tmp_path).definitions]

    assert [described(found) for found in sorted(ours, key=name_of)] == [
        described(found) for found in sorted(theirs, key=name_of)
    ]


def detected(definition: Definition, *texts: str) -> list[list[str]]:
    recognizer: Any = build_own(definition, "en")
    return [
        [text[found.start : found.end] for found in recognizer.analyze(text, [])] for text in texts
    ]


def test_a_match_starts_where_its_pattern_says() -> None:
    assert detected(BADGE, "my badge x7712", "badges") == [["x7712"], []]


def test_a_checksum_decides_on_a_match() -> None:
    digits = WrittenPattern("digits", r"\b\d{4,11}\b", 0.2)
    checked = Custom("Points", "POINTS", patterns=(digits,), checksum="verhoeff")
    recognizer: Any = build_own(checked, "en")

    found = recognizer.analyze("2363 and 2364", [])

    assert [(result.start, result.end, result.score) for result in found] == [(0, 4, 1.0)]


def test_a_match_of_little_entropy_is_none() -> None:
    word = WrittenPattern("word", r"\b\w{8,}\b", 0.8)
    keys = Custom("Keys", "KEY", patterns=(word,), minimum_entropy=3.0)
    assert detected(keys, "xxxxxxxxxxxx", "q7Rk2mZp9Lw4") == [[], ["q7Rk2mZp9Lw4"]]


@pytest.mark.parametrize(("text", "bits"), [("aaaa", 0), ("abab", 1), ("abcdefgh", 3)])
def test_entropy_is_shannon_s(text: str, bits: float) -> None:
    assert entropy(text) == bits


def test_own_recognizers_run_where_their_entity_is_wanted() -> None:
    email = frozenset({"EMAIL_ADDRESS"})
    assert "Badges" not in map(name_of, build_recognizers(Recognition(email, own=(BADGE,))))
    both = Recognition(email | {"BADGE"}, own=(BADGE,))
    assert "Badges" in map(name_of, build_recognizers(both))
    with pytest.raises(ConfigError, match="nothing recognizes BADGE"):
        build_recognizers(Recognition(frozenset({"BADGE"})))


def test_a_predefined_recognizer_set_up_differently_stands_in_for_the_shipped_one() -> None:
    cards = Predefined("Cards", "CreditCardRecognizer", context=("plastic",))
    found = build_recognizers(Recognition(frozenset({"CREDIT_CARD"}), own=(cards,)))
    assert [(name_of(each), each.context) for each in found] == [("Cards", ["plastic"])]


def test_checks_count_in_the_fingerprint() -> None:
    def of(definition: Custom) -> str:
        recognition = Recognition(frozenset({"BADGE"}), own=(definition,))
        return fingerprint(recognition, build_recognizers(recognition))

    patterns = BADGE.patterns
    assert of(BADGE) == of(Custom("Badges", "BADGE", patterns))
    assert of(BADGE) != of(Custom("Badges", "BADGE", patterns, checksum="luhn"))
    assert of(BADGE) != of(Custom("Badges", "BADGE", patterns, minimum_entropy=2.0))


def test_a_detector_finds_what_own_recognizers_define(tmp_path: Path) -> None:
    detector = Detector(Recognition(frozenset({"BADGE"}), own=(BADGE,)), cache=tmp_path)

    (found, nothing) = detector.detect([Text("Badge x7712"), Text("no such thing")])

    assert [(finding.entity, finding.recognizer) for finding in found] == [("BADGE", "Badges")]
    assert nothing == ()
