"""A stand-in for streamproc that says what it is told to say.

What a real streamproc says is the matter of the repository's ``tests/downstream``.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

__all__ = ["SCRIPT", "Answer", "StandIn", "status"]

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
print(answer["log"], file=sys.stderr, flush=True)
if answer["deaf"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if answer["orderly"]:
    signal.signal(signal.SIGTERM, lambda *_: (print(answer["printed"], flush=True), os._exit(0)))
(folder / "pid").write_text(str(os.getpid()))
time.sleep(answer["seconds"])
print(answer["printed"])
sys.exit(answer["code"])
"""


@dataclass(frozen=True)
class Answer:
    """What one call prints, and how it ends."""

    printed: Any = field(default_factory=dict)
    log: str = ""
    code: int = 0
    seconds: float = 0
    deaf: bool = False
    """Whether it goes on after SIGTERM."""
    orderly: bool = False
    """Whether it answers on SIGTERM, and ends well."""

    def __post_init__(self) -> None:
        if not isinstance(self.printed, str):
            object.__setattr__(self, "printed", json.dumps(self.printed))


@dataclass(frozen=True)
class StandIn:
    """An executable that answers its calls one after the other, the last answer for ever."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def answers(self, *answers: Answer) -> None:
        """Answer with each of ``answers`` in turn, with the last of them for ever."""
        told = [asdict(answer) for answer in answers]
        (self.folder / "answers.json").write_text(json.dumps(told))

    def connection(self, **extra: Any) -> None:
        """Make the default connection one with these fields."""
        told = json.dumps({"conn_type": "streamproc", "extra": extra})
        self.monkeypatch.setenv(CONNECTION, told)

    @property
    def calls(self) -> list[dict[str, Any]]:
        file = self.folder / "calls.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line) for line in lines]

    def is_running(self) -> bool:
        """Return whether the process of the last call is there."""
        try:
            os.kill(int((self.folder / "pid").read_text()), 0)
        except ProcessLookupError:
            return False
        return True

    @property
    def arguments(self) -> list[list[str]]:
        return [call["arguments"] for call in self.calls]


def status(**changed: Any) -> dict[str, Any]:
    """Return a status as streamproc tells it: everything of one partition is loaded."""
    return {
        "caught_up": True,
        "lag_rows": 0,
        "lag_seconds": 0.0,
        "received_up_to": "2026-01-31T06:00:00+00:00",
        "partitions": [
            {
                "topic": "warehouse.load",
                "partition": 0,
                "next_offset": 5,
                "end_offset": 5,
                "lag_rows": 0,
            }
        ],
        "warehouse": "ok",
    } | changed
