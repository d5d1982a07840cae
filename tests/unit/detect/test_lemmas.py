import pytest
import spacy
from spacy.language import Language

from streamproc.detect.lemmas import ContextWords, supporting_strings
from streamproc.detect.texts import NameModel


@pytest.fixture(scope="module")
def nlp() -> Language:
    return spacy.load(NameModel().spacy, exclude=["parser", "ner"])


@pytest.mark.parametrize("text", ["date", "dating", "she dated him", "birth-dates", "updates"])
def test_inflected_forms_of_a_context_word_are_seen(nlp: Language, text: str) -> None:
    assert supporting_strings(nlp, ["date"]).search(text)


@pytest.mark.parametrize("text", ["", "jane", "2023-01-01", "day of birth"])
def test_texts_without_any_form_are_not(nlp: Language, text: str) -> None:
    assert not supporting_strings(nlp, ["date"]).search(text)


def test_irregular_and_attributed_forms_are_seen(nlp: Language) -> None:
    assert supporting_strings(nlp, ["mouse"]).search("three mice")
    assert supporting_strings(nlp, ["have"]).search("she's had it")


@pytest.mark.parametrize(
    "text",
    [
        "The cellphones were called by mobiles numbering the telephones.",
        "Dated birthdays, dating dates; updates",
        "accounts' checking was banked, saving routed by the taxpayers",
        "licences, licensed drivers permitting identifications",
    ],
)
def test_no_lemma_holds_a_context_word_that_was_not_foreseen(nlp: Language, text: str) -> None:
    words = ["date", "birthday", "phone", "number", "call", "cell", "account", "check", "tax"]
    words += ["driver", "license", "permit", "save", "bank", "rout"]
    lemmas = [token.lemma_.lower() for token in nlp(text)]
    for word in words:
        if any(word in lemma for lemma in lemmas):
            assert supporting_strings(nlp, [word]).search(text.lower())


def test_every_text_is_seen_without_a_lemmatizer_made_of_rules() -> None:
    other = spacy.blank("en")
    other.add_pipe("lemmatizer", config={"mode": "lookup"})
    assert supporting_strings(other, ["date"]).search("jane")


def test_no_text_supports_a_recognizer_without_context_words(nlp: Language) -> None:
    assert not supporting_strings(nlp, []).search("the date")


@pytest.mark.parametrize(
    ("word", "raises"),
    [
        ("phone", True),
        ("Phones", True),
        ("number", True),
        ("call", False),  # a stop word, as is its lemma
        ("jane", False),
        ("415", False),
        ("mice", None),  # mouse only as a noun
        ("phone2", None),
        ("called", None),
    ],
)
def test_a_word_is_told_by_all_the_lemmas_it_can_have(
    nlp: Language, word: str, raises: bool | None
) -> None:
    assert ContextWords(nlp, ["phone", "number", "call", "mouse"]).raises(word) is raises


def test_no_word_is_sure_without_a_lemmatizer_made_of_rules() -> None:
    other = spacy.blank("en")
    other.add_pipe("attribute_ruler")
    other.add_pipe("lemmatizer", config={"mode": "lookup"})
    assert ContextWords(other, ["phone"]).raises("phone") is None
