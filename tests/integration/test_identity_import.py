"""Files and Singer taps onto the topic of attributes, by the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from brokers import Broker
from click.testing import CliRunner, Result
from crm import contents, known, known_users, settings_for, tokens, variables
from pyarrow import parquet

from streamproc.cli import main
from streamproc.identity.attributes import USER_ID
from streamproc.kafka.attribute_topic import read_topic
from streamproc.kafka.codecs import decode_link
from streamproc.settings import Settings

IDENTITY = """\
version: 1
identifiers:
  traits: [{name: email, entity: EMAIL_ADDRESS, fields: [traits.email]}]
attributes:
  plan: string
  seats: integer
  owner: {type: string, personal: refuse}
sources:
  file:
    objects:
      row:
        record: id
        joins: {user_id: user, email: email}
        attributes: {plan: plan, seats: seats, owner: owner}
  scored:
    objects:
      row: {joins: {identity: who}, attributes: {plan: plan}}
"""


@pytest.fixture
def settings(embedded: Broker, tmp_path: Path) -> Settings:
    return settings_for(embedded, tmp_path, identity=IDENTITY)


def identity(settings: Settings, *arguments: str, given: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["identity", *arguments], env=variables(settings), input=given)


def load(settings: Settings, file: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = identity(settings, "import", str(file), "--source", "file", "--json", *arguments)
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


CSV = """\
id,user,email,plan,seats,owner
1,u-1,jane@example.com,pro,12,west
2,,kim@example.net,free,,
3,u-3,,"two
lines",many,sue@example.com
4,,,pro,1,
,u-5,,pro,1,
5,u-5
1,u-1,jane@example.com,enterprise,12,west
6,anonymous,,pro,1,
"""


def test_rows_that_are_of_no_use_are_counted_and_named_by_their_lines(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(CSV)

    planned = load(settings, file, "--dry-run", code=3)
    assert list(contents(settings, [settings.topics.attributes])) == []
    totals = load(settings, file, code=3)

    assert {**totals, "dry_run": True} == planned
    assert (totals["rows"], totals["records"]) == (8, 4)
    assert totals["reasons"] == {
        "duplicate": {"rows": 1, "lines": [9]},
        "malformed": {"rows": 1, "lines": [8]},
        "no_id": {"rows": 1, "lines": [7]},
        "no_key": {"rows": 2, "lines": [6, 10]},
    }
    assert totals["attributes"] == {
        "owner": {"nothing": 2, "refused": 1, "told": 2},
        "plan": {"told": 4},
        "seats": {"nothing": 1, "told": 2, "unreadable": 1},
    }
    of = tokens().of_identifier
    assert known_users(settings) == {
        of("u-1"): {"owner": "west", "plan": "enterprise", "seats": 12},
        of("u-3"): {"plan": "two\nlines"},
    }


def test_a_row_links_its_user_and_its_traits(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(CSV)
    load(settings, file, code=3)

    links = [decode_link(each.value) for each in read_topic(settings, settings.topics.links)]

    of = tokens()
    assert {(link.kind, link.left, link.right) for link in links} == {
        (
            "trait",
            of.of_named("email", "jane@example.com", "EMAIL_ADDRESS"),
            of.of_identifier("u-1"),
        )
    }
    assert not [raw for raw in contents(settings, [settings.topics.links]) if b"@" in raw]


def test_a_full_import_deletes_what_the_file_does_not_have(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [{"id": n, "user": f"u-{n}", "plan": "pro"} for n in range(5)]
    file.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    load(settings, file)
    file.write_bytes(b"\n".join(map(orjson.dumps, rows[:3])))

    assert load(settings, file)["deleted"] == 0
    assert load(settings, file, "--full")["deleted"] == 2
    assert len(known_users(settings)) == 3


def test_all_formats_say_the_same(settings: Settings, tmp_path: Path) -> None:
    csv, jsonl, table = (tmp_path / f"rows.{end}" for end in ("csv", "jsonl", "parquet"))
    csv.write_text("id,user,email,plan,seats,owner\n7,u-7,,pro,3,\n")
    jsonl.write_bytes(b'{"id":7,"user":"u-7","email":null,"plan":"pro","seats":3}\n')
    columns = {"id": [7], "user": ["u-7"], "email": [None], "plan": ["pro"], "seats": [3]}
    parquet.write_table(pa.table({**columns, "owner": [None], "other": [b"\x00"]}), table)

    said = []
    for file in (csv, jsonl, table):
        load(settings, file)
        said.append(next(known(settings).records())._replace(modified_at=0))  # type: ignore[arg-type]

    assert said[0] == said[1] == said[2]


def test_files_that_cannot_be_used_are_told(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").touch()
    (tmp_path / "b.csv").write_text("id,user\n")
    (tmp_path / "c.parquet").write_text("no")

    for name, told in {
        "a.xlsx": "expected a file that ends in .csv, .jsonl, .ndjson, .parquet",
        "b.csv": "email: no such column; the configuration names it",
        "c.parquet": "is not Parquet that can be read",
    }.items():
        done = identity(settings, "import", str(tmp_path / name), "--source", "file")
        assert done.exit_code == 2
        assert told in done.output
    done = identity(settings, "import", str(tmp_path / "b.csv"), "--source", "fil")
    assert "sources.fil: no such source; did you mean file?" in done.output


def test_topics_that_are_not_there_are_told_before_anything_is_written(
    settings: Settings, embedded: Broker, tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(CSV)
    elsewhere = settings.model_copy(update={"topics": embedded.names()})

    done = identity(elsewhere, "import", str(file), "--source", "file")

    assert done.exit_code == 1
    assert "attributes is missing, run `streamproc topics apply`" in done.output


def test_scores_come_back_by_the_identities_that_the_warehouse_has(
    settings: Settings, tmp_path: Path
) -> None:
    token = tokens().of_identifier("u-1")
    file = tmp_path / "scores.csv"
    file.write_text(f"who,plan\n{token},pro\nnobody,free\n")

    done = identity(settings, "import", str(file), "--source", "scored", "--json")

    assert done.exit_code == 3
    assert json.loads(done.stdout)["reasons"] == {"no_key": {"rows": 1, "lines": [3]}}
    assert known(settings).known_of([(USER_ID, token)], None).attributes == {"plan": "pro"}


# -- Singer ---------------------------------------------------------------------------------------


def singer(*messages: dict[str, Any]) -> bytes:
    return b"".join(orjson.dumps(message) + b"\n" for message in messages)


def record(number: int, plan: str = "pro", version: int | None = None) -> dict[str, Any]:
    row = {"id": number, "user": f"u-{number}", "plan": plan}
    return {"type": "RECORD", "stream": "row", "record": row, "version": version}


SCHEMA = {"type": "SCHEMA", "stream": "row", "schema": {}, "key_properties": ["id"]}


def test_states_are_passed_on_when_their_records_are_durable(settings: Settings) -> None:
    given = singer(
        SCHEMA,
        record(1),
        {"type": "STATE", "value": {"at": 1}},
        record(2, version=2**64 - 1),
        {"type": "RECORD", "stream": "other", "record": {}},
        {"type": "STATE", "value": {"at": 2}},
    )

    done = identity(settings, "sync", "--singer", "--source", "file", given=given)

    assert done.exit_code == 0, done.output
    assert done.stdout == '{"at":2}\n'
    assert "1 record of stream other, which no object has." in done.stderr
    assert len(known_users(settings)) == 2


def test_after_a_line_that_is_no_message_no_state_is_passed_on(settings: Settings) -> None:
    given = singer(SCHEMA, record(1), {"type": "STATE", "value": 1})
    given += b"tap: warning\n" + singer(record(2), {"type": "STATE", "value": 2})
    cut = singer(record(3))[:-9]

    done = identity(settings, "sync", "--singer", "--source", "file", given=given + cut)

    assert done.exit_code == 3
    assert done.stdout == ""
    assert "2 lines that are no message: lines 4, 7. No state was passed on" in done.stderr
    assert len(known_users(settings)) == 2


def activate(version: int) -> dict[str, Any]:
    return {"type": "ACTIVATE_VERSION", "stream": "row", "version": version}


STATE = {"type": "STATE", "value": {}}


def test_a_new_version_of_a_table_replaces_the_one_before_when_it_is_whole(
    settings: Settings,
) -> None:
    first = singer(SCHEMA, *(record(n, version=1) for n in range(4)), activate(1))
    dies = singer(SCHEMA, activate(2), record(0, "free", version=2))
    second = dies + singer(record(1, "free", version=2), STATE)
    empty = singer(SCHEMA, activate(3), activate(3), STATE)

    for given, users in ((first, 4), (dies, 4), (second, 2), (empty, 0)):
        done = identity(settings, "sync", "--singer", "--source", "file", given=given)
        assert done.exit_code == 0, done.output
        assert len(known_users(settings)) == users


def test_a_tap_that_dies_leaves_what_it_said_and_no_state_beyond(
    settings: Settings, tmp_path: Path
) -> None:
    said = singer(SCHEMA, *(record(n) for n in range(20)), {"type": "STATE", "value": 20})
    file = tmp_path / "said"
    file.write_bytes(said + singer(record(21), record(22))[:-5])
    sync = f"{sys.executable} -m streamproc identity sync --singer --source file"

    done = subprocess.run(
        ["bash", "-c", f"(cat {file}; kill -9 $BASHPID) | {sync}"],
        env={**os.environ, **variables(settings)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 3, done.stderr
    assert done.stdout == ""
    assert "1 line that is no message: line 24." in done.stderr
    assert len(known_users(settings)) == 21
