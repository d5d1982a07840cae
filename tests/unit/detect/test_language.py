import json
from dataclasses import replace
from pathlib import Path

import pytest
import spacy

from streamproc.detect import Recognition
from streamproc.detect.language import LanguageModel, build_language_engine, describe_models
from streamproc.detect.texts import NameModel
from streamproc.errors import ConfigError

RECOGNITION = Recognition(frozenset({"PERSON", "LOCATION"}))
MODEL = RECOGNITION.names.spacy
TEXTS = [
    "Please call Jane Miller, she's licensed and has dated the forms.",
    "have u ever been to chicago? he'd said he does",
    "I like what's happening. It's Bob's account; that has been checked!",
    "Order Completed",
    "2125550123",
    "",
]


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel(RECOGNITION)


def asking(**names: str) -> Recognition:
    return replace(RECOGNITION, names=NameModel(**names))  # type: ignore[arg-type]  # the engine


def problems(recognition: Recognition) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        LanguageModel(recognition)
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


def test_lemmas_are_those_of_the_models_own_pipeline(model: LanguageModel) -> None:
    with model.memory():
        lemmas = [(read.lemmas, read.tokens_indices) for read in model.lemmas(TEXTS)]
    whole = spacy.load(MODEL)
    assert lemmas == [
        ([word.lemma_ for word in doc], [word.idx for word in doc]) for doc in whole.pipe(TEXTS)
    ]


def test_names_are_those_of_presidios_engine(model: LanguageModel) -> None:
    engine = build_language_engine(RECOGNITION)
    expected = [
        [
            (span.start_char, span.end_char, span.label_, score)
            for span, score in zip(read.entities, read.scores, strict=True)
            if span.label_ in RECOGNITION.entities
        ]
        for read in (engine.process_text(text, "en") for text in TEXTS)
    ]
    with model.memory():
        names = [[tuple(found[:4]) for found in named] for named in model.names(TEXTS)]
    assert names == expected
    assert sum(map(len, names)) >= 2


def test_names_that_are_not_wanted_are_left_out() -> None:
    places = LanguageModel(Recognition(frozenset({"LOCATION"})))
    (named,) = places.names(["Jane Miller moved from Berlin to Paris."])
    assert {found.entity for found in named} == {"LOCATION"}


def test_words_of_a_batch_are_forgotten_after_it(model: LanguageModel) -> None:
    with model.memory():
        list(model.names(["qwxyzzy went home with her"]))
        list(model.lemmas(["plughxyzzy went home with him"]))
    assert "qwxyzzy" not in model.nlp.vocab.strings
    assert "plughxyzzy" not in model.nlp.vocab.strings


def test_what_is_found_is_the_same_when_the_vocabulary_was_made_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = LanguageModel(RECOGNITION)
    with model.memory():
        before = list(model.names(TEXTS)), [read.lemmas for read in model.lemmas(TEXTS)]
    assert len(model.nlp.vocab) > 0
    monkeypatch.setattr("streamproc.detect.language._VOCABULARY_ENTRIES", 0)
    for _ in range(3):
        with model.memory():
            again = list(model.names(TEXTS)), [read.lemmas for read in model.lemmas(TEXTS)]
        assert again == before
        assert len(model.nlp.vocab) == 0


@pytest.mark.timeout(20)
@pytest.mark.parametrize("sign", [",", "=", "\U0001f600", ").", "'s"])
def test_signs_in_a_row_stop_nothing_and_hide_nothing(model: LanguageModel, sign: str) -> None:
    text = f"Please call Jane Miller. {sign * 16_000} She knows Bob Smith of Paris."
    with model.memory():
        (named,) = model.names([text])
    assert {text[found.start : found.end] for found in named} >= {"Jane Miller", "Bob Smith"}


def test_organizations_are_found_only_where_wanted() -> None:
    with_them = build_language_engine(Recognition(frozenset({"ORGANIZATION"})))
    assert "ORGANIZATION" in with_them.get_supported_entities()
    assert "ORGANIZATION" not in build_language_engine(RECOGNITION).get_supported_entities()


def test_a_model_that_is_not_installed_is_a_problem_of_the_settings() -> None:
    assert problems(asking(spacy="en_core_web_none")) == [
        "detect.spacy_model: en_core_web_none: expected an installed package or a folder"
    ]


def test_a_folder_without_a_model_is_a_problem_of_the_settings(tmp_path: Path) -> None:
    assert problems(asking(spacy=str(tmp_path))) == [
        f"detect.spacy_model: {tmp_path}: cannot be loaded as a language model"
    ]


def test_a_pipeline_that_finds_no_lemmas_or_names_is_refused(tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path)
    (problem,) = problems(asking(spacy=str(tmp_path)))
    assert problem.endswith("this model has no attribute_ruler and no lemmatizer and no ner")


def test_a_model_can_be_a_folder(tmp_path: Path, model: LanguageModel) -> None:
    spacy.load(MODEL).to_disk(tmp_path / "model")
    same = LanguageModel(asking(spacy=str(tmp_path / "model")))
    assert list(same.names(TEXTS)) == list(model.names(TEXTS))


@pytest.mark.parametrize("engine", ["transformers", "gliner"])
def test_an_engine_that_is_not_installed_says_what_to_install(engine: str, tmp_path: Path) -> None:
    (problem,) = problems(asking(engine=engine, weights=str(tmp_path)))
    assert problem.startswith("detect.engine: this engine is not installed; run pip install")
    assert problem.endswith(f"'presidio-analyzer[{engine}]'")


def test_an_engine_without_the_folder_of_its_model_says_so(tmp_path: Path) -> None:
    missing = asking(engine="gliner", weights=str(tmp_path / "none"))
    assert problems(missing)[-1] == "detect.names_model: expected the folder of a model for gliner"


def test_models_are_told_apart_by_version_or_by_what_is_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text(json.dumps({"version": 1}), encoding="utf-8")
    folder = NameModel(spacy=str(tmp_path))
    before = describe_models(folder)
    (tmp_path / "meta.json").write_text(json.dumps({"version": 2}), encoding="utf-8")
    assert describe_models(folder) != before
    assert f"{MODEL} 3.8.0" in describe_models(NameModel())
