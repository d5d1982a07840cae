from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from processes import wait_until

from streamproc.demo import Mix, generate

SECONDS = 240


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streamproc", "demo", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    done = run("--count", "300", "--seed", "5", "--json", "--dir", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_every_event_ends_as_a_row_a_dead_letter_or_a_drop(report: dict[str, Any]) -> None:
    assert report["events"] == 300
    assert report["rows"] + report["dead"] + report["dropped"] == 300
    assert report["dead"] == sum(record.malformed for record in generate(300, seed=5))


def test_nothing_planted_leaks_and_everything_was_searched(report: dict[str, Any]) -> None:
    assert (report["leaks"], report["searched_everything"]) == (0, True)
    assert report["planted"] == report["redacted"] > 1000
    for area in ("topic warehouse.load", "warehouse cells", "warehouse file", "logs"):
        assert report["searched"][area] > 0
    assert "topic identity.links" in report["searched"]


def test_findings_are_of_every_kind_planted(report: dict[str, Any]) -> None:
    assert {
        "CREDIT_CARD", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "PERSON", "PHONE_NUMBER",
        "US_SSN",
    } <= report["findings_by_entity"].keys()  # fmt: skip


def test_the_query_to_try_answers(report: dict[str, Any]) -> None:
    done = subprocess.run(report["query"], shell=True, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "order_completed" in done.stdout


def test_the_key_ring_of_the_run_is_the_owners_alone(report: dict[str, Any], folder: Path) -> None:
    assert Path(report["warehouse"]).parent == folder
    assert stat.S_IMODE((folder / "keyring.json").stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    done = run("--dir", str(tmp_path))

    assert done.returncode == 2
    assert "is not empty" in done.stderr


def test_own_events_come_with_the_report_for_people(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    records = generate(40, 3, Mix(malformed=0))
    file.write_bytes(b"\n".join([*(record.value for record in records), b"not json"]))

    done = run("--events", str(file), "--dir", str(tmp_path / "out"))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "41  events in" in done.stdout
    assert "before and after" in done.stdout
    assert "planted values leaked" in done.stdout


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process_behind(tmp_path: Path, how: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "streamproc", "demo", "--count", "5000", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    log = tmp_path / "worker.log"
    wait_until(lambda: log.exists() and "worker ready" in log.read_text())
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 2

    process.send_signal(how)

    assert process.wait(30) != 0
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_a_worker_that_cannot_start_ends_the_demo_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "default.yaml").write_text("version: 1\nnonsense: true\n")
    monkeypatch.setenv("STREAMPROC_RULES_DIRECTORY", str(rules))

    done = run("--count", "10", "--dir", str(tmp_path / "out"))

    assert done.returncode == 1
    assert "the worker process ended" in done.stderr
    assert "nonsense" in done.stderr
