"""From the tables of Heroku Connect to the rows of events: a real PostgreSQL, Kafka and DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers import Broker
from crm import Crm, settings_for, tokens, variables
from enriched import events_of, last_plan, rows_of, worker_of, workplace_of
from postgres_server import binaries, fresh_schema, postgres_server
from processes import running, wait_until

from streamproc.identity.attributes import ACCOUNT
from streamproc.settings import Settings

CONTACTS = 120
STRANGERS = 10
COLUMNS = ("account_id", "identity_plan", "identity_seats", "identity_owner")
NOTHING = (None,) * len(COLUMNS)

ACCOUNTS = """
INSERT INTO account (sfid, systemmodstamp, isdeleted, seats__c)
SELECT '001' || lpad(i::text, 15, '0'), '2026-01-01', false, i FROM generate_series(0, 99, 2) AS i;
UPDATE contact SET owner__c = 'team ' || (id % 4) WHERE id % 2 = 0;
UPDATE contact SET owner__c = 'kim' || id || '@example.net' WHERE id % 10 = 5
"""
"""Every other contact's account is known; every tenth has an owner who is personal."""
CHANGES = """
UPDATE contact SET plan__c = 'changed', accountid = '001000000000000042',
    systemmodstamp = '2026-02-01' WHERE id <= 20;
UPDATE contact SET isdeleted = true, systemmodstamp = '2026-02-01' WHERE id BETWEEN 21 AND 30
"""
CONTENT = """
SELECT user_id__c, accountid, plan__c, seats__c, owner__c
FROM contact LEFT JOIN account ON account.sfid = contact.accountid
WHERE contact.isdeleted IS NOT TRUE
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server")
    with postgres_server(programs) as url:
        yield url


def synced(settings: Settings) -> None:
    command = ["-m", "streamproc", "identity", "sync", "--source", "crm"]
    with running(command, variables(settings)) as process:
        # 3: owners that are personal were refused.
        assert process.wait(60) in {0, 3}, process.output()


def said(crm: Crm) -> dict[str, tuple[Any, ...]]:
    """Return the columns that the rows of each user should have by now."""
    found = {}
    for user, account, plan, seats, owner in crm.query(CONTENT):
        allowed = None if owner is None or "@" in owner else owner
        of = None if account is None else tokens().of_named(ACCOUNT, account)
        found[user] = (of, plan, None if seats is None else int(seats), allowed)
    return found


def by_user(rows: dict[str, tuple[Any, ...]], run: str) -> dict[str, tuple[Any, ...]]:
    """Return what the rows of each user's run say; all of a run say the same."""
    found: dict[str, tuple[Any, ...]] = {}
    for id_, values in rows.items():
        user, of_run, _ = id_.rsplit(" ", 2) if id_.count(" ") == 2 else (id_, "", "")
        if of_run == run:
            assert found.setdefault(user, values) == values, id_
    return found


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_rows_say_what_the_crm_says_when_the_event_is_processed(
    kafka: Broker, server: str, tmp_path: Path
) -> None:
    crm = Crm(fresh_schema(server))
    crm.add_contacts(1, CONTACTS)
    crm.execute(ACCOUNTS)
    settings = settings_for(kafka, tmp_path, crm)
    place = workplace_of(kafka, settings)
    people = [f"user-{number}" for number in range(1, CONTACTS + 1)]
    strangers = [f"stranger-{number}" for number in range(STRANGERS)]

    synced(settings)
    before = said(crm)
    place.publish([event for each in people + strangers for event in events_of(each, "first")])
    with worker_of(place, settings):
        place.wait_until_processed(3 * (CONTACTS + STRANGERS))
        crm.execute(CHANGES)
        synced(settings)
        wait_until(lambda: last_plan(place, "user-1") == "changed", 60)
        wait_until(lambda: last_plan(place, "user-30") is None, 60)
        after = said(crm)
        sent = kafka.written(place.topics.raw)
        place.publish([event for each in people + strangers for event in events_of(each, "later")])
        place.wait_until_processed(sent + 3 * (CONTACTS + STRANGERS))
    place.load()

    unknown = dict.fromkeys(strangers, NOTHING)
    rows = rows_of(place, COLUMNS)
    assert by_user(rows, "first") == before | unknown
    gone = {user: NOTHING for user in before if user not in after}
    assert len(gone) == 10
    assert by_user(rows, "later") == after | gone | unknown
    assert before["user-1"] != after["user-1"]


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_rows_say_what_showed_whose_they_are(kafka: Broker, server: str, tmp_path: Path) -> None:
    crm = Crm(fresh_schema(server))
    settings = settings_for(kafka, tmp_path, crm)
    place = workplace_of(kafka, settings)
    place.publish(events_of("user-1", "only"))
    with worker_of(place, settings):
        place.wait_until_processed(3)
    place.load()

    columns = ("identity_resolved_by", "identity_resolved_at = received_at OR NULL", "identity_id")
    rows = rows_of(place, columns)
    person = tokens().of_identifier("user-1")
    assert rows["user-1 only 1"] == rows["user-1 only 2"] == ("user_id", None, person)
    assert rows["user-1 only 3"][::2] == ("anonymous_id", person)
    (stated,) = place.query("SELECT received_at FROM identifies")
    told = place.query("SELECT identity_resolved_at FROM seen WHERE user_id IS NULL")
    assert told == [stated]
    (spoofed,) = place.query("SELECT DISTINCT _identity_plan FROM seen")
    assert spoofed == ("of a producer",)
