import json
from pathlib import Path

import pytest
from commands import Done, run

from streamproc.capacity import SHIPPED


def capacity(folder: Path, *arguments: str) -> Done:
    return run({}, folder, "capacity", *arguments)


def test_a_load_is_told_as_a_table_with_reasons_and_what_it_rests_on(tmp_path: Path) -> None:
    told = capacity(tmp_path, "--events-per-second", "5000")
    assert told.returncode == 0
    for words in ("worker processes", "partitions of the raw topic", "Rests on", "not yours"):
        assert words in told.stdout.decode()


def test_json_has_every_figure_as_a_number(tmp_path: Path) -> None:
    asked = ["--events-per-second", "100", "--event-bytes", "1000", "--retention", "7d", "--json"]
    found = json.loads(capacity(tmp_path, *asked).stdout)
    needs = {need["name"]: need for need in found["needs"]}
    assert needs["disk, raw topic"]["value"] == 100 * 1_000 * 168 * 3_600 * 3
    assert all(need["why"] for need in found["needs"])
    assert found["profile"]["per_second"] == SHIPPED.per_second


def test_a_profile_of_ones_own_counts_and_is_named(tmp_path: Path) -> None:
    profile = SHIPPED.model_copy(update={"per_second": 50_000.0, "source": "ours.jsonl"})
    (tmp_path / "bench.json").write_text(profile.model_dump_json())
    asked = ["--events-per-second", "5000", "--profile", "bench.json"]
    told = capacity(tmp_path, *asked).stdout.decode()
    assert "ours.jsonl" in told
    assert "not yours" not in told


def test_settings_say_what_is_not_said(tmp_path: Path) -> None:
    (tmp_path / "streamproc.toml").write_text(
        '[topics]\nraw_retention_hours = 24\nreplication = 5\n[loader]\nsink = "snowflake"\n'
    )
    asked = ["--events-per-second", "100", "--event-bytes", "1000", "--json"]
    needs = {need["name"]: need for need in json.loads(capacity(tmp_path, *asked).stdout)["needs"]}
    assert needs["disk, raw topic"]["value"] == 100 * 1_000 * 24 * 3_600 * 5
    assert needs["loaders"]["value"] == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--events-per-second", "0"], "--events-per-second"),
        (["--events-per-second", "9", "--catch-up", "0h"], "--catch-up"),
        (["--events-per-second", "9", "--retention", "7w"], "--retention"),
        ([], "--events-per-second"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    refused = capacity(tmp_path, *arguments)
    assert refused.returncode == 2
    assert told in refused.stderr.decode()
