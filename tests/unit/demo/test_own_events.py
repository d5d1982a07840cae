from __future__ import annotations

from pathlib import Path

import pytest

from streamproc.demo.own_events import read_events
from streamproc.errors import ConfigError


def test_values_under_personal_keys_count_as_planted(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(
        '{"type":"track","messageId":"m1","anonymousId":"a1","context":{"traits":'
        '{"E-Mail":"kenji@example.com","first_name":"Kenji","plan":"gratis"}},'
        '"properties":{"contacts":[{"phoneNumber":"212-555-0143"}],"ip":"::1"}}\n'
    )

    (record,) = read_events(file)

    assert record.key == b"a1"
    assert [(each.kind, each.path) for each in record.planted] == [
        ("email", "context.traits.E-Mail"),
        ("person", "context.traits.first_name"),
        ("phone", "properties.contacts[0].phoneNumber"),
    ]
    assert {each.message_id for each in record.planted} == {"m1"}


def test_lines_that_are_no_events_are_published_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b'not json\n\n[1]\n{"type":"track"}\n')

    records = read_events(file)

    assert [record.value for record in records] == [b"not json", b"[1]", b'{"type":"track"}']
    assert [record.malformed for record in records] == [True, True, False]


@pytest.mark.parametrize("content", [None, b"", b"\n\n"])
def test_a_file_without_events_is_a_problem_of_the_settings(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "events.jsonl"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigError):
        read_events(file)
