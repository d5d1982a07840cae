"""``streamproc scan`` and ``streamproc eval``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from commands import run

from streamproc.canaries.leaks import Finder
from streamproc.demo import generate
from streamproc.shipped import shipped

EMAIL = "jane.roe@example.com"
ENTITIES = {
    "address": {"ADDRESS", "LOCATION"},
    "birth_date": {"DATE_OF_BIRTH"},
    "card": {"CREDIT_CARD"},
    "email": {"EMAIL_ADDRESS"},
    "iban": {"IBAN_CODE"},
    "ip": {"IP_ADDRESS"},
    "person": {"PERSON"},
    "phone": {"PHONE_NUMBER"},
    "ssn": {"NATIONAL_ID", "US_SSN"},
}
"""What an inventory may call each kind of planted value."""


@pytest.fixture
def environment(pytestconfig: pytest.Config) -> dict[str, str]:
    assert pytestconfig.cache
    return {"STREAMPROC_WORKER_DIRECTORY": str(pytestconfig.cache.mkdir("patterns"))}


def jsonl(*records: Any) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def contacts() -> bytes:
    return jsonl(
        *(
            {
                "type": "track",
                "event": "Tested",
                "userId": f"u-{number}",
                "properties": {"reach": f"someone{number}@example.com"},
            }
            for number in range(9)
        )
    )


# -- scan -----------------------------------------------------------------------------------------


def test_an_inventory_has_everything_that_was_planted_and_no_value(
    environment: dict[str, str], tmp_path: Path
) -> None:
    records = [record for record in generate(250, seed=7) if not record.malformed]
    given = b"\n".join(record.value for record in records)

    done = run(environment, tmp_path, "scan", "--json", given=given)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    planted = [each for record in records for each in record.planted]
    assert Finder(planted).find(done.stdout) == []
    assert told["records"] == len(records)
    places = {(row["path"], row["entity"]) for row in told["found"]}
    expected = {(re.sub(r"\[\d+\]", "", each.path), each.kind) for each in planted}
    assert {where for where in expected if not _is_among(places, *where)} == set()


def _is_among(places: set[tuple[str, str]], path: str, kind: str) -> bool:
    # An address is one field or an object of fields, and may be decided at either.
    return any(
        entity in ENTITIES[kind] and (path == place or path.startswith(f"{place}."))
        for place, entity in places
    )


def test_rules_are_proposed_with_cases_that_pass(
    environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "proposed" / "own.yaml"

    done = run(environment, tmp_path, "scan", "--propose", file, given=contacts())

    assert done.returncode == 0, done.stderr
    assert b"properties.reach: 100% of 9 values are EMAIL_ADDRESS as a whole." in done.stdout
    assert b"1 field proposed" in done.stderr
    assert "jane.roe@example.com" in (file.parent / "tests" / "own.yaml").read_text()
    present = (shipped("rules") / "default.yaml").read_text()
    assert set(present.splitlines()) <= set(file.read_text().splitlines())
    again = run(environment, tmp_path, "scan", "--rules", file, "--json", given=contacts())
    (row,) = json.loads(again.stdout)["found"]
    assert (row["step"], row["rule"]) == ("whole field", "scanned-email-address")


def test_a_file_that_is_there_is_not_written_over(
    environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("mine")

    done = run(environment, tmp_path, "scan", "--propose", file, given=contacts())

    assert (done.returncode, done.stdout) == (2, b"")
    assert b"own.yaml: is there already; not written over" in done.stderr
    assert file.read_text() == "mine"


def test_nothing_is_written_where_nothing_is_proposed(
    environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "own.yaml"

    done = run(environment, tmp_path, "scan", "--propose", file, given=jsonl({"note": "none"}))

    assert (done.returncode, b"nothing is proposed" in done.stderr) == (0, True)
    assert not file.exists()


def test_lines_that_are_not_scanned_are_told_and_the_exit_code_says_so(
    environment: dict[str, str], tmp_path: Path
) -> None:
    done = run(environment, tmp_path, "scan", given=jsonl({"to": EMAIL}) + b'{"to": "jane.roe\n')

    assert done.returncode == 3
    assert b"1 line not scanned: not_json." in done.stderr
    assert b"EMAIL_ADDRESS" in done.stdout
    assert b"jane" not in done.stdout + done.stderr


# -- eval -----------------------------------------------------------------------------------------


def post(text: str, value: str, label: str) -> dict[str, Any]:
    start = text.index(value)
    span = {"entity_type": label, "start": start, "end": start + len(value)}
    return {
        "text": text,
        "spans": [span],
        "template_hash": "f00d",
        "adversarial_type": "plain",
        "language": "en",
    }


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    records = [
        post(f"write to {EMAIL} please", EMAIL, "EMAIL_ADDRESS"),
        post("the word is xyzzy here", "xyzzy", "PASSWORD"),
    ]
    (folder / "documents.jsonl").write_bytes(jsonl(*records))
    (folder / "other.jsonl").write_bytes(jsonl({"recognizer": "x", "text": "", "spans": []}))
    return folder


def test_a_leak_is_counted_for_both_systems(
    environment: dict[str, str], tmp_path: Path, data: Path
) -> None:
    done = run(environment, tmp_path, "eval", "--data", data, "--json")

    assert done.returncode == 0, done.stderr
    assert b"other.jsonl is left out" in done.stderr
    systems = json.loads(done.stdout)["documents"]["systems"]
    assert list(systems) == ["streamproc", "Presidio's default"]
    for figures in systems.values():
        assert figures["leaks"]["all"]["count"] == 1
        assert figures["leaks"]["plain"]["total"] == 2
        assert figures["leaked_values"] == {"PASSWORD": 1}
        assert figures["entities"]["EMAIL_ADDRESS"]["covered"]["value"] == 1.0


def test_tables_hold_no_value(environment: dict[str, str], tmp_path: Path, data: Path) -> None:
    done = run(environment, tmp_path, "eval", data / "documents.jsonl", "--no-baseline")

    assert done.returncode == 0, done.stderr
    assert b"1 of 2: 50.00%" in done.stdout
    assert b"jane" not in done.stdout
    assert b"xyzzy" not in done.stdout


def test_data_that_is_not_there_is_told(environment: dict[str, str], tmp_path: Path) -> None:
    done = run(environment, tmp_path, "eval", "--data", tmp_path / "nowhere")

    assert done.returncode == 1
    assert b"There is no labelled data in" in done.stderr
    assert b"Traceback" not in done.stderr
