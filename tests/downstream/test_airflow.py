"""The Airflow provider in a real Airflow, with a real streamproc behind it.

Airflow has an environment of its own, which ``make downstream`` makes. Without it these tests are
skipped; with ``STREAMPROC_TEST_REQUIRE_AIRFLOW=1`` they fail instead.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from brokers import Broker
from processes import running
from workplace import Workplace

from streamproc.demo import generate
from streamproc.settings import ENV_PREFIX

PROVIDER = Path(__file__).parents[2] / "deploy" / "airflow"
BIN = PROVIDER / ".venv" / "bin"
REQUIRED = "STREAMPROC_TEST_REQUIRE_AIRFLOW"
SECONDS = 180
EVENTS = 200
LAST_RUN = "SELECT run_id FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1"

# What a warehouse holds when dbt is called says whether the DAG's order holds.
DBT = """#!{python}
import duckdb, pathlib, sys
with duckdb.connect({warehouse!r}, read_only=True) as connection:
    (rows,) = connection.execute("SELECT count(*) FROM streamproc_messages").fetchone()
pathlib.Path({told!r}).write_text(f"{{' '.join(sys.argv[1:])}} on {{rows}} rows")
"""

OPERATIONS = """
import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, chain
from streamproc_airflow.operators import (
    StreamprocEraseOperator, StreamprocFreshnessOperator, StreamprocReprocessOperator,
)
from streamproc_airflow.sensor import LoadedUpToSensor

with DAG(
    "operations", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC),
    user_defined_macros={"now": lambda: datetime.now(UTC)},
):
    chain(
        LoadedUpToSensor(
            task_id="loaded", up_to="{{ now() }}", settle=timedelta(seconds=3), deferrable=True,
            poke_interval=1, timeout=60,
        ),
        StreamprocReprocessOperator(task_id="reprocess", since="2020-01-01T00:00:00+00:00"),
        StreamprocEraseOperator(
            task_id="erase", tokens=os.environ["TEST_TOKEN"], receipt="case 7",
            poll_interval=timedelta(seconds=1), wait=timedelta(seconds=60),
        ),
        StreamprocFreshnessOperator(task_id="fresh", max_lag=timedelta(minutes=1)),
    )
"""


@dataclass(frozen=True)
class Airflow:
    """An Airflow home of this module's own, on SQLite."""

    home: Path
    dags: Path = PROVIDER / "dags"

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)
        }
        own = {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__STREAMPROC__EXECUTABLE": str(Path(sys.executable).with_name("streamproc")),
        }
        return subprocess.run(
            [BIN / "airflow", *arguments],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env=kept | own | variables,
            cwd=self.home,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def query(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.home / "airflow.db")) as connection:
            return connection.execute(query, values).fetchall()

    def states(self, dag: str) -> dict[str, str]:
        """Return how the tasks of its last run ended."""
        query = f"SELECT task_id, state FROM task_instance WHERE run_id = ({LAST_RUN})"
        return dict(self.query(query, dag))

    def pushed(self, dag: str, task: str) -> dict[str, Any]:
        """Return the one thing that the task of the last run pushed to XCom."""
        query = f"SELECT value FROM xcom WHERE run_id = ({LAST_RUN}) AND task_id = ?"
        ((value,),) = self.query(query, dag, task)
        read: dict[str, Any] = json.loads(value)
        return read


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    if not (BIN / "airflow").exists():
        if os.environ.get(REQUIRED) == "1":
            pytest.fail("Airflow is required: run `make downstream`", pytrace=False)
        pytest.skip("no Airflow: run `make downstream`")
    made = Airflow(tmp_path_factory.mktemp("airflow"))
    done = made.run("db", "migrate")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def workplace(embedded: Broker, tmp_path: Path) -> Workplace:
    """A streamproc whose worker has put some events on the loader topic."""
    made = Workplace(embedded, tmp_path)
    with made.ready_worker():
        made.publish(generate(EVENTS, seed=3))
        made.wait_until_processed(EVENTS)
    return made


def connection(settings: Mapping[str, str]) -> dict[str, str]:
    extra = {"environment": json.dumps(dict(settings))}
    told = json.dumps({"conn_type": "streamproc", "extra": extra})
    return {"AIRFLOW_CONN_STREAMPROC_DEFAULT": told}


def loaded(workplace: Workplace) -> list[str]:
    """Return the id of every event that was loaded."""
    return [id_ for (id_,) in workplace.query("SELECT id FROM streamproc_messages ORDER BY id")]


@pytest.mark.usefixtures("airflow")
def test_the_provider_passes_its_own_tests() -> None:
    done = subprocess.run(
        [BIN / "python", "-m", "pytest"],
        cwd=PROVIDER,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-5_000:]


def test_airflow_discovers_the_provider_and_its_connection(airflow: Airflow) -> None:
    providers = {
        each["package_name"]: each["version"] for each in airflow.json("providers", "list")
    }
    hooks = {each["connection_type"]: each["class"] for each in airflow.json("providers", "hooks")}
    fields = {each["connection_parameter_name"] for each in airflow.json("providers", "widgets")}

    assert providers["airflow-providers-streamproc"] == "0.1.0"
    assert hooks["streamproc"] == "streamproc_airflow.hook.StreamprocHook"
    assert {
        f"extra__streamproc__{each}" for each in ("settings_file", "environment", "secrets")
    } <= (fields)


def test_the_example_is_parsed_without_a_connection(airflow: Airflow) -> None:
    done = airflow.run("dags", "reserialize")

    assert done.returncode == 0, done.stderr
    assert airflow.json("dags", "list-import-errors") == []
    assert [each["dag_id"] for each in airflow.json("dags", "list")] == ["streamproc_hourly"]


def test_the_example_loads_waits_builds_and_checks(
    airflow: Airflow, workplace: Workplace, tmp_path: Path
) -> None:
    told = tmp_path / "dbt.txt"
    dbt = tmp_path / "bin" / "dbt"
    dbt.parent.mkdir()
    dbt.write_text(
        DBT.format(python=sys.executable, warehouse=str(workplace.warehouse), told=str(told))
    )
    dbt.chmod(0o755)

    done = airflow.run(
        "dags",
        "test",
        "streamproc_hourly",
        PATH=f"{dbt.parent}{os.pathsep}{os.environ['PATH']}",
        **connection(workplace.environment()),
    )

    assert airflow.states("streamproc_hourly") == dict.fromkeys(
        ("load", "loaded", "build", "fresh"), "success"
    ), done.stdout[-5_000:]
    rows = len(loaded(workplace))
    assert told.read_text() == f"build on {rows} rows"
    assert airflow.pushed("streamproc_hourly", "load")["rows"] == rows > EVENTS / 2
    assert airflow.pushed("streamproc_hourly", "fresh")["caught_up"] is True


def test_operations_wait_in_a_trigger_and_change_the_warehouse(
    airflow: Airflow, workplace: Workplace, tmp_path: Path
) -> None:
    workplace.load()
    before = loaded(workplace)
    ((token, events),) = workplace.query(
        "SELECT identity_id, count(*) FROM tracks GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT 1"
    )
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "operations.py").write_text(OPERATIONS)
    mine = Airflow(airflow.home, dags)

    with running(["-m", "streamproc", "load"], workplace.environment()) as loader:
        done = mine.run(
            "dags", "test", "operations", TEST_TOKEN=token, **connection(workplace.environment())
        )
        assert loader.stop() == 0, loader.output()

    told = done.stdout + done.stderr
    assert mine.states("operations") == dict.fromkeys(
        ("loaded", "reprocess", "erase", "fresh"), "success"
    ), told[-5_000:]
    assert "[DAG TEST] Trigger completed" in told, "the sensor did not defer"
    assert loaded(workplace) == before
    assert events > 1
    kept = workplace.query(f"SELECT count(*) FROM tracks WHERE identity_id = '{token}'")
    assert kept == [(0,)]


def test_a_load_with_wrong_settings_fails_at_once_in_words(airflow: Airflow) -> None:
    wrong = connection({"STREAMPROC_LOADER_SINK": "abacus"})

    done = airflow.run("dags", "test", "streamproc_hourly", **wrong)

    assert airflow.states("streamproc_hourly") == {
        "load": "failed",
        **dict.fromkeys(("loaded", "build", "fresh"), "upstream_failed"),
    }
    told = done.stdout + done.stderr
    assert "streamproc load ended with exit code 2" in told
    assert "STREAMPROC_LOADER_SINK" in told
