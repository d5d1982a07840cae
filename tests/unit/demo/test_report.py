from __future__ import annotations

import io
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from streamproc.canaries.leaks import Text
from streamproc.demo import Generated, Planted
from streamproc.demo.check import LeakCheck
from streamproc.demo.report import Change, Report, build_report, render, to_json
from streamproc.demo.run import Arrived, Plan, Run
from streamproc.events import Json, RedactedBody
from streamproc.settings import Settings

EMAIL = Planted("email", "priya.raman1@example.com", "context.traits.email", "m1")
EVENT = {"type": "track", "context": {"traits": {"email": EMAIL.value}}, "properties": {"n": 1}}
AFTER: dict[str, Json] = {
    "type": "track",
    "context": {"traits": {"email": "tok_k1_a"}},
    "properties": {"n": 1},
}
MANIFEST = [
    {"path": "context.traits.email", "entity": "EMAIL_ADDRESS"},
    {"path": "properties.list[3].email", "entity": "EMAIL_ADDRESS"},
    {"path": "properties.list[4].email", "entity": "EMAIL_ADDRESS"},
]

MESSAGES = (
    "CREATE TABLE streamproc_messages "
    "(id VARCHAR, type VARCHAR, event_table VARCHAR, identity_id VARCHAR)"
)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    record = Generated(json.dumps(EVENT).encode(), b"a1", "m1", (EMAIL,))
    broken = Generated(b"{", b"a1", "m2", (), malformed=True)
    plan = Plan([record, broken], tmp_path, Settings())
    with duckdb.connect(str(plan.warehouse)) as connection:
        connection.execute(MESSAGES)
        connection.execute("INSERT INTO streamproc_messages VALUES ('m1', 'track', 'sent', NULL)")
        connection.execute("CREATE TABLE tracks (id VARCHAR, redaction_manifest JSON)")
        connection.execute("INSERT INTO tracks VALUES ('m1', ?)", [json.dumps(MANIFEST)])
        connection.execute("CREATE TABLE sent (id VARCHAR, n BIGINT, note VARCHAR)")
    return plan


@pytest.fixture
def run() -> Run:
    samples = {"m1": RedactedBody(AFTER)}
    return Run(Arrived(rows=1, dead=1), 0, 2.0, LeakCheck([EMAIL]), True, samples)


@pytest.fixture
def report(plan: Plan, run: Run) -> Report:
    return build_report(plan, run)


def text_of(report: Report) -> str:
    console = Console(file=io.StringIO(), width=200)
    render(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_event_is_accounted_for(report: Report) -> None:
    assert (report.events, report.rows, report.dead, report.missing) == (2, 1, 1, 0)
    assert report.succeeded


def test_findings_are_counted_by_entity_and_by_path_without_indexes(report: Report) -> None:
    assert report.by_entity == {"EMAIL_ADDRESS": 3}
    assert report.by_path == (
        ("properties.list[*].email", "EMAIL_ADDRESS", 2),
        ("context.traits.email", "EMAIL_ADDRESS", 1),
    )


def test_the_sample_shows_what_changed_and_nothing_else(report: Report) -> None:
    assert report.changes == (Change("context.traits.email", EMAIL.value, "tok_k1_a"),)


def test_a_leak_a_missing_event_or_an_unread_topic_is_a_failure(plan: Plan, run: Run) -> None:
    missing = build_report(plan, replace(run, arrived=Arrived(rows=1)))
    unread = build_report(plan, replace(run, complete=False))
    run.check.search("logs", [Text("worker.log:1", None, EMAIL.value.encode())])
    leaked = build_report(plan, run)

    assert not any(each.succeeded for each in (missing, unread, leaked))
    assert missing.missing == 1
    assert "MISSING" in text_of(missing)
    assert "LEAKS" in text_of(leaked)


def test_tables_are_told_with_their_rows_and_columns(report: Report) -> None:
    assert report.tables == (("tracks", 1, 2), ("sent", 0, 3))


def test_an_empty_warehouse_has_a_report(plan: Plan, run: Run) -> None:
    with duckdb.connect(str(plan.warehouse)) as connection:
        for table in ("tracks", "sent"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DELETE FROM streamproc_messages")

    report = build_report(plan, run)

    assert (report.rows, report.by_entity, report.tables) == (0, {}, ())


def test_duplicates_are_accounted_for(plan: Plan, run: Run) -> None:
    twice = replace(plan, records=[*plan.records, plan.records[0]])

    assert build_report(twice, replace(run, duplicates=1)).missing == 0


def test_the_json_report_holds_no_value(plan: Plan, run: Run) -> None:
    run.check.search("logs", [Text("worker.log:1", None, EMAIL.value.encode())])
    told = to_json(build_report(plan, run))

    assert {
        "events", "rows", "dead", "dropped", "leaks", "planted", "redacted", "events_per_second",
        "warehouse",
    } <= told.keys()  # fmt: skip
    assert (told["leaks"], told["planted"], told["redacted"]) == (1, 1, 0)
    assert told["events_per_second"] == 1.0
    assert EMAIL.value not in json.dumps(told)


def test_the_report_for_people_names_all_of_it(report: Report) -> None:
    text = text_of(report)

    for part in (
        "rows in the warehouse",
        "EMAIL_ADDRESS",
        "tok_k1_a",
        "none of 1 planted",
        "duckdb",
    ):
        assert part in text


def test_the_query_to_try_works(report: Report) -> None:
    done = subprocess.run(
        report.command,
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "sent" in done.stdout
