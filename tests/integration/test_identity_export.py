"""Attributes back into Heroku Connect's tables: a real PostgreSQL, real commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers import Broker
from click.testing import CliRunner
from crm import Crm, settings_for, tokens, variables
from postgres_server import binaries, fresh_schema, postgres_server

from streamproc.cli import main
from streamproc.settings import Settings


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


def command(settings: Settings, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["identity", *arguments], env=variables(settings))
    assert done.exit_code == code, done.output
    return done.output


def load_scores(settings: Settings, folder: Path, scores: dict[str, str]) -> None:
    file = folder / "scores.csv"
    file.write_text("user,score\n" + "".join(f"{user},{score}\n" for user, score in scores.items()))
    command(settings, "import", str(file), "--source", "scores")


def exported(settings: Settings, *arguments: str) -> dict[str, Any]:
    lines = command(settings, "export", "--json", *arguments).splitlines()
    found: dict[str, Any] = json.loads(lines[-1])["exports"]["scores"]
    return found


def test_only_what_differs_is_written_and_a_dry_run_tells_it_before(
    crm: Crm, settings: Settings, tmp_path: Path
) -> None:
    crm.add_contacts(1, 3)
    command(settings, "sync", "--source", "crm")
    load_scores(settings, tmp_path, {"user-1": "0.5", "user-9": "0.25"})

    planned = exported(settings, "--dry-run")
    assert planned == {
        "rows": 4,
        "inserted": 4,
        "updated": 0,
        "columns": {"score__c": 2, "plan__c": 3},
    }
    assert crm.query("SELECT * FROM score__c") == []

    assert exported(settings)["inserted"] == 4
    assert exported(settings) == {"rows": 4, "inserted": 0, "updated": 0, "columns": {}}
    rows = crm.query("SELECT identity__c, score__c, plan__c FROM score__c")
    identity = tokens().of_identifier
    assert {row[0]: row[1:] for row in rows} == {
        identity("user-1"): (0.5, "pro"),
        identity("user-2"): (None, "enterprise"),
        identity("user-3"): (None, "free"),
        identity("user-9"): (0.25, None),
    }


def test_what_is_known_no_more_is_emptied_and_other_columns_stay(
    crm: Crm, settings: Settings
) -> None:
    crm.add_contacts(1, 2)
    command(settings, "sync", "--source", "crm")
    exported(settings)
    crm.execute("UPDATE score__c SET sfid = 'kept'")
    crm.execute("UPDATE contact SET plan__c = NULL, systemmodstamp = '2026-05-01' WHERE id = 1")
    command(settings, "sync", "--source", "crm")

    assert exported(settings, "--dry-run")["updated"] == 1
    assert exported(settings)["updated"] == 1

    rows = crm.query("SELECT identity__c, sfid, plan__c FROM score__c")
    assert {row[0]: row[1:] for row in rows} == {
        tokens().of_identifier("user-1"): ("kept", None),
        tokens().of_identifier("user-2"): ("kept", "enterprise"),
    }


def test_an_account_has_a_row_of_its_own(crm: Crm, settings: Settings) -> None:
    crm.add_contacts(1, 2)
    crm.execute(
        "INSERT INTO account (sfid, systemmodstamp, seats__c)"
        " VALUES ('001000000000000001', '2026-01-01', 25), ('001000000000000007', '2026-01-01', 7)"
    )
    command(settings, "sync", "--source", "crm")

    told = command(settings, "export", "seats", "--dry-run")
    assert "seats: 2 identities, 2 rows would be made, 0 would be changed." in told
    command(settings, "export", "seats")

    of = tokens().of_named
    assert dict(crm.query("SELECT account__c, seats__c FROM seats__c")) == {
        of("account", "001000000000000001"): 25.0,
        of("account", "001000000000000007"): 7.0,
    }


def test_a_table_that_does_not_fit_is_told_without_a_value(
    crm: Crm, settings: Settings, tmp_path: Path
) -> None:
    load_scores(settings, tmp_path, {"user-1": "0.5"})
    crm.execute("ALTER TABLE score__c DROP COLUMN plan__c")
    told = command(settings, "export", code=2)
    assert "export.scores: score__c has no column plan__c" in told

    crm.execute(
        "ALTER TABLE score__c ADD COLUMN plan__c varchar(2);"
        "ALTER TABLE score__c DROP CONSTRAINT score__c_identity__c_key"
    )
    assert "the external id is not unique (42P10)" in command(settings, "export", code=2)
    assert "no such export; did you mean scores?" in command(settings, "export", "score", code=2)
