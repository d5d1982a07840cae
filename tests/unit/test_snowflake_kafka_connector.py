"""The files for Snowflake's own Kafka connector, against what that documents and what rows hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

from streamproc.kafka.codecs import ROW_SCHEMA
from streamproc.settings import Settings

FOLDER = Path(__file__).parents[2] / "deploy" / "snowflake-kafka-connector"

# What version 4.1.0 takes: ConnectorConfigDefinition.java and Constants.java of
# https://github.com/snowflakedb/snowflake-kafka-connector.
OF_CONNECTOR = {
    "snowflake.url.name",
    "snowflake.user.name",
    "snowflake.role.name",
    "snowflake.authenticator",
    "snowflake.private.key",
    "snowflake.private.key.passphrase",
    "snowflake.database.name",
    "snowflake.schema.name",
    "snowflake.topic2table.map",
    "snowflake.enable.schematization",
    "snowflake.validation",
    "snowflake.compatibility.enable.column.identifier.normalization",
    "snowflake.streaming.validate.compatibility.with.classic",
    "behavior.on.null.values",
    "enable.task.fail.on.authorization.errors",
}
# What Kafka Connect takes of every sink: https://kafka.apache.org/documentation/#sinkconnectconfigs.
OF_CONNECT = {
    "connector.class",
    "tasks.max",
    "topics",
    "key.converter",
    "value.converter",
    "errors.tolerance",
    "errors.log.enable",
    "errors.log.include.messages",
    "errors.deadletterqueue.topic.name",
    "errors.deadletterqueue.topic.replication.factor",
    "errors.deadletterqueue.context.headers.enable",
}
OF_CONVERTER = {"value.converter.schema.registry.url"}


def config() -> dict[str, str]:
    connector = json.loads((FOLDER / "connector.json").read_text())
    assert connector.keys() == {"name", "config"}
    config: dict[str, str] = connector["config"]
    return config


def columns() -> dict[str, str]:
    """Return the columns of the table and their types."""
    table = (FOLDER / "table.sql").read_text()
    written = re.findall(
        r"^    ([A-Z_]+) ([A-Z]+(?:\(38, 0\))?(?: NOT NULL)?),?$", table, re.MULTILINE
    )
    return dict(written)


def test_every_key_is_one_that_is_documented() -> None:
    assert config().keys() == OF_CONNECTOR | OF_CONNECT | OF_CONVERTER


def test_the_connector_reads_the_loader_topic_into_the_table() -> None:
    topic = Settings().topics.load
    assert config()["topics"] == topic
    assert config()["snowflake.topic2table.map"] == f"{topic}:STREAMPROC_ROWS"
    assert "STREAMPROC_ROWS" in (FOLDER / "table.sql").read_text()


def test_no_secret_is_written_down() -> None:
    for key in ("snowflake.private.key", "snowflake.private.key.passphrase"):
        assert config()[key].startswith("${file:")


def test_the_table_has_a_column_of_the_right_type_for_every_field() -> None:
    types = {"string": "VARCHAR", "long": "NUMBER(38, 0)", "int": "NUMBER(38, 0)"}
    types |= {"enum": "VARCHAR", "array": "ARRAY", "boolean": "BOOLEAN"}

    def column(kind: object) -> str:
        match kind:
            case ["null", inner]:
                return column(inner)
            case {"type": "array"}:
                return "ARRAY"  # which the connector leaves out of what has to be there
            case {"type": str() as name} | str(name):
                return f"{types[name]} NOT NULL"
        raise AssertionError(kind)

    expected = {"RECORD_METADATA": "VARIANT"}
    for field in json.loads(ROW_SCHEMA)["fields"]:
        kind = column(field["type"])
        optional = isinstance(field["type"], list)
        expected[field["name"].upper()] = kind.removesuffix(" NOT NULL") if optional else kind
    assert columns() == expected
