"""The SQL in deploy/snowflake: parsed as Snowflake's, and run as far as fakesnow takes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import sqlglot
from snowflake_server import SnowflakeServer, snowflake_server
from sqlglot import exp

from streamproc.redact.tokens import TOKEN
from streamproc.settings import LoaderSettings, Settings
from streamproc.warehouse.sinks.snowflake import open_snowflake
from streamproc.warehouse.sinks.snowflake_connection import STATEMENT_SECONDS
from streamproc.warehouse.standard import SYSTEM

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "snowflake"
FILES: Final = ("setup.sql", "masking.sql")

UNREAD: Final = re.compile(
    r"CREATE (USER|RESOURCE MONITOR|MASKING POLICY|ROLE|SCHEMA) IF NOT EXISTS \S+"
    r"|ALTER (TAG|WAREHOUSE|SCHEMA) \S+ SET\b|ALTER TABLE \w+ MODIFY COLUMN \w+ SET TAG\b"
    r"|GRANT (ROLE|SELECT ON (ALL|FUTURE) TABLES IN SCHEMA) \S+ TO (ROLE|USER)\b"
)
"""How statements begin that sqlglot has no grammar for, or not for all of."""
GRANTED: Final = {
    "STREAMPROC_LOADER": {"USAGE", "CREATE TABLE", "CREATE STAGE"},
    "STREAMPROC_READER": {"USAGE", "SELECT"},
}
ROLE: Final = re.compile(r"IS_ROLE_IN_SESSION\('(\w+)'\)")
TAG: Final = re.compile(r"SYSTEM\$GET_TAG_ON_CURRENT_COLUMN\('([\w.]+)'\)")

SHORT: Final = "tok_k1_" + "abcdefghijklmnop" * 2
HASHED: Final = re.compile(r"[0-9a-f]{64}")


@pytest.fixture(scope="module")
def server() -> Iterator[SnowflakeServer]:
    with snowflake_server() as started:
        yield started


def texts(file: str) -> list[str]:
    lines = (FOLDER / file).read_text(encoding="utf-8").splitlines()
    kept = "\n".join(line for line in lines if not line.startswith("--"))
    return [text.strip() for text in kept.split(";") if text.strip()]


@pytest.mark.parametrize("file", FILES)
def test_every_statement_is_one_of_snowflakes(file: str) -> None:
    for text in texts(file):
        (read,) = sqlglot.parse(text, read="snowflake")
        assert not isinstance(read, exp.Command) or UNREAD.match(text), text


def test_a_role_gets_what_it_needs_and_no_more() -> None:
    granted: dict[str, set[str]] = {}
    for text in texts("setup.sql"):
        if match := re.fullmatch(r"GRANT (.+?) ON (.+) TO ROLE (\w+)", text):
            granted.setdefault(match[3], set()).update(match[1].split(", "))
    assert granted == GRANTED


def test_the_loaders_warehouse_sleeps_after_a_minute() -> None:
    (text,) = [text for text in texts("setup.sql") if text.startswith("CREATE WAREHOUSE")]
    assert "AUTO_SUSPEND = 60" in text
    assert f"STATEMENT_TIMEOUT_IN_SECONDS = {STATEMENT_SECONDS}" in text


def test_the_places_that_are_set_up_are_those_of_the_settings() -> None:
    settings = Settings().snowflake
    place = f"{settings.database}.{settings.schema_name}"
    assert any(text.startswith(f"CREATE SCHEMA IF NOT EXISTS {place}") for text in texts(FILES[0]))


def test_columns_that_are_hidden_are_columns_that_there_are() -> None:
    tagged = [
        match.groups()
        for text in texts("masking.sql")
        if (match := re.match(r"ALTER TABLE (\w+) MODIFY COLUMN (\w+)", text))
    ]
    assert tagged
    for table, column in tagged:
        assert column.lower() in SYSTEM[table.lower()]


def test_what_fakesnow_knows_of_the_setup_is_run_and_loaded_into(server: SnowflakeServer) -> None:
    ran = 0
    with server.client("STREAMPROC") as connection, connection.cursor() as cursor:
        for text in texts("setup.sql"):
            if re.match("CREATE (DATABASE|SCHEMA)", text):
                # Of the schema's options fakesnow knows none.
                cursor.execute(text.partition("\n")[0])
                ran += 1
    assert ran == 2
    loader = LoaderSettings(sink="snowflake")
    settings = Settings(loader=loader, snowflake=server.settings("STREAMPROC"))
    sink = open_snowflake(settings)
    assert sink.counts() == {"streamproc_messages": 0, "discards": 0}
    sink.close()


# A policy's expression, with the roles of a session and the tag of a column written into it.


def masked(server: SnowflakeServer, policy: str, value: str, role: str, tag: str) -> str | None:
    (text,) = [text for text in texts("masking.sql") if f"POLICY IF NOT EXISTS {policy}" in text]
    body = text.partition("->")[2]
    body = ROLE.sub(lambda match: str(match[1] == role).upper(), body)
    body = TAG.sub(f"'{tag}'", body)
    of = "PARSE_JSON(val)" if policy == "STREAMPROC_DOCUMENT" else "val"
    query = f"SELECT {body} FROM (SELECT {of} AS val FROM (SELECT '{value}' AS val))"
    ((found,),) = server.rows("STREAMPROC", query)
    return None if found is None else str(found)


def test_policies_know_a_token_when_they_see_one() -> None:
    text = (FOLDER / "masking.sql").read_text(encoding="utf-8")
    patterns = set(re.findall(r"'\^?(tok_\[[^']+?)\$?'", text))
    assert patterns == {TOKEN.pattern}


@pytest.mark.parametrize("role", ["STREAMPROC_PRIVILEGED", "STREAMPROC_LOADER"])
def test_who_is_trusted_sees_what_is_there(server: SnowflakeServer, role: str) -> None:
    for tag in ("tokens", "hidden", "open"):
        assert masked(server, "STREAMPROC_TEXT", SHORT, role, tag) == SHORT
        assert masked(server, "STREAMPROC_DOCUMENT", f'["{SHORT}"]', role, tag) == f'["{SHORT}"]'


def test_a_reader_sees_a_hash_for_a_token_and_no_token_within_text(
    server: SnowflakeServer,
) -> None:
    def seen(value: str, tag: str = "tokens", policy: str = "STREAMPROC_TEXT") -> str | None:
        return masked(server, policy, value, "STREAMPROC_READER", tag)

    assert HASHED.fullmatch(seen(SHORT) or "")
    assert seen(SHORT) != seen(SHORT.replace("k1", "k2"))
    assert seen(f"from {SHORT} to {SHORT}") == "from tok to tok"
    assert seen("a plan") == "a plan"
    assert seen("a plan", "hidden") is None
    assert seen(SHORT, "open") == SHORT
    assert seen(f'{{"a":["{SHORT}"]}}', policy="STREAMPROC_DOCUMENT") == '{"a":["tok"]}'
    assert seen('{"a":1}', "hidden", "STREAMPROC_DOCUMENT") is None
