"""A business with a CRM: its tables as Heroku Connect keeps them, and what a topic says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as driver
from brokers import Broker
from pydantic import SecretStr
from workplace import TEST_KEY

from streamproc.assemble import load_identity_config
from streamproc.events import Json, Token
from streamproc.identity.attributes import USER_ID, Attributes
from streamproc.identity.store import MemoryStore
from streamproc.kafka.attribute_topic import read_topic
from streamproc.kafka.attributes import decode_attributes, parse_attribute_key
from streamproc.redact import KeyRing, Tokens, write_key_ring
from streamproc.settings import Settings, TopicSettings

__all__ = [
    "RULES",
    "Crm",
    "contents",
    "known",
    "known_users",
    "settings_for",
    "tokens",
    "variables",
]

RULES = """\
version: 1
name: own
entities: [EMAIL_ADDRESS, PHONE_NUMBER]
operators: {default: hash}
rules:
  - {name: emails, fields: ["**.email"], entity: EMAIL_ADDRESS, operator: hash}
"""

IDENTITY = """\
version: 1
identifiers:
  traits: [{name: email, entity: EMAIL_ADDRESS, fields: [traits.email]}]
attributes:
  plan: string
  seats: integer
  owner: {type: string, personal: refuse}
  score: number
sources:
  crm:
    overlap_seconds: 60
    objects:
      contact:
        table: contact
        joins: {user_id: user_id__c, email: email, account: accountid}
        attributes: {plan: plan__c, owner: owner__c}
      account:
        table: account
        joins: {account: sfid}
        attributes: {seats: seats__c}
  scores:
    objects:
      score:
        joins: {user_id: user}
        attributes: {score: score}
export:
  scores:
    table: score__c
    external_id: identity__c
    columns: {score__c: score, plan__c: plan}
  seats:
    table: seats__c
    external_id: account__c
    about: account
    columns: {seats__c: seats}
"""

TABLES = """
CREATE TABLE contact (
    id serial, sfid varchar(18) UNIQUE, systemmodstamp timestamp, isdeleted boolean,
    user_id__c varchar(80), email varchar(80), accountid varchar(18),
    plan__c varchar(255), owner__c varchar(255)
);
CREATE INDEX ON contact (systemmodstamp);
CREATE TABLE account (
    id serial, sfid varchar(18) UNIQUE, systemmodstamp timestamp, isdeleted boolean,
    seats__c double precision
);
CREATE TABLE score__c (
    id serial, sfid varchar(18), identity__c varchar(255) UNIQUE, score__c double precision,
    plan__c varchar(255)
);
CREATE TABLE seats__c (account__c varchar(255) UNIQUE, seats__c double precision)
"""

CONTACTS = """
INSERT INTO contact (sfid, systemmodstamp, isdeleted, user_id__c, email, accountid, plan__c)
SELECT '003' || lpad(i::text, 15, '0'), timestamp '2026-01-01' + (i / 50) * interval '1 second',
    false, 'user-' || i, 'person' || i || '@example.com', '001' || lpad((i % 100)::text, 15, '0'),
    (ARRAY['free', 'pro', 'enterprise'])[1 + i % 3]
FROM generate_series({first}, {last}) AS i
"""
"""Fifty are modified at one time."""


class Crm:
    """The CRM's database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.execute(TABLES)

    def execute(self, sql: str) -> None:
        with driver.connect(self.url, autocommit=True) as open_, open_.cursor() as cursor:
            for statement in filter(str.strip, sql.split(";")):
                cursor.execute(statement)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with driver.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def add_contacts(self, first: int, last: int) -> None:
        self.execute(CONTACTS.format(first=first, last=last))

    def users(self) -> dict[Token, dict[str, Json]]:
        """Return what the tables say of each user that is not deleted."""
        rows = self.query(
            "SELECT user_id__c, plan__c FROM contact"
            " WHERE isdeleted IS NOT TRUE AND user_id__c IS NOT NULL"
        )
        return {
            tokens().of_identifier(user): {} if plan is None else {"plan": plan}
            for user, plan in rows
        }


@cache
def tokens() -> Tokens:
    """Return the tokens of the tests' key ring."""
    return Tokens(KeyRing("k1", {"k1": TEST_KEY}))


def settings_for(
    broker: Broker, folder: Path, crm: Crm | None = None, identity: str = IDENTITY
) -> Settings:
    """Return settings with topics of their own, all files in ``folder``."""
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "rules.yaml").write_text(RULES)
    (folder / "identity.yaml").write_text(identity)
    key_file = folder / "keyring.json"
    key_file.touch(mode=0o600)
    key_file.write_text(write_key_ring("k1", {"k1": TEST_KEY}))
    plain = Settings(topics=broker.topics("crm"))
    return plain.model_copy(
        update={
            "kafka": plain.kafka.model_copy(update={"brokers": broker.bootstrap}),
            "rules": plain.rules.model_copy(update={"directory": folder / "rules"}),
            "keys": plain.keys.model_copy(update={"file": key_file}),
            "identity": plain.identity.model_copy(
                update={
                    "file": folder / "identity.yaml",
                    "database_url": SecretStr(crm.url) if crm is not None else None,
                }
            ),
        }
    )


def variables(settings: Settings) -> dict[str, str]:
    """Return the same as variables, for a process."""
    url = settings.identity.database_url
    topics: TopicSettings = settings.topics
    return {
        "STREAMPROC_KAFKA_BROKERS": settings.kafka.brokers,
        "STREAMPROC_TOPICS_ATTRIBUTES": topics.attributes,
        "STREAMPROC_TOPICS_LINKS": topics.links,
        "STREAMPROC_TOPICS_SUPPRESSED": topics.suppressed,
        "STREAMPROC_RULES_DIRECTORY": str(settings.rules.directory),
        "STREAMPROC_KEYS_FILE": str(settings.keys.file),
        "STREAMPROC_IDENTITY_FILE": str(settings.identity.file),
    } | ({} if url is None else {"STREAMPROC_IDENTITY_DATABASE_URL": url.get_secret_value()})


def known(settings: Settings) -> Attributes:
    """Return what a worker knows that has read the whole topic."""
    config = load_identity_config(settings)
    attributes = Attributes(MemoryStore(), [*config.sources], config.attributes)
    for message in read_topic(settings, settings.topics.attributes):
        if parse_attribute_key(message.key) is not None:
            attributes.apply(decode_attributes(message.value))
    return attributes


def known_users(settings: Settings) -> dict[Token, Mapping[str, Json]]:
    """Return what the topic says of each user id that it names."""
    return {
        token: record.attributes
        for record in known(settings).records()
        for name, token in record.joins
        if name == USER_ID
    }


def contents(settings: Settings, topics: Sequence[str]) -> Iterator[bytes]:
    """Yield every key and value of ``topics``."""
    for topic in topics:
        for message in read_topic(settings, topic):
            yield (message.key or b"") + b"\0" + (message.value or b"")
