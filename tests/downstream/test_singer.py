"""A real Singer tap's messages, through to the identities of events and to their rows.

The tap has an environment of its own, which ``make downstream`` makes. Without it these tests are
skipped; with ``STREAMPROC_TEST_REQUIRE_SINGER=1`` they fail instead.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers import Broker
from crm import Crm, known_users, settings_for, tokens, variables
from enriched import events_of, last_plan, rows_of, worker_of, workplace_of
from postgres_server import binaries, fresh_schema, postgres_server
from processes import wait_until

from streamproc.assemble import load_identity_config, load_key_ring, nobody_of
from streamproc.events import Subject
from streamproc.kafka.identity.start import following_identity
from streamproc.settings import Settings

TAP = Path(__file__).parents[2] / "deploy" / "singer" / ".venv" / "bin" / "tap-postgres"
REQUIRED = "STREAMPROC_TEST_REQUIRE_SINGER"

IDENTITY = """\
version: 1
attributes: {plan: string}
sources:
  crm:
    objects:
      contact:
        stream: %s-contact
        record: sfid
        modified_at: systemmodstamp
        joins: {user_id: user_id__c}
        attributes: {plan: plan__c}
"""


class Tapped:
    """A table, a tap that reads it, and where its messages go."""

    def __init__(self, url: str, broker: Broker, folder: Path) -> None:
        server = url.split("host=")[1].split("&", maxsplit=1)[0]
        crm_url = fresh_schema(url)
        self.schema = crm_url.rsplit("%3D", maxsplit=1)[-1]
        self.crm = Crm(crm_url)
        self.settings = settings_for(broker, folder, identity=IDENTITY % self.schema)
        self._folder = folder
        self._write("config.json", _connection(server, self.schema))
        self.state: Any = None

    def select(self, method: str) -> None:
        """Choose the table, and how it is to be read."""
        found = subprocess.run(
            [TAP, "--config", "config.json", "--discover"],
            cwd=self._folder,
            capture_output=True,
            check=True,
        )
        catalog = json.loads(found.stdout)
        for stream in catalog["streams"]:
            of_table = next(each for each in stream["metadata"] if not each["breadcrumb"])
            of_table["metadata"] |= {
                "selected": stream["table_name"] == "contact",
                "replication-method": method,
                "replication-key": "systemmodstamp",
                "view-key-properties": ["sfid"],
                "table-key-properties": ["sfid"],
            }
        self._write("catalog.json", catalog)

    def run(self) -> None:
        """Have the tap read from its last state on, and what it says loaded."""
        given = ["--config", "config.json", "--catalog", "catalog.json"]
        if self.state is not None:
            self._write("state.json", self.state)
            given += ["--state", "state.json"]
        sync = f"{sys.executable} -m streamproc identity sync --singer"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", f"{TAP} {' '.join(given)} | {sync}"],
            cwd=self._folder,
            env={**os.environ, **variables(self.settings)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        self.state = json.loads(done.stdout.splitlines()[-1])

    def _write(self, name: str, content: Any) -> None:
        (self._folder / name).write_text(json.dumps(content))


def _connection(server: str, schema: str) -> dict[str, Any]:
    return {
        "host": server,
        "port": 5432,
        "user": "streamproc",
        "password": "unused",
        "dbname": "postgres",
        "filter_schemas": schema,
    }


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if not TAP.exists():
        if os.environ.get(REQUIRED) == "1":
            pytest.fail("a Singer tap is required: run `make downstream`", pytrace=False)
        pytest.skip("no Singer tap: run `make downstream`")
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server")
    with postgres_server(programs) as url:
        yield url


@pytest.fixture
def tapped(server: str, embedded: Broker, tmp_path: Path) -> Tapped:
    return Tapped(server, embedded, tmp_path)


def plan_of(settings: Settings, user: str) -> object:
    """Return the plan that an event of ``user`` gets."""
    config, ring = load_identity_config(settings), load_key_ring(settings)
    with following_identity(settings, config, nobody_of(config, ring)) as identity:
        subject = Subject(tokens().of_identifier(user), None, None)
        return identity.state.resolve(subject).attributes.get("plan")


def test_what_a_tap_reads_is_known_of_events_and_its_state_goes_on(tapped: Tapped) -> None:
    tapped.crm.add_contacts(1, 500)
    tapped.select("INCREMENTAL")
    tapped.run()
    assert plan_of(tapped.settings, "user-1") == "pro"

    tapped.crm.execute(
        "UPDATE contact SET plan__c = 'changed', systemmodstamp = '2026-02-01' WHERE id <= 20"
    )
    tapped.run()

    assert plan_of(tapped.settings, "user-1") == "changed"
    assert known_users(tapped.settings) == tapped.crm.users()
    bookmarks = tapped.state["bookmarks"][f"{tapped.schema}-contact"]
    assert bookmarks["replication_key_value"].startswith("2026-02-01")


def test_a_whole_table_read_again_leaves_out_what_is_gone(tapped: Tapped) -> None:
    tapped.crm.add_contacts(1, 300)
    tapped.select("FULL_TABLE")
    tapped.run()
    tapped.crm.execute("DELETE FROM contact WHERE id > 250")

    tapped.run()

    assert len(known_users(tapped.settings)) == 250
    assert known_users(tapped.settings) == tapped.crm.users()


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_what_a_tap_reads_is_in_the_rows_of_events(
    server: str, kafka: Broker, tmp_path: Path
) -> None:
    tapped = Tapped(server, kafka, tmp_path)
    tapped.crm.add_contacts(1, 100)
    tapped.select("INCREMENTAL")
    place = workplace_of(kafka, tapped.settings)
    people = [f"user-{number}" for number in range(1, 121)]  # the last twenty nobody knows

    tapped.run()
    first = plans(tapped.crm)
    place.publish([event for each in people for event in events_of(each, "first")])
    with worker_of(place, tapped.settings):
        place.wait_until_processed(3 * len(people))
        tapped.crm.execute(
            "UPDATE contact SET plan__c = 'changed', systemmodstamp = '2026-02-01' WHERE id <= 20"
        )
        tapped.run()
        wait_until(lambda: last_plan(place, "user-1") == "changed", 60)
        sent = kafka.written(place.topics.raw)
        place.publish([event for each in people for event in events_of(each, "later")])
        place.wait_until_processed(sent + 3 * len(people))
    place.load()

    rows = rows_of(place, ["identity_plan"])
    for run, said in (("first", first), ("later", plans(tapped.crm))):
        assert len(said) == 100
        for person in people:
            for number in (1, 2, 3):
                assert rows[f"{person} {run} {number}"] == (said.get(person),)


def plans(crm: Crm) -> dict[str, str]:
    """Return the plan of each user, as the CRM has it."""
    return dict(crm.query("SELECT user_id__c, plan__c FROM contact"))
