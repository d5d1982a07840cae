from __future__ import annotations

import json
from pathlib import Path

import pytest
from avro_bodies import record_of

from streamproc.errors import ConfigError
from streamproc.formats import load_schema_folder

EVENT = record_of(type="string")


def test_a_folder_is_its_schemas_by_name_and_by_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "event.avsc").write_text(json.dumps(EVENT))
    (tmp_path / "plain.json").write_text('{"type":"object"}')
    (tmp_path / "README.md").write_text("About them.")
    (tmp_path / "earlier").mkdir()
    (tmp_path / "earlier" / "event-1.avsc").write_text(json.dumps(record_of()))

    found = load_schema_folder(tmp_path)

    assert [(each.name, each.declared.kind) for each in found.files] == [
        ("example.Event", "AVRO"),
        ("plain", "JSON"),
    ]
    assert list(found.readers) == ["example.Event"]
    assert len(found.known) == 2


def test_its_fingerprint_is_that_of_what_events_are_wanted_in(tmp_path: Path) -> None:
    (tmp_path / "event.avsc").write_text(json.dumps(EVENT))
    before = load_schema_folder(tmp_path).fingerprint
    (tmp_path / "earlier").mkdir()
    (tmp_path / "earlier" / "event-1.avsc").write_text(json.dumps(record_of()))
    assert load_schema_folder(tmp_path).fingerprint == before

    (tmp_path / "event.avsc").write_text(json.dumps(record_of(type="string", name="string")))
    assert load_schema_folder(tmp_path).fingerprint != before


def test_every_problem_of_every_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.avsc").write_text(json.dumps(EVENT))
    (tmp_path / "b.avsc").write_text(json.dumps(EVENT))
    (tmp_path / "c.avsc").write_text("{")
    (tmp_path / "d.avsc").write_text('"string"')
    (tmp_path / "e.avsc").write_bytes(b"\xff")
    (tmp_path / "f.txt").write_text("")
    (tmp_path / "g.avsc").write_text(json.dumps([EVENT]))

    with pytest.raises(ConfigError) as refused:
        load_schema_folder(tmp_path)

    told = {Path(each.source).name: each.message for each in refused.value.problems}
    assert sorted(told) == ["b.avsc", "c.avsc", "d.avsc", "e.avsc", "f.txt", "g.avsc"]
    assert "another schema of example.Event" in told["b.avsc"]
    assert "is no Avro schema" in told["c.avsc"]
    assert "events are objects" in told["d.avsc"]
    assert "not a union" in told["g.avsc"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_schema_folder(tmp_path / "missing")
