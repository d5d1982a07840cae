"""For every recognizer Presidio ships, texts made to provoke it: our findings are Presidio's."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parity.comparison import Comparison, Sourced
from parity.generator import Generator
from parity.recognitions import EVERYTHING, generator, strict
from presidio_reference import Reference, found, told

from streamproc.detect import Detector, Recognition, Text
from streamproc.detect.definitions import Custom, WrittenPattern
from streamproc.detect.recognizers import build_recognizers, name_of

pytestmark = pytest.mark.timeout(900)  # compiling all of Presidio's patterns takes a minute, once

PAIRS = 200_000
SEED = 1

TEXTS = generator(SEED)
"""Texts are the same in every run; ``make parity`` takes a new seed each time."""


def made(indexes: range) -> list[Sourced]:
    return [Sourced(f"seed {SEED} index {index}", TEXTS.text(index)) for index in indexes]


@pytest.fixture(scope="module")
def everything(patterns: Path) -> Comparison:
    return Comparison(EVERYTHING, patterns)


def test_findings_equal_presidios_for_every_recognizer(
    everything: Comparison, patterns: Path
) -> None:
    thresholds = Comparison(strict(TEXTS), patterns)

    everything.compare(made(range(1150)))
    thresholds.compare(made(range(1150, 2300)))

    assert everything.pairs + thresholds.pairs >= PAIRS
    assert everything.differences + thresholds.differences == []
    names = {name_of(recognizer) for recognizer in build_recognizers(EVERYTHING)}
    assert len(names) >= 94
    assert {name for name, tally in everything.tallies.items() if tally.findings} == names


def test_reading_texts_in_a_batch_changes_nothing_of_presidios_answer(
    everything: Comparison,
) -> None:
    texts = [sourced.text for sourced in made(range(5000, 5150))]
    batched = [told(answer.results) for answer in everything.reference.answers(texts)]
    assert batched == [everything.reference.expected(text) for text in texts]


def test_allowed_values_are_not_found_and_all_others_are(patterns: Path) -> None:
    allowed, text = frozenset({"jane@example.com"}), Text("jane@example.com joe@example.com")
    entities = frozenset({"EMAIL_ADDRESS"})
    detector = Detector(Recognition(entities, allow=allowed), cache=patterns)
    ((finding,),) = detector.analyze([text])
    assert text.value[finding.start : finding.end] == "joe@example.com"


@pytest.mark.parametrize("thresholds", [{"default": 0.3}, {"TAG": 0.3}, {"TAG": 0.7}, {}])
def test_recognizers_own_thresholds_are_presidios(
    patterns: Path, thresholds: dict[str, float]
) -> None:
    tag = Custom(
        "Tags",
        "TAG",
        (WrittenPattern("weak", r"\btag-\d+\b", 0.2), WrittenPattern("strong", r"#\d+\b", 0.6)),
        context=("label",),
        score_thresholds=tuple(thresholds.items()),
    )
    recognition = Recognition(frozenset({"TAG", "UK_NHS"}), 0.5, own=(tag,))
    texts = [Text("tag-1 label tag-2 #3"), Text("tag-4 #5"), Text("tag-6", ("label",))]
    reference, detector = Reference(recognition), Detector(recognition, cache=patterns)
    expected = [reference.expected(text) for text in texts]
    assert [found(findings) for findings in detector.analyze(texts)] == expected
    assert any(expected)


def test_match_stands_where_presidios_validation_raises(patterns: Path) -> None:
    recognition = Recognition(frozenset({"IT_FISCAL_CODE"}))
    text = Text("RSSMRA85T10A562S".replace("S", "\u212a", 1))  # K for Italy's pattern, KeyError
    with pytest.raises(KeyError):
        Reference(recognition).expected(text)
    ((finding,),) = Detector(recognition, cache=patterns).analyze([text])
    assert (finding.start, finding.end, finding.score) == (0, 16, 0.3)  # its pattern's score


@pytest.fixture(scope="module")
def detector(patterns: Path) -> Detector:
    return Detector(EVERYTHING, cache=patterns)


WORDS = sorted({word for words in TEXTS.words for word in words})
PIECES = st.one_of(
    st.sampled_from(sorted({value for values in TEXTS.samples for value in values})),
    st.sampled_from(WORDS),
    st.text(st.characters(codec="utf-8"), max_size=12),
)
GAPS = st.sampled_from([" ", " ", "", "\n", "-", ": "])


@given(
    texts=st.lists(
        st.builds(
            Text,
            st.builds(str.join, GAPS, st.lists(PIECES, max_size=7)),
            st.lists(st.sampled_from(WORDS).map(str.lower), max_size=2).map(tuple),
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=250, deadline=None)
def test_findings_equal_presidios_on_any_text(
    everything: Comparison, detector: Detector, texts: Sequence[Text]
) -> None:
    answers = everything.reference.answers(texts)
    for findings, answer in zip(detector.analyze(texts), answers, strict=True):
        names = set(map(name_of, answer.recognizers))
        assert found([f for f in findings if f.recognizer in names]) == told(answer.results)


def test_generator_makes_the_same_text_again() -> None:
    again = Generator(build_recognizers(Recognition(frozenset({"UK_NHS", "CRYPTO"}))), SEED)
    once = Generator(build_recognizers(Recognition(frozenset({"UK_NHS", "CRYPTO"}))), SEED)
    texts = [again.text(index) for index in range(50)]
    assert texts == [once.text(index) for index in range(50)]
    assert any(left != right for left, right in pairwise(texts))


def test_comparison_tells_every_finding_that_one_side_lacks(patterns: Path) -> None:
    entities = frozenset({"UK_NHS", "CRYPTO"})
    texts = Generator(build_recognizers(Recognition(entities)), SEED)
    sourced = [Sourced(f"index {index}", texts.text(index)) for index in range(200)]
    comparison = Comparison(Recognition(entities), patterns)
    comparison._detector = Detector(Recognition(frozenset({"UK_NHS"})), cache=patterns)

    comparison.compare(sourced)

    tally = comparison.tallies["CryptoRecognizer"]
    assert tally.differences == tally.findings == len(comparison.differences) > 0
    assert comparison.tallies["NhsRecognizer"].differences == 0
    assert all(difference.by == "Presidio" for difference in comparison.differences)
    said = " ".join(map(str, comparison.differences))
    assert not any(value in said for values in texts.samples for value in values)
