"""The loader under faults: rows = distinct message ids, whoever is killed or comes and goes."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from brokers import Broker
from loading import message
from processes import Process, running, wait_until

from streamproc.settings import KafkaSettings, LoaderSettings, Settings, TopicSettings
from streamproc.warehouse.loading.loader import LoaderOptions, Totals, run_loader

ROWS = int(os.environ.get("STREAMPROC_TEST_FAULT_ROWS", "20000"))
SESSION_SECONDS = 6
PORTIONS = 8


class Loaders:
    """Topics full of rows, and loaders that share them."""

    def __init__(self, broker: Broker, folder: Path, **loader: object) -> None:
        self.broker = broker
        self.topics: TopicSettings = broker.topics("loaders")
        self.settings = Settings(
            kafka=KafkaSettings(brokers=broker.bootstrap, session_timeout_seconds=SESSION_SECONDS),
            topics=self.topics,
            loader=LoaderSettings.model_validate(
                {
                    "group": broker.group("loader"),
                    "duckdb_file": folder / "warehouse.duckdb",
                    "parquet_directory": folder / "lake",
                    "batch_rows": 1_000,
                    "batch_seconds": 0.5,
                    **loader,
                }
            ),
        )
        self.published = 0

    def publish(self, count: int) -> None:
        """Publish rows, one of ten of them twice."""
        numbers = range(self.published, self.published + count)
        again = range(self.published, self.published + count, 10)
        records = [message(number, total=number) for number in (*numbers, *again)]
        random.Random(self.published).shuffle(records)
        self.broker.produce(self.topics.load, records)
        self.published += count

    def ids(self) -> set[str]:
        return {f"m-{number}" for number in range(self.published)}

    @contextmanager
    def thread(self) -> Iterator[list[Totals]]:
        """A loader in a thread of this process, which may share a DuckDB file with others."""
        stopping: list[bool] = []
        totals: list[Totals] = []
        options = LoaderOptions(stop=lambda: bool(stopping))
        thread = threading.Thread(target=lambda: totals.append(run_loader(self.settings, options)))
        thread.start()
        try:
            yield totals
        finally:
            stopping.append(True)
            thread.join(120)
            assert totals, "the loader did not end in time, or failed"

    def environment(self) -> dict[str, str]:
        loader = self.settings.loader
        values = {
            "KAFKA_BROKERS": self.broker.bootstrap,
            "KAFKA_SESSION_TIMEOUT_SECONDS": SESSION_SECONDS,
            "TOPICS_LOAD": self.topics.load,
            "TOPICS_DEAD": self.topics.dead,
            "TOPICS_DELETIONS": self.topics.deletions,
            "LOADER_GROUP": loader.group,
            "LOADER_SINK": loader.sink,
            "LOADER_PARQUET_DIRECTORY": loader.parquet_directory,
            "LOADER_BATCH_ROWS": loader.batch_rows,
            "LOADER_BATCH_SECONDS": loader.batch_seconds,
            "LOG_LEVEL": "DEBUG",
            "LOG_FORMAT": "json",
        }
        return {f"STREAMPROC_{name}": str(value) for name, value in values.items()}


def loaded(file: Path) -> list[str]:
    with duckdb.connect(str(file)) as connection:
        return [id_ for (id_,) in connection.execute("SELECT id FROM tracks").fetchall()]


@pytest.mark.kafka
@pytest.mark.timeout(1_500)
def test_loaders_that_come_and_go_lose_and_double_nothing(kafka: Broker, tmp_path: Path) -> None:
    loaders = Loaders(kafka, tmp_path)
    portion = ROWS // PORTIONS
    totals: list[Totals] = []

    def keep_publishing(seconds: float) -> None:
        end = time.monotonic() + seconds
        loaders.publish(portion)
        time.sleep(max(0.0, end - time.monotonic()))

    with loaders.thread() as first:
        keep_publishing(4)
        with loaders.thread() as second:  # first rebalance
            keep_publishing(4)
            keep_publishing(4)
        keep_publishing(4)  # second: the other has gone
        with loaders.thread() as third:  # third
            for _ in range(PORTIONS - 4):
                keep_publishing(3)
            wait_until(lambda: committed(loaders) >= kafka.written(loaders.topics.load), 300)
    totals = [*first, *second, *third]

    found = loaded(loaders.settings.loader.duckdb_file)
    assert len(found) == len(set(found)) == loaders.published
    assert set(found) == loaders.ids()
    assert all(each.rows for each in totals), "each has to have had its share"
    # What a batch has loaded that it could not tell of is not among these.
    print(f"\n{loaders.published} rows, {[(t.rows, t.duplicates) for t in totals]}")  # noqa: T201


@pytest.mark.kafka
@pytest.mark.timeout(1_500)
def test_killed_loaders_of_one_lake_lose_and_double_nothing(kafka: Broker, tmp_path: Path) -> None:
    loaders = Loaders(kafka, tmp_path, sink="parquet", batch_rows=200)
    rng = random.Random(7)
    command, environment = ["-m", "streamproc", "load"], loaders.environment()
    with running(command, environment) as first:
        for _ in range(3):
            with running(command, environment) as second:
                wait_for_partitions(second, loaders.topics.load)
                loaders.publish(ROWS // 10)
                for _ in range(rng.randint(1, 3)):
                    second.wait_for("batch loaded")
                time.sleep(rng.random() / 10)
                second.kill()
        first.kill()
    with running([*command, "--until-caught-up", "--json"], environment) as last:
        assert last.wait(180) == 0, last.output()
    query = f"SELECT id FROM read_parquet('{tmp_path}/lake/table=tracks/**/*.parquet')"
    with duckdb.connect() as connection:
        found = [id_ for (id_,) in connection.execute(query).fetchall()]
    assert len(found) == len(set(found))
    assert set(found) == loaders.ids()


def wait_for_partitions(process: Process, topic: str) -> None:
    """Wait until the loader has partitions of the topic: at first it is assigned none."""
    while True:
        line = json.loads(process.wait_for("partitions assigned"))
        if line["topic"] == topic and line["partitions"]:
            return


def committed(loaders: Loaders) -> int:
    offsets: dict[Any, int] = loaders.broker.committed(
        loaders.settings.loader.group, loaders.topics.load
    )
    return sum(offsets.values())
