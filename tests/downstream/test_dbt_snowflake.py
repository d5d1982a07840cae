"""The dbt package on Snowflake: dbt's own adapter and the real client, over HTTP, on fakesnow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import demo_warehouse
import pytest
from downstream.dbt_runs import need_dbt, run_dbt, statuses
from snowflake_server import SnowflakeServer, snowflake_server

from streamproc.identity import View
from streamproc.settings import LoaderSettings, Settings
from streamproc.warehouse.mappings import COLUMNS, MAPPINGS
from streamproc.warehouse.schema import CreateTable
from streamproc.warehouse.sinks.snowflake import open_snowflake

EVENTS = 400
DATABASE = "DBT"

PROFILE = """
streamproc:
  target: snowflake
  outputs:
    snowflake:
      {{type: snowflake, account: invented, user: READER, password: invented, threads: 1,
        database: {database}, schema: ANALYTICS, host: 127.0.0.1, port: {port}, protocol: http}}
"""


@pytest.fixture(scope="module", autouse=True)
def dbt() -> None:
    need_dbt()


@pytest.fixture(scope="module")
def made() -> demo_warehouse.Made:
    return demo_warehouse.make(EVENTS)


@pytest.fixture(scope="module")
def server(made: demo_warehouse.Made) -> Iterator[SnowflakeServer]:
    with snowflake_server() as started:
        settings = Settings(
            loader=LoaderSettings(sink="snowflake"), snowflake=started.settings(DATABASE)
        )
        sink = open_snowflake(settings, clock=time.time)
        demo_warehouse.load(sink, made.rows)
        sink.change([CreateTable(MAPPINGS, COLUMNS)])
        sink.close()
        for token, kind, identity, _ in demo_warehouse.mappings(made.links):
            started.rows(
                DATABASE,
                f"INSERT INTO {MAPPINGS} (token, kind, identity_id)"
                f" VALUES ('{token}', '{kind}', '{identity}')",
            )
        yield started


def run(server: SnowflakeServer, folder: Path, *arguments: str) -> CompletedProcess[str]:
    (folder / "profiles.yml").write_text(PROFILE.format(database=DATABASE, port=server.port))
    return run_dbt(folder / "target", *arguments, DBT_PROFILES_DIR=str(folder))


def test_everything_but_unit_tests_passes(
    server: SnowflakeServer, made: demo_warehouse.Made, tmp_path: Path
) -> None:
    # Unit tests want temporary tables with the name of their database, which fakesnow cannot.
    done = run(server, tmp_path, "build", "--exclude-resource-type", "unit_test")

    assert done.returncode == 0, done.stdout[-5_000:]
    assert len(statuses(tmp_path / "target")) > 100
    view = View()
    for link in made.links:
        view.add(link)
    expected = {each.message_id: view.resolve(each.subject).id for each in made.redacted}
    found = "SELECT event_id, identity_id FROM ANALYTICS.streamproc__events"
    assert dict(server.rows(DATABASE, found)) == expected


def test_faults_are_found(server: SnowflakeServer, tmp_path: Path) -> None:
    first = "WHERE id = (SELECT min(id) FROM"
    for statement in (
        f"UPDATE tracks SET context_page_title = 'of jane.doe@example.com' {first} tracks)",
        f"UPDATE order_completed SET coupon = '(212) 555-0142' {first} order_completed)",
        f"UPDATE pages SET context_ip = '192.0.2.17' {first} pages)",
        f"DELETE FROM screens {first} screens)",
    ):
        server.rows(DATABASE, statement)

    done = run(
        server, tmp_path, "build", "--exclude-resource-type", "unit_test", "--store-failures"
    )

    assert done.returncode == 1
    audit = "ANALYTICS_DBT_TEST__AUDIT"
    assert sorted(server.rows(DATABASE, f"SELECT * FROM {audit}.no_personal_data_in_tables")) == [
        ("order_completed", "coupon", "phone", 1),
        ("pages", "context_ip", "ip", 1),
        ("tracks", "context_page_title", "email", 1),
    ]
    results = statuses(tmp_path / "target")
    assert results["redacted_columns_hold_tokens"] == "fail"
    assert results["base_tables_agree_with_messages"] == "fail"
    assert "jane.doe" not in done.stdout
