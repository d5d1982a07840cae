"""A whole streamproc on a broker: topics, keys, a warehouse file, its processes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import duckdb
from brokers import Broker
from processes import Process, running, wait_until

from streamproc.deadletters import KeyPair, generate_key_pair
from streamproc.demo import Generated
from streamproc.events import DeadLetter
from streamproc.kafka.codecs import decode_dead_letter
from streamproc.redact import write_key_ring
from streamproc.settings import TopicSettings, variable_name
from streamproc.warehouse.standard import TABLES

__all__ = ["Workplace"]

SESSION_SECONDS = 6  # the least that Kafka allows
TEST_KEY = bytes(range(32))


class Workplace:
    """One test's own."""

    def __init__(self, broker: Broker, folder: Path, topics: TopicSettings | None = None) -> None:
        self.broker = broker
        self.topics = topics or broker.topics("whole")
        self.folder = folder
        self.group = broker.group("worker")
        self.loader_group = broker.group("loader")
        self.warehouse = folder / "warehouse.duckdb"
        self.pair: KeyPair = generate_key_pair()
        self.key_file = folder / "keyring.json"
        self.key_file.touch(mode=0o600)
        self.key_file.write_text(write_key_ring("k1", {"k1": TEST_KEY}))

    def environment(self, **settings: object) -> dict[str, str]:
        """Return the variables of every process; ``settings`` are ``section_name=value``."""
        values: dict[str, object] = {
            "kafka_brokers": self.broker.bootstrap,
            "kafka_session_timeout_seconds": SESSION_SECONDS,
            "topics_raw": self.topics.raw,
            "topics_load": self.topics.load,
            "topics_dead": self.topics.dead,
            "topics_links": self.topics.links,
            "topics_attributes": self.topics.attributes,
            "topics_deletions": self.topics.deletions,
            "topics_suppressed": self.topics.suppressed,
            "topics_rules": self.topics.rules,
            "topics_status": self.topics.status,
            "keys_file": self.key_file,
            "identity_directory": self.folder / "identity",
            "dead_letters_public_key": self.pair.public,
            "worker_group": self.group,
            "worker_commit_interval_seconds": 0.3,
            "loader_group": self.loader_group,
            "loader_duckdb_file": self.warehouse,
            "loader_batch_seconds": 0.5,
            "log_format": "json",
            "log_progress_seconds": 0.5,
        }
        values.update(settings)
        return {
            variable_name(*name.split("_", 1)): str(value) for name, value in values.items()
        } | {variable_name("dead_letters", "public_key"): self.pair.public}

    def worker(self, **settings: object) -> AbstractContextManager[Process]:
        return running(["-m", "streamproc", "worker"], self.environment(**settings))

    @contextmanager
    def ready_worker(self, **settings: object) -> Iterator[Process]:
        with self.worker(**settings) as process:
            process.wait_for("worker ready")
            yield process

    def publish(self, records: Iterable[Generated]) -> None:
        self.broker.produce(self.topics.raw, [(record.key, record.value) for record in records])

    def wait_until_processed(self, count: int, seconds: float = 120.0) -> None:
        """Wait until the group has committed ``count`` raw records."""
        wait_until(lambda: self.committed() >= count, seconds)

    def committed(self) -> int:
        return sum(self.broker.committed(self.group, self.topics.raw).values())

    def load(self, seconds: float = 180.0) -> dict[str, int]:
        """Load all that is on the loader topic; return the loader's summary."""
        with running(
            ["-m", "streamproc", "load", "--until-caught-up", "--json"], self.environment()
        ) as process:
            assert process.wait(seconds) == 0, process.output()
            process.close()
            summary: dict[str, int] = json.loads(process.lines[-1])
            return summary

    def query(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def message_ids(self) -> Counter[str]:
        """Return the ids in the base tables, and how often each is there."""
        ids = " UNION ALL ".join(f"SELECT id FROM {table}" for table in self.base_tables())
        found = Counter[str](row[0] for row in self.query(ids)) if ids else Counter[str]()
        ledger = {row[0] for row in self.query("SELECT id FROM streamproc_messages")}
        assert found.keys() == ledger, "the tables and the ledger differ"
        return found

    def base_tables(self) -> list[str]:
        """Return those that are there."""
        known = "SELECT table_name FROM duckdb_tables()"
        return sorted({name for (name,) in self.query(known)} & set(TABLES.values()))

    def rows(self) -> dict[str, str]:
        """Return what every table has of each event, as JSON, by message id."""
        found: dict[str, str] = {}
        for (table,) in self.query(
            "SELECT table_name FROM duckdb_columns() WHERE column_name = 'id'"
        ):
            for id_, text in self.query(f"SELECT id, to_json(t)::VARCHAR FROM {table} t"):
                found[id_] = found.get(id_, "") + text
        return found

    def dead_letters(self) -> list[DeadLetter]:
        return [
            decode_dead_letter(record.value) for record in self.broker.consume_all(self.topics.dead)
        ]
