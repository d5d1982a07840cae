"""Heroku Connect's tables onto the topic of attributes: a real PostgreSQL, a real process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as driver
import pytest
from brokers import Broker
from crm import Crm, contents, known, known_users, settings_for, tokens, variables
from postgres_server import binaries, fresh_schema, postgres_server
from processes import running, wait_until

from streamproc.assemble import load_identity_config
from streamproc.business.assembly import Makers, find_source
from streamproc.business.records import Place, RecordMaker
from streamproc.business.syncing import Pass, TableSync
from streamproc.business.topic import read_cursors
from streamproc.errors import ConfigError
from streamproc.events import Micros
from streamproc.identity.attributes import ACCOUNT, USER_ID
from streamproc.kafka.attribute_topic import attribute_writer
from streamproc.settings import Settings

NOW = Micros(1_790_000_000_000_000)
OLD_PAGE = 5_000


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server")
    with postgres_server(programs) as url:
        yield url


@pytest.fixture
def crm(server: str) -> Crm:
    return Crm(fresh_schema(server))


@pytest.fixture
def settings(embedded: Broker, crm: Crm, tmp_path: Path) -> Settings:
    return settings_for(embedded, tmp_path, crm)


class Syncing:
    """A sync in this process, pass by pass."""

    def __init__(self, settings: Settings) -> None:
        config = load_identity_config(settings)
        name, source = find_source(config, "crm")
        self._settings = settings
        self._makers = Makers(settings, config)
        self._places = {kind: Place(name, kind, said) for kind, said in source.objects.items()}
        self._sync = TableSync(settings, name, source)

    def run(
        self, *, full: bool = False, emptied: bool = False, again: bool = False
    ) -> dict[str, RecordMaker]:
        makers = self._makers.of(self._places)
        with attribute_writer(self._settings) as writer:
            self._sync.run(Pass(makers, writer, NOW, full, emptied, again, lambda _rows: None))
        return makers


def test_a_pass_takes_what_was_modified_since_the_last_and_deletions(
    crm: Crm, settings: Settings
) -> None:
    crm.add_contacts(1, 200)
    first = Syncing(settings)
    assert first.run()["contact"].totals.records == 200

    crm.execute(
        "UPDATE contact SET plan__c = 'free', systemmodstamp = '2026-02-01' WHERE id <= 10;"
        "UPDATE contact SET plan__c = NULL, systemmodstamp = '2026-02-01' WHERE id = 11;"
        "UPDATE contact SET isdeleted = true, systemmodstamp = '2026-02-01'"
        " WHERE id BETWEEN 12 AND 16"
    )
    again = first.run()["contact"].totals
    from_the_topic = Syncing(settings).run()["contact"].totals

    assert (again.rows, again.records, again.deleted) == (16, 11, 5)
    assert from_the_topic.rows == 16  # only the overlap, by the cursor on the topic
    assert known_users(settings) == crm.users()


def test_all_rows_are_read_again_on_demand(crm: Crm, settings: Settings) -> None:
    crm.add_contacts(1, 6_000)
    sync = Syncing(settings)
    sync.run()

    assert sync.run()["contact"].totals.rows == 0  # those of the overlap were sent as they are
    assert sync.run(again=True)["contact"].totals.rows == 6_000


def test_rows_that_are_committed_late_are_found_within_the_overlap(
    crm: Crm, settings: Settings
) -> None:
    crm.add_contacts(3_000, 3_100)  # modified at 00:01:00 and later
    sync = Syncing(settings)
    sync.run()
    crm.add_contacts(1_000, 1_010)  # at 00:00:20

    sync.run()

    assert known_users(settings) == crm.users()


def test_more_rows_of_one_time_than_a_page_has_are_all_read(crm: Crm, settings: Settings) -> None:
    crm.add_contacts(1, OLD_PAGE + 200)
    crm.execute("UPDATE contact SET systemmodstamp = '2026-03-01'")

    Syncing(settings).run()

    assert len(known_users(settings)) == OLD_PAGE + 200


def test_rows_that_went_without_a_trace_are_found_by_their_ids(
    crm: Crm, settings: Settings
) -> None:
    crm.add_contacts(1, 300)
    sync = Syncing(settings)
    sync.run()
    crm.execute("DELETE FROM contact WHERE id <= 40")

    sync.run()
    assert len(known_users(settings)) == 300
    assert sync.run(full=True)["contact"].totals.deleted == 40
    assert known_users(settings) == crm.users()


def test_a_deleted_row_that_is_created_again_is_known_again(crm: Crm, settings: Settings) -> None:
    crm.add_contacts(1, 3)
    sync = Syncing(settings)
    sync.run()
    crm.execute("DELETE FROM contact WHERE id = 3")
    sync.run(full=True)
    assert len(known_users(settings)) == 2

    crm.add_contacts(3, 3)  # with the time it had
    sync.run()
    Syncing(settings).run()

    assert known_users(settings) == crm.users()


def test_a_table_that_was_emptied_is_not_believed(crm: Crm, settings: Settings) -> None:
    crm.add_contacts(1, 300)
    sync = Syncing(settings)
    sync.run()
    crm.execute("TRUNCATE contact")

    with pytest.raises(ConfigError, match="300 of 300 records are gone"):
        sync.run(full=True)
    assert len(known_users(settings)) == 300
    sync.run(full=True, emptied=True)
    assert known_users(settings) == {}


def test_an_account_is_known_of_its_people_and_a_join_that_changes_leads_elsewhere(
    crm: Crm, settings: Settings
) -> None:
    crm.add_contacts(1, 2)
    crm.execute(
        "INSERT INTO account (sfid, systemmodstamp, seats__c)"
        " VALUES ('001000000000000001', '2026-01-01', 25)"
    )
    Syncing(settings).run()
    one = (USER_ID, tokens().of_identifier("user-1"))
    two = (USER_ID, tokens().of_identifier("user-2"))

    before = known(settings)
    assert before.known_of([one], None).attributes == {"plan": "pro", "seats": 25}
    assert before.known_of([two], None).attributes == {"plan": "enterprise"}

    crm.execute(
        "UPDATE contact SET accountid = '001000000000000001', user_id__c = NULL, email = NULL,"
        " systemmodstamp = '2026-02-01' WHERE id = 1;"
        "UPDATE contact SET accountid = '001000000000000001', systemmodstamp = '2026-02-01'"
        " WHERE id = 2"
    )
    assert Syncing(settings).run()["contact"].totals.reasons["no_key"] == 1
    after = known(settings)

    assert after.known_of([one], None).attributes == {}
    found = after.known_of([two], None)
    assert found.attributes == {"plan": "enterprise", "seats": 25}
    assert found.account in {token for name, token in _joins(settings) if name == ACCOUNT}


def _joins(settings: Settings) -> set[tuple[str, str]]:
    return {join for record in known(settings).records() for join in record.joins}


def test_a_missing_column_is_told_with_its_table(crm: Crm, settings: Settings) -> None:
    crm.execute("ALTER TABLE contact DROP COLUMN plan__c; DROP TABLE account")

    with pytest.raises(ConfigError) as refused:
        Syncing(settings).run()

    assert [str(problem) for problem in refused.value.problems] == [
        "identity configuration: sources.crm.objects.contact: contact has no column plan__c"
    ]


def test_nothing_personal_is_on_any_topic(crm: Crm, settings: Settings) -> None:
    crm.add_contacts(1, 50)
    crm.execute(
        "UPDATE contact SET owner__c = 'jane.roe@example.com' WHERE id = 1;"
        "UPDATE contact SET owner__c = 'team west' WHERE id = 2;"
        "UPDATE contact SET plan__c = 'ask sue@example.org' WHERE id = 3"
    )
    totals = Syncing(settings).run()["contact"].totals

    assert totals.attributes["owner"] == {"refused": 1, "told": 1, "nothing": 48}
    assert totals.attributes["plan"] == {"redacted": 1, "told": 49}
    all_of_it = b"".join(contents(settings, [settings.topics.attributes, settings.topics.links]))
    assert b"team west" in all_of_it
    for raw in (b"@example", b"user-1", b"0030000000", b"0010000000", b"jane", b"sue"):
        assert raw not in all_of_it


def sync(settings: Settings, *arguments: str) -> dict[str, Any]:
    command = ["-m", "streamproc", "identity", "sync", "--source", "crm", "--json", *arguments]
    with running(command, variables(settings)) as process:
        assert process.wait(120) in {0, 3}, process.output()
        process.close()
        totals: dict[str, Any] = json.loads(process.lines[-1])
        return totals


def test_a_sync_goes_on_over_a_database_that_is_away(crm: Crm, settings: Settings) -> None:
    crm.add_contacts(1, 10)
    command = ["-m", "streamproc", "identity", "sync", "--source", "crm", "--every", "0.2"]
    allow = "ALTER DATABASE postgres ALLOW_CONNECTIONS {}"
    with (
        driver.connect(crm.url.replace("/postgres?", "/template1?"), autocommit=True) as open_,
        open_.cursor() as cursor,
        running(command, variables(settings)) as process,
    ):
        process.wait_for("attributes synced")
        cursor.execute(allow.format("false"))
        try:
            process.wait_for("attributes were not synced, trying again")
        finally:
            cursor.execute(allow.format("true"))
        crm.execute("UPDATE contact SET plan__c = 'new', systemmodstamp = '2026-05-01'")
        wait_until(lambda: known_users(settings) == crm.users(), 60)
    assert "postgresql://" not in process.output()


@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_a_sync_that_is_killed_midway_goes_on_and_ends_with_what_the_tables_say(
    kafka: Broker, crm: Crm, tmp_path: Path
) -> None:
    crm.add_contacts(1, 100_000)
    settings = settings_for(kafka, tmp_path, crm)
    topic = settings.topics.attributes
    command = ["-m", "streamproc", "identity", "sync", "--source", "crm"]
    for written in (10_000, 50_000):
        with running(command, variables(settings)) as process:
            wait_until(lambda least=written: kafka.written(topic) >= least, 90)
            process.kill()
    assert 50_000 <= kafka.written(topic) < 100_000

    (saved,) = read_cursors(settings, "crm", ["contact"]).values()
    ((left,),) = crm.query(
        "SELECT count(*) FROM contact WHERE systemmodstamp >="
        f" timestamp '1970-01-01' + interval '{saved} microseconds' - interval '60 seconds'"
    )
    assert left < 90_000, "the cursor is behind what is acknowledged, but by pages"

    rest = sync(settings)["contact"]
    assert rest["rows"] <= left, "it did not go on at the cursor"
    assert known_users(settings) == crm.users()

    crm.execute(
        "UPDATE contact SET plan__c = 'changed', systemmodstamp = '2026-04-01' WHERE id <= 1000;"
        "UPDATE contact SET isdeleted = true, systemmodstamp = '2026-04-01'"
        " WHERE id BETWEEN 2001 AND 2050;"
        "DELETE FROM contact WHERE id BETWEEN 3001 AND 3050"
    )
    changed = sync(settings, "--full")["contact"]

    assert changed["records"] >= 1_000
    assert changed["deleted"] == 100
    assert known_users(settings) == crm.users()
    assert len(crm.users()) == 99_900
