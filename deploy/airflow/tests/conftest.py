"""An Airflow home of the tests' own, and the stand-in for streamproc."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest
from standin import SCRIPT, StandIn

HOME = tempfile.TemporaryDirectory(prefix="streamproc-airflow-")
os.environ["AIRFLOW_HOME"] = HOME.name  # Airflow reads it when it is imported
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    script = tmp_path / "streamproc"
    script.write_text(SCRIPT.format(python=sys.executable, folder=str(tmp_path)))
    script.chmod(0o755)
    monkeypatch.setenv("AIRFLOW__STREAMPROC__EXECUTABLE", str(script))
    made = StandIn(tmp_path, monkeypatch)
    made.connection()
    return made
