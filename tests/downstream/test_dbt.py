"""The dbt package, run by real dbt on what the demo's events become.

dbt has an environment of its own, which ``make downstream`` makes. Without it these tests are
skipped; with ``STREAMPROC_TEST_REQUIRE_DBT=1`` they fail instead.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import demo_warehouse
import duckdb
import orjson
import pytest
from downstream.dbt_runs import artifact, need_dbt, run_dbt, statuses

from streamproc.events import Link, Micros
from streamproc.identity import View
from streamproc.identity.links import alias
from streamproc.settings import LoaderSettings
from streamproc.warehouse.mappings import COLUMNS, MAPPINGS
from streamproc.warehouse.schema import CreateTable
from streamproc.warehouse.sinks.duckdb import open_duckdb

EVENTS = 1_000
GAP_MINUTES = 1  # the demo's events are of some minutes

# Traits and an event with names that dbt's models use, or that are no names.
ODD = [
    {
        "type": "identify",
        "messageId": "odd-1",
        "userId": "u-odd",
        "anonymousId": "d-odd",
        "traits": {"event_id": "e", "loaded_at": "l", "Übergröße": 1, 'a"b; drop table': "x"},
    },
    {
        "type": "track",
        "messageId": "odd-2",
        "userId": "u-odd",
        "event": "select '1'; drop table tracks --",
        "properties": {"select": 1, "identity_id": "x", "count": 3},
    },
]

PLANTED = {
    # table, column: the kind that has to be found, and what is planted
    ("tracks", "context_page_title"): ("email", "written by jane.doe@example.com"),
    ("order_completed", "coupon"): ("card", "4111 1111 1111 1111"),
    ("feedback_sent", "comment"): ("phone", "call (212) 555-0142 now"),
    ("identifies", "plan"): ("ssn", "078-05-1120"),
    ("users", "plan"): ("iban", "GB82 WEST 1234 5698 7654 32"),
    ("pages", "url"): ("ip", "https://192.0.2.17/account"),
    ("screens", "tab"): ("ipv6", "from 2001:db8::8a2e:370:7334"),
    ("aliases", "context_device_model"): ("mac", "00:00:5e:00:53:af"),
    ("order_completed", "products"): ("email", '[{"name": "for jane@example.org"}]'),
}

HARMLESS = {
    ("groups", "context_device_model"): "iPhone15,2 (2026-01-05T09:00:00.000Z)",
    ("meeting_scheduled", "context_user_agent"): "Mozilla/5.0 Chrome/126.0.64.78 Safari/537.36",
    ("pages", "title"): "<EMAIL_ADDRESS> ************1111 192.0.2.0 2001:db8:1::",
    ("pages", "context_app_version"): "3.18.2.1",
    ("screens", "context_device_model"): "d9428888-122b-4111-8b71-1234567890ab",
}


@dataclass(frozen=True)
class Warehouse:
    """A database, and a folder for what dbt writes."""

    file: Path

    @property
    def target(self) -> Path:
        return self.file.with_suffix(".target")

    def dbt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_dbt(self.target, *arguments, STREAMPROC_LOADER_DUCKDB_FILE=str(self.file))

    def results(self) -> dict[str, str]:
        return statuses(self.target)

    def artifact(self, name: str) -> dict[str, Any]:
        return artifact(self.target, name)

    def query(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.file), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def copy(self, file: Path) -> Warehouse:
        shutil.copy(self.file, file)
        return Warehouse(file)


@dataclass(frozen=True)
class Demo:
    """The demo's events, loaded."""

    folder: Path

    @cached_property
    def made(self) -> demo_warehouse.Made:
        return demo_warehouse.make(EVENTS, map(orjson.dumps, ODD))

    @cached_property
    def loaded(self) -> Warehouse:
        file = self.folder / "demo.duckdb"
        demo_warehouse.fill(file, self.made.rows)
        return Warehouse(file)

    @cached_property
    def built(self) -> Warehouse:
        warehouse = self.loaded.copy(self.folder / "built.duckdb")
        done = warehouse.dbt("build", "--vars", f"{{streamproc_session_minutes: {GAP_MINUTES}}}")
        assert done.returncode == 0, done.stdout[-5_000:]
        return warehouse


@pytest.fixture(scope="module", autouse=True)
def dbt() -> None:
    need_dbt()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return Demo(tmp_path_factory.mktemp("dbt"))


def test_everything_is_built_and_every_test_of_the_package_passes(demo: Demo) -> None:
    results = demo.built.results()

    assert set(results.values()) == {"success", "pass"}
    assert sum(status == "pass" for status in results.values()) > 80


def test_models_have_the_rows_of_the_warehouse(demo: Demo) -> None:
    query = demo.built.query
    types = dict(query("SELECT type, count(*) FROM streamproc_messages GROUP BY 1"))

    events = "SELECT event_type, count(*) FROM analytics.streamproc__events GROUP BY 1"
    assert dict(query(events)) == types
    assert query("SELECT count(*) FROM analytics.streamproc__page_views") == [(types["page"],)]
    counted = "SELECT sum(events)::BIGINT FROM analytics.streamproc__"
    assert query(counted + "sessions") == query(counted + "users") == [(sum(types.values()),)]


def test_events_belong_to_whom_all_links_say(demo: Demo) -> None:
    view = View()
    for link in demo.made.links:
        view.add(link)
    expected = {each.message_id: view.resolve(each.subject).id for each in demo.made.redacted}

    found = dict(demo.built.query("SELECT event_id, identity_id FROM analytics.streamproc__events"))

    assert found == expected
    stitched = demo.built.query(
        "SELECT count(*) FROM analytics.streamproc__events WHERE identity_id <> loaded_identity_id"
    )
    assert stitched[0][0] > 10, "the demo's people sign in later than they come"


def test_whose_events_are_is_what_the_loaders_table_says(demo: Demo) -> None:
    view = View()
    for link in demo.made.links:
        view.add(link)
    before = {each.message_id: view.resolve(each.subject).id for each in demo.made.redacted}
    # What no row shows: two people, each with events, turn out to be one.
    people = {row.identity_id for row in demo.made.rows if row.user_id and row.identity_id}
    one, other = sorted(people)[:2]
    late = alias(one, other, Micros(1))
    view.add(late)
    expected = {each.message_id: view.resolve(each.subject).id for each in demo.made.redacted}
    assert expected != before
    warehouse = demo.loaded.copy(demo.folder / "mapped.duckdb")
    fill_mappings(warehouse, [*demo.made.links, late])

    done = warehouse.dbt("build")

    assert done.returncode == 0, done.stdout[-5_000:]
    found = warehouse.query("SELECT event_id, identity_id FROM analytics.streamproc__events")
    assert dict(found) == expected


def fill_mappings(warehouse: Warehouse, links: Sequence[Link]) -> None:
    """Write the table that the loader keeps."""
    sink = open_duckdb(LoaderSettings(duckdb_file=warehouse.file))
    sink.change([CreateTable(MAPPINGS, COLUMNS)])
    sink.close()
    with duckdb.connect(str(warehouse.file)) as connection:
        connection.executemany(
            f"INSERT INTO {MAPPINGS} (token, kind, identity_id, valid_from, uuid_ts)"
            " VALUES (?, ?, ?, make_timestamptz(?), now())",
            demo_warehouse.mappings(links),
        )


def test_sessions_are_the_sdks_where_it_counts_them(demo: Demo) -> None:
    query = """
    SELECT
        count(DISTINCT session_id),
        count(DISTINCT (identity_id, anonymous_id, sdk_session_id)),
        count(DISTINCT (session_id, identity_id, anonymous_id, sdk_session_id))
    FROM analytics.streamproc__events
    WHERE sdk_session_id IS NOT NULL AND identity_id IS NOT NULL
    """
    ((sessions, devices, both),) = demo.built.query(query)

    assert sessions == devices == both > 10


def test_sessions_by_the_gap_have_none_and_their_neighbors_have_one(demo: Demo) -> None:
    warehouse = demo.loaded.copy(demo.folder / "gaps.duckdb")
    wanted = {"streamproc_session_minutes": GAP_MINUTES, "streamproc_sdk_sessions": False}
    done = warehouse.dbt("run", "--select", "+streamproc__events", "--vars", json.dumps(wanted))
    assert done.returncode == 0, done.stdout[-5_000:]

    gaps = f"""
    SELECT DISTINCT
        session_id = lag(session_id) OVER identity,
        occurred_at - lag(occurred_at) OVER identity > INTERVAL {GAP_MINUTES} MINUTE
    FROM analytics.streamproc__events
    WINDOW identity AS (PARTITION BY identity_id ORDER BY occurred_at, event_id)
    """
    found = set(warehouse.query(gaps))

    assert found == {(None, None), (True, False), (False, True)}


def test_columns_of_the_source_with_a_model_s_names_are_kept_beside_them(demo: Demo) -> None:
    found = demo.built.query(
        "SELECT event_id, source_event_id, source_loaded_at, bergr_e, a_b_drop_table "
        "FROM analytics.stg_streamproc__identifies WHERE event_id = 'odd-1'"
    )

    assert found == [("odd-1", "e", "l", 1, "x")]


def test_every_column_is_documented(demo: Demo) -> None:
    done = demo.built.dbt("docs", "generate")
    assert done.returncode == 0, done.stdout[-5_000:]
    manifest, catalog = demo.built.artifact("manifest.json"), demo.built.artifact("catalog.json")
    models = {id_: each for id_, each in manifest["nodes"].items() if id_.startswith("model.")}

    for id_, model in models.items():
        told = {name for name, column in model["columns"].items() if column["description"]}
        there = catalog["nodes"][id_]["columns"].keys()
        assert model["description"], id_
        assert told == model["columns"].keys() <= there, id_
        if "_stg" not in id_ and ".stg_" not in id_ and not id_.endswith("streamproc__users"):
            assert told == there, id_
    assert len(models) == 20


def test_a_warehouse_without_events_builds(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "empty.duckdb")
    demo_warehouse.fill(warehouse.file, [])

    done = warehouse.dbt("build")

    assert done.returncode == 0, done.stdout[-5_000:]
    assert warehouse.query("SELECT count(*) FROM analytics.streamproc__events") == [(0,)]


def test_a_load_just_now_is_fresh(demo: Demo) -> None:
    done = demo.loaded.dbt("source", "freshness")

    assert done.returncode == 0, done.stdout[-5_000:]
    assert freshness(demo.loaded) == {
        "streamproc_loads": "pass",
        "streamproc_messages": "pass",
        "tracks": "pass",
    }


def test_a_load_long_ago_is_stale(demo: Demo, tmp_path: Path) -> None:
    warehouse = demo.loaded.copy(tmp_path / "stale.duckdb")
    change(
        warehouse,
        "UPDATE streamproc_loads SET loaded_at = loaded_at - INTERVAL 25 HOUR",
        "UPDATE streamproc_messages SET loaded_at = loaded_at - INTERVAL 3 HOUR",
    )

    done = warehouse.dbt("source", "freshness")

    assert done.returncode == 1
    assert freshness(warehouse) == {
        "streamproc_loads": "error",
        "streamproc_messages": "warn",
        "tracks": "pass",
    }


@pytest.fixture(scope="module")
def broken(demo: Demo) -> Warehouse:
    """A copy in which everything is wrong that the package's tests are about."""
    warehouse = demo.loaded.copy(demo.folder / "broken.duckdb")
    planted = {place: value for place, (_, value) in PLANTED.items()}
    change(warehouse, *(plant(place, value) for place, value in (planted | HARMLESS).items()))
    last = "(SELECT max(id) FROM"
    change(
        warehouse,
        # Beside the planted rows, which are those of the smallest ids.
        f"UPDATE tracks SET context_ip = 'tok_k1_abc' WHERE id = {last} tracks)",
        "UPDATE groups SET context_traits_email = upper(context_traits_email)",
        "UPDATE streamproc_messages SET identity_id = 'somebody' WHERE type = 'alias'",
        f"DELETE FROM screens WHERE id = {last} screens)",
        f"DELETE FROM product_viewed WHERE id = {last} product_viewed)",
        f"INSERT INTO pages SELECT * REPLACE ('nobody' AS id) FROM pages WHERE id = {last} pages)",
        f"INSERT INTO aliases SELECT * FROM aliases WHERE id = {last} aliases)",
    )
    assert warehouse.dbt("run").returncode == 0
    done = warehouse.dbt("test", "--store-failures")
    assert done.returncode == 1
    return warehouse


def failures(warehouse: Warehouse, test: str) -> list[tuple[Any, ...]]:
    """Return what dbt stored of a test that failed."""
    return warehouse.query(f"SELECT * FROM analytics_dbt_test__audit.{test} ORDER BY ALL")


def test_planted_personal_data_is_found_and_nothing_else(broken: Warehouse) -> None:
    found = failures(broken, "no_personal_data_in_tables")

    assert found == sorted(
        (table, column, kind, 1) for (table, column), (kind, _) in PLANTED.items()
    )


def test_what_dbt_tells_of_personal_data_holds_none(broken: Warehouse) -> None:
    values = [value for _, value in PLANTED.values()]
    told = "".join(
        file.read_text()
        for file in broken.target.rglob("*")
        if file.suffix in {".json", ".log", ".sql"}
    )

    assert "no_personal_data_in_tables" in told
    assert not [value for value in values if value in told]


def test_personal_data_in_a_model_is_found(broken: Warehouse) -> None:
    assert broken.results()["no_personal_data_streamproc__page_views_occurred_at"] == "fail"


def test_what_should_be_tokens_and_is_not_is_found(broken: Warehouse) -> None:
    groups = broken.query("SELECT count(context_traits_email) FROM groups")[0][0]

    assert failures(broken, "redacted_columns_hold_tokens") == [
        ("groups", "context_traits_email", groups),
        ("tracks", "context_ip", 1),
    ]
    results = broken.results()
    shapes = {name for name in results if name.startswith("token_shape_")}
    assert {name for name in shapes if results[name] == "fail"} >= {
        "token_shape_stg_streamproc__messages_loaded_identity_id"
    }


def test_rows_that_do_not_agree_with_messages_are_found(broken: Warehouse) -> None:
    assert failures(broken, "base_tables_agree_with_messages") == [
        ("page", "no message", 1),
        ("screen", "no row", 1),
    ]
    assert failures(broken, "event_tables_agree_with_messages") == [("product_viewed", "no row", 1)]


def test_a_row_that_is_there_twice_is_found(broken: Warehouse) -> None:
    results = broken.results()

    assert results["unique_stg_streamproc__aliases_event_id"] == "fail"
    assert results["unique_stg_streamproc__tracks_event_id"] == "pass"


def plant(place: tuple[str, str], value: str) -> str:
    table, column = place
    return (
        f"UPDATE {table} SET {column} = $${value}$$ WHERE id = (SELECT min(id) FROM {table} "
        f"WHERE id NOT LIKE 'odd%')"
    )


def change(warehouse: Warehouse, *statements: str) -> None:
    with duckdb.connect(str(warehouse.file)) as connection:
        for statement in statements:
            connection.execute(statement)


def freshness(warehouse: Warehouse) -> Mapping[str, str]:
    read = warehouse.artifact("sources.json")
    return {each["unique_id"].split(".")[-1]: each["status"] for each in read["results"]}
