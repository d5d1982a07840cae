from typing import Any

from presidio_analyzer.recognizer_registry.recognizers_loader_utils import RecognizerListLoader

from streamproc.detect import Recognition
from streamproc.detect.language import NAMED_ENTITIES
from streamproc.detect.recognizers import build_recognizers, known_entities
from streamproc.rules.presidio import NAMED, PREDEFINED, SEARCHABLE


def test_the_entities_that_rules_know_are_those_of_presidio_s_registry() -> None:
    assert known_entities() == SEARCHABLE
    assert NAMED == NAMED_ENTITIES


def test_the_recognizers_that_rules_know_are_presidio_s_and_find_what_is_said() -> None:
    build_recognizers(
        Recognition(SEARCHABLE)
    )  # Presidio's classes are known when they are imported
    items = [{"name": name, "type": "predefined", "enabled": True} for name in PREDEFINED]
    loader: Any = RecognizerListLoader
    built = loader.get(items, ["en"], 26)
    assert {type(each).__name__: each.supported_entities for each in built} == {
        name: [entity] for name, entity in PREDEFINED.items()
    }
