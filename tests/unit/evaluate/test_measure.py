from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from streamproc.evaluate.datasets import TEXT_PATH, Case, Dataset, Gold
from streamproc.evaluate.labels import Meaning
from streamproc.evaluate.measure import ALL, Figures, measure
from streamproc.evaluate.metrics import Matches, Share, Span
from streamproc.evaluate.systems import Refused

EMAIL = Meaning("EMAIL_ADDRESS", direct=True)
PERSON = Meaning("PERSON", direct=True)
PLACE = Meaning("LOCATION", direct=False)
TITLE = Meaning("TITLE", direct=False)


class Replacing:
    """Finds and replaces the words it is told, and nothing else."""

    name = "replacing"

    def __init__(self, words: Mapping[str, str], template: str = "<{entity}>") -> None:
        self._words = words
        self._template = template

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        return [
            [
                Span(text.index(word), text.index(word) + len(word), entity)
                for word, entity in self._words.items()
                if word in text
            ]
            for text in texts
        ]

    def redact(self, bodies: Sequence[dict[str, Any]]) -> list[dict[str, Any] | Refused]:
        made: list[dict[str, Any] | Refused] = []
        for body in bodies:
            text = json.dumps(body)
            for word, entity in self._words.items():
                text = text.replace(word, self._template.format(entity=entity))
            made.append(Refused("too_large") if "refuse" in body else json.loads(text))
        return made


def text_case(text: str, *groups: str, **known: Meaning) -> Case:
    gold = tuple(
        Gold(TEXT_PATH, text.index(word), text.index(word) + len(word), word.upper(), meaning)
        for word, meaning in known.items()
    )
    return Case({"type": "track", "properties": {"text": text}}, gold, (), groups)


def of_texts(*cases: Case) -> Dataset:
    return Dataset("texts", "sentences", cases)


def of_events(*cases: Case) -> Dataset:
    return Dataset("events", "events", cases)


def figures(dataset: Dataset, **words: str) -> Figures:
    return measure(dataset, Replacing(words))


# -- leaks ----------------------------------------------------------------------------------------


def test_a_value_that_is_left_is_a_leak() -> None:
    measured = figures(of_texts(text_case("Jane met Rosa", Jane=PERSON, Rosa=PERSON)), Jane="X")

    assert measured.leaks == {ALL: Share(1, 1)}
    assert measured.leaked_labels["ROSA"] == 1
    assert measured.leaked_labels["JANE"] == 0


def test_nothing_leaks_where_all_is_replaced() -> None:
    measured = figures(of_texts(text_case("by Jane", Jane=PERSON)), Jane="PERSON")

    assert measured.leaks == {ALL: Share(0, 1)}
    assert measured.entities["PERSON"].removed == Share(1, 1)


def test_a_place_that_is_left_is_no_leak() -> None:
    measured = figures(of_texts(text_case("in Springfield", Springfield=PLACE)))

    assert measured.leaks == {}
    assert measured.entities["LOCATION"].removed == Share(0, 1)


def test_leaks_are_counted_by_group() -> None:
    cases = [
        text_case("by Jane", "bidi", Jane=PERSON),
        text_case("by Rosa", "bidi", "English", Rosa=PERSON),
    ]

    assert figures(of_texts(*cases), Jane="X").leaks == {
        ALL: Share(1, 2),
        "bidi": Share(1, 2),
        "English": Share(1, 1),
    }


def test_what_is_refused_is_counted_and_is_no_success() -> None:
    refused = text_case("by Jane", Jane=PERSON)
    refused.body["refuse"] = True

    measured = figures(of_texts(refused), Jane="X")

    assert measured.refused == {"too_large": 1}
    assert measured.leaks == {}


# -- spans ----------------------------------------------------------------------------------------


def test_findings_are_counted_by_entity() -> None:
    case = text_case("Jane met Rosa", Jane=PERSON, Rosa=PERSON)
    measured = figures(of_texts(case), Jane="PERSON", met="PERSON").entities["PERSON"]

    assert measured.overlapped == Share(1, 2)
    assert measured.covered == Share(1, 2)
    assert measured.precise == Share(1, 2)


def test_a_span_is_covered_though_signs_in_it_are_not() -> None:
    case = text_case("ask R.Diaz", **{"R.Diaz": PERSON})
    measured = figures(of_texts(case), R="PERSON", Diaz="PERSON").entities["PERSON"]

    assert measured.covered == Share(1, 1)


def test_a_finding_of_another_kind_covers_and_is_not_precise() -> None:
    measured = figures(of_texts(text_case("by Jane", Jane=PERSON)), Jane="LOCATION").entities

    assert measured["PERSON"].covered == Share(1, 1)
    assert measured["LOCATION"].precise == Share(0, 1)


def test_an_address_taken_for_a_place_is_precise() -> None:
    address = Meaning("ADDRESS", direct=True)
    measured = figures(
        of_texts(text_case("in Springfield", Springfield=address)), Springfield="LOCATION"
    )

    assert measured.entities["LOCATION"].precise == Share(1, 1)
    assert measured.entities["ADDRESS"].overlapped == Share(1, 1)


def test_titles_do_not_count_where_any_personal_data_does() -> None:
    measured = figures(of_texts(text_case("Frau Jane", Frau=TITLE, Jane=PERSON)), Jane="PERSON")

    assert measured.spans == Matches(1, 1, 1)


# -- events ---------------------------------------------------------------------------------------


def event_case() -> Case:
    body = {
        "type": "track",
        "event": "Test Run",
        "messageId": "m-1",
        "traits": {"firstName": "Test", "plan": "pro", "email": "a@example.com"},
    }
    gold = (
        Gold(("traits", "firstName"), 0, 4, "PERSON", PERSON, hinted=True),
        Gold(("traits", "email"), 0, 13, "EMAIL_ADDRESS", EMAIL, hinted=True),
    )
    return Case(body, gold, (("event",), ("traits", "plan")))


def test_events_have_no_spans_and_their_fields_are_told() -> None:
    measured = figures(of_events(event_case()), **{"a@example.com": "EMAIL_ADDRESS"})

    assert measured.spans is None
    assert measured.hinted == Share(1, 2)
    assert measured.leaked_labels["PERSON"] == 1


def test_a_name_that_is_a_common_word_elsewhere_is_no_leak() -> None:
    # In traits.firstName it is gone; "Test Run" is a field known to hold nothing personal.
    case = event_case()
    written = {'"firstName": "Test"': '"firstName": "-"', "a@example.com": "-"}

    measured = measure(of_events(case), Replacing(written, "{entity}"))

    assert measured.leaks == {ALL: Share(0, 1)}
    assert measured.hinted == Share(2, 2)


@pytest.mark.parametrize(("word", "changed", "fixed"), [("pro", 1, 0), ("Run", 1, 1)])
def test_changes_without_need_are_counted(word: str, changed: int, fixed: int) -> None:
    measured = figures(of_events(event_case()), **{word: "PERSON"})

    assert measured.changed == Share(changed, 2)
    assert measured.fixed == Share(fixed, 3)


def test_progress_is_told_case_by_case() -> None:
    told: list[int] = []
    dataset = of_texts(*[text_case("by Jane", Jane=PERSON)] * 250)

    measure(dataset, Replacing({}), told.append)

    assert sum(told) == 250
    assert len(told) > 1
