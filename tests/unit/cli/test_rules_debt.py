"""`rules debt` and what `rules reprocess` finds, on a warehouse in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from warehouse_batches import HOUR, NOW, Event, identify, load

from streamproc.cli import main
from streamproc.events import Micros
from streamproc.settings import LoaderSettings, Settings
from streamproc.warehouse.asking import asked
from streamproc.warehouse.provenance import Window, read_handled, read_made, read_offsets
from streamproc.warehouse.redactions import Reader
from streamproc.warehouse.sinks.duckdb import open_duckdb
from streamproc.warehouse.sinks.parquet import open_parquet
from streamproc.warehouse.sql.statements import Statement

pytestmark = pytest.mark.usefixtures("own_logging")

RULES = "version: 1\nname: %s\nentities: [EMAIL_ADDRESS]\noperators: {default: %s}\nrules: []\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working folder with two rulesets, and the warehouse that settings name."""
    for name, operator in (("weak", "mask"), ("today", "hash")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rules.yaml").write_text(RULES % (name, operator))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STREAMPROC_LOADER_DUCKDB_FILE", str(tmp_path / "w.duckdb"))
    monkeypatch.setenv("STREAMPROC_RULES_DIRECTORY", str(tmp_path / "today"))
    return tmp_path


def rules(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["rules", *arguments])


def told(result: Result) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(result.stdout)
    return said


def fill(folder: Path, fingerprint: str) -> None:
    """Load three events that were made by the rules of ``fingerprint``."""
    sink = open_duckdb(LoaderSettings(duckdb_file=folder / "w.duckdb"))
    load(sink, [Event(str(number)) for number in range(3)])
    assert isinstance(sink, Reader)
    for table in ("tracks", "paid", "streamproc_messages"):
        sql = f"UPDATE {table} SET ruleset = ?"
        sink.fetch(Statement("plant", sql, (fingerprint,)))
    sink.close()


def fingerprint(folder: Path, name: str) -> str:
    """Return what stands on rows that are made by a ruleset."""
    result = rules("debt", "--rules", str(folder / name), "--json")
    today: str = told(result)["today"]
    return today


def test_an_empty_warehouse_owes_nothing() -> None:
    result = rules("debt", "--json")

    assert result.exit_code == 0
    assert told(result)["owed"] == []


def test_rows_of_an_earlier_ruleset_that_is_given_are_owed_by_path(folder: Path) -> None:
    fill(folder, fingerprint(folder, "weak"))

    result = rules("debt", "--known", str(folder / "weak"), "--json")

    assert result.exit_code == 1
    assert told(result)["owed"][0] == {
        "table": "paid",
        "path": "**",
        "entity": "EMAIL_ADDRESS",
        "was": "mask",
        "now": "hash",
        "evidence": "rules",
        "rows": 3,
    }
    assert [each["state"] for each in told(result)["rulesets"]] == ["weaker"]


def test_a_lake_owes_what_another_warehouse_would(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMPROC_LOADER_SINK", "parquet")
    monkeypatch.setenv("STREAMPROC_LOADER_PARQUET_DIRECTORY", str(folder / "it's a lake"))
    assert told(rules("debt", "--json"))["tables"] == []
    settings = LoaderSettings(sink="parquet", parquet_directory=folder / "it's a lake")
    sink = open_parquet(settings)
    days = [NOW, NOW + 24 * HOUR]
    load(sink, [Event(str(day), received_at=day) for day in days])
    load(sink, [identify("c", "u1", email="tok_1")])
    sink.close()

    result = rules("debt", "--json")

    assert result.exit_code == 1
    tables = {each["table"]: each["unknown"] for each in told(result)["tables"]}
    assert tables == {"tracks": 2, "paid": 2, "identifies": 1}
    with asked(Settings(loader=settings)) as reader:
        rulesets = {made.ruleset for made in read_made(reader)}
        assert read_handled(reader, rulesets) == {}
        later = read_offsets(reader, {"f00d"}, Window(Micros(days[1])))
        assert later == {("events.raw", 0): [(1, 2)]}


def test_rows_of_today_s_rules_owe_nothing(folder: Path) -> None:
    fill(folder, fingerprint(folder, "today"))

    result = rules("debt")

    assert result.exit_code == 0
    assert "paid" in result.output


def test_fingerprints_that_nobody_knows_are_said_so(folder: Path) -> None:
    fill(folder, "0123456789abcdef")

    result = rules("debt")

    assert result.exit_code == 1
    assert "1 fingerprint of rulesets that are not known here" in result.output


def test_a_time_that_ends_before_it_begins_is_refused() -> None:
    result = rules("reprocess", "--since", "2026-01-02", "--until", "2026-01-01")

    assert result.exit_code == 2
    assert "after --since" in result.output


@pytest.mark.parametrize("span", ["10", "m", "-1m", "1.5h", "9999999h"])
def test_a_span_that_is_none_is_refused(folder: Path, span: str) -> None:
    result = rules("shadow", str(folder / "today"), "--for", span)

    assert result.exit_code == 2
    assert "such as 10m" in result.output
