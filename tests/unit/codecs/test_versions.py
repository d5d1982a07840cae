"""What is on topics outlives a release: schemas change only with their earlier versions kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from avro_bodies import avro_schema
from fastavro import parse_schema
from fastavro.schema import fingerprint, to_parsing_canonical_form

from streamproc.formats import incompatibilities
from streamproc.shipped import shipped

SCHEMAS = shipped("schemas")
VERSIONS = {
    "attributes": ["848abb243561cf54"],
    "attributes_cursor": ["774a834c0f86c542"],
    "dead_letter": ["217a837cf07d3f51"],
    "deletion": ["7fe8eecb8bc7c290"],
    "link": ["d74193be7537bb93"],
    "replay": ["969318b98ce70e2f"],
    "row": ["6c16265aa4efb664", "3fc96f38c27bede0"],
    "suppression": ["6b0af4a89f93bca3"],
}
"""Fingerprints (CRC-64-AVRO) of every version that was written, the first first. Whoever changes
a schema adds its new one, and keeps the one before in ``schemas/earlier/<name>_<number>.avsc``."""


def printed(file: Path) -> str:
    parsed = parse_schema(json.loads(file.read_text(encoding="utf-8")))
    return str(fingerprint(to_parsing_canonical_form(parsed), "CRC-64-AVRO"))


def test_every_schema_has_its_versions_written_down() -> None:
    assert {file.stem for file in SCHEMAS.glob("*.avsc")} == VERSIONS.keys()


@pytest.mark.parametrize("name", VERSIONS)
def test_a_schema_that_changed_has_its_earlier_versions_kept(name: str) -> None:
    files = [
        SCHEMAS / "earlier" / f"{name}_{number}.avsc" for number in range(1, len(VERSIONS[name]))
    ]

    found = [printed(file) for file in (*files, SCHEMAS / f"{name}.avsc")]

    assert found == VERSIONS[name], "keep the version before, and write the new one down"


@pytest.mark.parametrize("file", sorted((SCHEMAS / "earlier").glob("*.avsc")), ids=lambda f: f.stem)
def test_what_an_earlier_version_wrote_can_be_read_by_todays(file: Path) -> None:
    today = SCHEMAS / f"{file.stem.rpartition('_')[0]}.avsc"
    reader, writer = (
        avro_schema(json.loads(each.read_text(encoding="utf-8"))) for each in (today, file)
    )

    assert incompatibilities(reader, writer, "BACKWARD") == []
