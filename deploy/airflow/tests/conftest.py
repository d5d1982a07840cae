"""An Airflow of the tests' own, and a stand-in for streamproc that says what it is told to say.

What a real streamproc says is the matter of the repository's ``tests/downstream``.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HOME = tempfile.TemporaryDirectory(prefix="streamproc-airflow-")
os.environ["AIRFLOW_HOME"] = HOME.name  # Airflow reads it when it is imported
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"

CONNECTION = "AIRFLOW_CONN_STREAMPROC_DEFAULT"
SCRIPT = """#!{python}
import json, os, pathlib, signal, sys, time
folder = pathlib.Path({folder!r})
calls = folder / "calls.jsonl"
number = len(calls.read_text().splitlines()) if calls.exists() else 0
answers = json.loads((folder / "answers.json").read_text())
answer = answers[min(number, len(answers) - 1)]
with calls.open("a") as file:
    file.write(json.dumps({{"arguments": sys.argv[1:], "environment": dict(os.environ)}}) + "\\n")
print(answer["stderr"], file=sys.stderr, flush=True)
if answer["deaf"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
(folder / "pid").write_text(str(os.getpid()))
time.sleep(answer["seconds"])
print(answer["stdout"])
sys.exit(answer["code"])
"""


@dataclass(frozen=True)
class StandIn:
    """An executable that answers its calls one after the other, the last answer for ever."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def answers(self, *answers: dict[str, Any] | str, **last: Any) -> None:
        """Answer with each of ``answers`` in turn, then with ``last``, if given."""
        every = [
            {"stdout": json.dumps(answer) if isinstance(answer, dict) else answer}
            for answer in answers
        ] + ([last] if last else [])
        plain = {"stdout": "{}", "stderr": "", "code": 0, "seconds": 0, "deaf": False}
        (self.folder / "answers.json").write_text(json.dumps([plain | answer for answer in every]))

    def connection(self, **extra: Any) -> None:
        """Make the default connection one with these fields."""
        told = json.dumps({"conn_type": "streamproc", "extra": extra})
        self.monkeypatch.setenv(CONNECTION, told)

    @property
    def calls(self) -> list[dict[str, Any]]:
        lines = (self.folder / "calls.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def arguments(self) -> list[list[str]]:
        return [call["arguments"] for call in self.calls]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    script = tmp_path / "streamproc"
    script.write_text(SCRIPT.format(python=sys.executable, folder=str(tmp_path)))
    script.chmod(0o755)
    monkeypatch.setenv("AIRFLOW__STREAMPROC__EXECUTABLE", str(script))
    made = StandIn(tmp_path, monkeypatch)
    made.connection()
    return made


def status(**changed: Any) -> dict[str, Any]:
    """Return a status as streamproc tells it: everything of one partition is loaded."""
    return {
        "caught_up": True,
        "lag_rows": 0,
        "lag_seconds": 0.0,
        "received_up_to": "2026-01-31T06:00:00+00:00",
        "partitions": [
            {"topic": "warehouse.load", "partition": 0, "next_offset": 5, "end_offset": 5}
        ],
    } | changed
