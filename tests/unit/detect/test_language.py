import pytest

from streamproc.detect import Recognition
from streamproc.detect.language import LanguageModel
from streamproc.detect.recognizers import build_language_engine

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
    return LanguageModel(build_language_engine(Recognition(frozenset({"PERSON"}))), "en")


def test_lemmas_alone_are_those_of_the_whole_model(model: LanguageModel) -> None:
    with model.memory():
        alone = [(read.lemmas, read.keywords, read.tokens_indices) for read in model.lemmas(TEXTS)]
        whole = [(read.lemmas, read.keywords, read.tokens_indices) for read in model.read(TEXTS)]
    assert alone == whole


def test_a_batch_reads_as_its_texts_do_one_by_one(model: LanguageModel) -> None:
    def named(texts: list[str]) -> list[list[tuple[int, int, str]]]:
        with model.memory():
            return [
                [(span.start_char, span.end_char, span.label_) for span in read.entities]
                for read in model.read(texts)
            ]

    assert named(TEXTS * 20) == [named([text])[0] for text in TEXTS] * 20


def test_words_of_a_batch_are_forgotten_after_it(model: LanguageModel) -> None:
    with model.memory():
        list(model.read(["qwxyzzy went home with her"]))
    assert "qwxyzzy" not in model.nlp.vocab.strings


@pytest.mark.timeout(20)
@pytest.mark.parametrize("sign", [",", "=", "\U0001f600", ").", "'s"])
def test_signs_in_a_row_stop_nothing_and_hide_nothing(model: LanguageModel, sign: str) -> None:
    text = f"Please call Jane Miller. {sign * 16_000} She knows Bob Smith of Paris."
    with model.memory():
        (read,) = model.read([text])
        named = {text[span.start_char : span.end_char] for span in read.entities}
    assert named >= {"Jane Miller", "Bob Smith", "Paris"}
