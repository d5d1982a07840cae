"""Real dbt, run on the package as its users do."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from streamproc.settings import ENV_PREFIX

__all__ = ["artifact", "need_dbt", "run_dbt", "statuses"]

PACKAGE = Path(__file__).parents[2] / "deploy" / "dbt"
DBT = PACKAGE / ".venv" / "bin" / "dbt"
REQUIRED = "STREAMPROC_TEST_REQUIRE_DBT"
SECONDS = 240


def need_dbt() -> None:
    """Skip the test where there is no dbt; fail it where there has to be one."""
    if DBT.exists():
        return
    if os.environ.get(REQUIRED) == "1":
        pytest.fail("dbt is required: run `make downstream`", pytrace=False)
    pytest.skip("no dbt: run `make downstream`")


def run_dbt(target: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of dbt, which writes to ``target``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    own = {
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(target / "logs"),
        "DBT_USE_COLORS": "false",
    }
    return subprocess.run(
        [DBT, *arguments],
        cwd=PACKAGE,
        env=kept | own | variables,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def statuses(target: Path) -> dict[str, str]:
    """Return how each node of the last command ended, by the node's name."""
    read = artifact(target, "run_results.json")
    return {each["unique_id"].split(".")[2]: each["status"] for each in read["results"]}


def artifact(target: Path, name: str) -> dict[str, Any]:
    """Return a file of JSON that the last command wrote."""
    read: dict[str, Any] = json.loads((target / name).read_text())
    return read
