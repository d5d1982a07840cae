"""Commands as processes: those that cannot start end at once, with one clear line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from brokers import Broker
from processes import running
from redaction import RING
from workplace import Workplace

from streamproc.redact import write_key_ring
from streamproc.settings import ENV_PREFIX

NOBODY = "127.0.0.1:1"
"""Where no broker is: a command that asks one would go on asking for ever."""
SECONDS = 30
BAD_RULES = """
version: 1
name: own
entities: [EMAIL_ADRESS]
operators: {default: redact}
rules: []
"""


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    ring = tmp_path / "ring.json"
    ring.touch(mode=0o600)
    ring.write_text(write_key_ring(RING.active, RING.secrets))
    return {"STREAMPROC_KAFKA_BROKERS": NOBODY, "STREAMPROC_KEYS_FILE": str(ring)}


def run(
    folder: Path, variables: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    return subprocess.run(
        [sys.executable, "-m", "streamproc", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=kept | variables,
        timeout=SECONDS,
        check=False,
    )


def test_a_worker_with_broken_rules_ends_before_it_asks_a_broker(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "own.yaml").write_text(BAD_RULES)
    variables["STREAMPROC_RULES_DIRECTORY"] = str(rules)

    done = run(tmp_path, variables, "worker")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "streamproc: 1 problem",
        f"  {rules}/own.yaml:4:12: entities[0]: no such entity; did you mean EMAIL_ADDRESS?",
    ]


def test_a_worker_without_a_key_ring_ends_before_it_asks_a_broker(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    del variables["STREAMPROC_KEYS_FILE"]

    done = run(tmp_path, variables, "worker")

    told = "no key ring is configured; make one with `streamproc keys generate`"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "streamproc: 1 problem",
        f"  settings: keys.file: {told}",
    ]


@pytest.mark.parametrize("name", ["worker", "load"])
def test_bad_settings_end_a_process_before_it_asks_a_broker(
    tmp_path: Path, variables: dict[str, str], name: str
) -> None:
    (tmp_path / "streamproc.toml").write_text("[loader]\nbatch_seconds = 'soon'\n")
    variables["STREAMPROC_WORKER_RETRYS"] = "3"

    done = run(tmp_path, variables, name)

    unknown = "no such setting; did you mean STREAMPROC_WORKER_RETRIES?"
    found = "expected a number"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "streamproc: 2 problems",
        f"  environment: STREAMPROC_WORKER_RETRYS: {unknown}",
        f"  streamproc.toml: loader.batch_seconds: {found}",
    ]
    assert not (tmp_path / "warehouse.duckdb").exists()


def test_a_worker_leaves_nothing_in_its_working_folder(embedded: Broker, tmp_path: Path) -> None:
    place, folder = Workplace(embedded, tmp_path), tmp_path / "work"
    folder.mkdir()

    with running(["-m", "streamproc", "worker"], place.environment(), folder) as worker:
        worker.wait_for("worker ready")
        assert worker.stop() == 0

    assert list(folder.iterdir()) == []
