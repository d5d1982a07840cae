from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streamproc.errors import ConfigError
from streamproc.evaluate.datasets import TEXT_PATH, Dataset, read_dataset

SENTENCE = {
    "full_text": "Jane Roe lives in Springfield.",
    "masked": "{{PERSON}} lives in {{GPE}}.",
    "spans": [
        {"entity_type": "GPE", "start_position": 18, "end_position": 29},
        {"entity_type": "PERSON", "start_position": 0, "end_position": 8},
    ],
    "template_id": 1,
}
DOCUMENT = {
    "id": "d-1",
    "text": "GET /api/user?email=jane.roe%40example.com",
    "language": "en",
    "document_type": None,
    "adversarial_type": "url_encoding",
    "template_hash": "f00d",
    "spans": [{"entity_type": "EMAIL_ADDRESS", "start": 20, "end": 42}],
}
POST = {
    "id": "p-1",
    "text": "Jane is here",
    "spans": [{"entity_type": "person", "start": 0, "end": 4}],
}
EVENT: dict[str, Any] = {
    "id": "e-1",
    "event": {"userId": "u-1", "traits": {"firstName": "Jane", "age": 41, "plan": ""}},
    "leaves": [
        {"path": ["userId"], "label": "ONLINE_ID", "basis": "key"},
        {"path": ["traits", "firstName"], "label": "PERSON", "basis": "key"},
        {"path": ["traits", "age"], "label": "AGE", "basis": "key"},
        {"path": ["traits", "plan"], "label": "NONE", "basis": "empty_or_bool"},
        {"path": ["traits", "other"], "label": "REVIEW", "basis": "unlisted_key"},
    ],
}
RECOGNIZER_CASE = {"recognizer": "IpRecognizer", "text": "192.0.2.1", "spans": [[0, 9]]}


def read(folder: Path, *records: Any, limit: int | None = None) -> Dataset | None:
    file = folder / "some.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return read_dataset(file, limit)


def known(dataset: Dataset | None) -> list[tuple[str, str, bool]]:
    """Return value, entity and directness of everything labelled."""
    assert dataset is not None
    return [
        (case.value(gold), gold.meaning.entity, gold.meaning.direct)
        for case in dataset.cases
        for gold in case.gold
    ]


def test_sentences_become_track_events_with_their_spans_in_order(tmp_path: Path) -> None:
    dataset = read(tmp_path, SENTENCE)

    assert known(dataset) == [("Jane Roe", "PERSON", True), ("Springfield", "LOCATION", False)]
    assert dataset is not None
    assert dataset.name == "some"
    assert dataset.of_texts
    (case,) = dataset.cases
    assert case.body["type"] == "track"
    assert case.body["properties"] == {"text": SENTENCE["full_text"]}
    assert case.gold[0].path == TEXT_PATH


def test_documents_are_counted_by_attack_and_language_too(tmp_path: Path) -> None:
    dataset = read(tmp_path, DOCUMENT, {**DOCUMENT, "adversarial_type": None, "language": "de"})

    assert known(dataset)[0] == ("jane.roe%40example.com", "EMAIL_ADDRESS", True)
    assert dataset is not None
    assert [case.groups for case in dataset.cases] == [
        ("url_encoding", "English"),
        ("other languages",),
    ]


def test_what_was_masked_before_is_no_direct_identifier(tmp_path: Path) -> None:
    spans = [{"entity_type": "PERSON_NAME", "start": 3, "end": 15}]
    masked = {**DOCUMENT, "text": "by J**** R*****", "spans": spans}

    assert known(read(tmp_path, masked)) == [("J**** R*****", "PERSON", False)]


def test_posts_are_read(tmp_path: Path) -> None:
    assert known(read(tmp_path, POST)) == [("Jane", "PERSON", True)]


def test_events_keep_what_they_have_and_get_what_the_spec_requires(tmp_path: Path) -> None:
    dataset = read(tmp_path, EVENT)

    assert dataset is not None
    (case,) = dataset.cases
    assert case.body == {**EVENT["event"], "type": "identify", "messageId": "case-0"}
    assert case.clean == (("traits", "plan"),)
    assert not dataset.of_texts


def test_leaves_that_nobody_decided_are_not_labelled(tmp_path: Path) -> None:
    assert known(read(tmp_path, EVENT)) == [
        ("u-1", "ONLINE_ID", False),
        ("Jane", "PERSON", True),
        ("41", "AGE", False),
    ]


@pytest.mark.parametrize(
    ("body", "added"),
    [
        ({"event": "Seen"}, {"type": "track", "anonymousId": "anonymous-0"}),
        ({"userId": "u"}, {"type": "track", "event": "Unnamed"}),
        ({"previousId": "p"}, {"type": "alias", "userId": "user-0"}),
        ({"type": "group", "userId": "u"}, {"groupId": "group-0"}),
        ({"type": "page", "userId": "u", "messageId": "m"}, {}),
    ],
)
def test_an_event_is_completed_by_its_type(
    body: dict[str, Any], added: dict[str, Any], tmp_path: Path
) -> None:
    dataset = read(tmp_path, {"event": body, "leaves": []})

    assert dataset is not None
    assert dataset.cases[0].body == {"messageId": "case-0", **body, **added}


def test_the_first_records_are_read_where_there_is_a_limit(tmp_path: Path) -> None:
    dataset = read(tmp_path, POST, POST, POST, limit=2)

    assert dataset is not None
    assert len(dataset.cases) == 2


@pytest.mark.parametrize("record", [RECOGNIZER_CASE, {"a": 1}, [1], "text"])
def test_another_format_is_left_out(record: Any, tmp_path: Path) -> None:
    assert read(tmp_path, record) is None


def test_a_record_of_another_format_is_told_without_its_values(tmp_path: Path) -> None:
    secret = {"text": "jane.roe@example.com", "spans": [{"entity_type": "jane.roe@example.com"}]}

    with pytest.raises(ConfigError) as caught:
        read(tmp_path, POST, secret)

    assert "jane" not in str(caught.value)


def test_what_is_no_json_is_told_with_its_line_and_without_its_values(tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text("{}\n\njane.roe@example.com\n", encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        read_dataset(file)

    assert str(caught.value) == f"{file}:3: is not JSON"


def test_a_case_does_not_show_its_values(tmp_path: Path) -> None:
    dataset = read(tmp_path, EVENT)

    assert dataset is not None
    assert "Jane" not in repr(dataset.cases)
