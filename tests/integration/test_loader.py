from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from brokers import Broker
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from processes import running, wait_until
from structlog.testing import capture_logs

from streamproc.deadletters import generate_key_pair, unpack_original, unseal
from streamproc.events import ManifestEntry, Micros, Origin, Row, Times
from streamproc.kafka.codecs import decode_dead_letter, encode_row
from streamproc.settings import DeadLetterSettings, KafkaSettings, LoaderSettings, Settings
from streamproc.warehouse.duckdb import CHECKPOINT_BYTES, open_duckdb
from streamproc.warehouse.loader import LoaderOptions, Totals, run_loader

NOW = Micros(1_700_000_000_000_000)
SESSION_SECONDS = 6  # the least that Kafka allows


def message(number: int) -> tuple[bytes, bytes]:
    """Return key and value of the row ``number``."""
    row = Row(
        message_id=f"m-{number}",
        type="track",
        event="Paid",
        user_id="tok_k1_aa",
        anonymous_id=None,
        identity_id=None,
        times=Times(None, None, NOW, NOW),
        payload=b'{"type":"track","event":"Paid"}',
        manifest=(ManifestEntry("userId", "*", "ids", "hash", 1.0, "k1"),),
        ruleset="f00d",
        origin=Origin("events.raw", 0, number),
        ordering_key=b"tok_k1_%d" % (number % 50),
    )
    return row.ordering_key, encode_row(row)


def messages(numbers: Iterable[int]) -> list[tuple[bytes, bytes]]:
    return [message(number) for number in numbers]


@dataclass(frozen=True)
class Workplace:
    """A broker with topics and a warehouse file of one test's own."""

    broker: Broker
    settings: Settings

    @property
    def file(self) -> Path:
        return self.settings.loader.duckdb_file

    def publish(self, *records: tuple[bytes | None, bytes | None]) -> None:
        self.broker.produce(self.settings.topics.load, records)

    def changed(self, **loader: Any) -> Settings:
        changed = self.settings.loader.model_copy(update=loader)
        return self.settings.model_copy(update={"loader": changed})

    def catch_up(self, settings: Settings | None = None) -> Totals:
        options = LoaderOptions(stop=lambda: False, now=lambda: NOW, until_caught_up=True)
        return run_loader(settings or self.settings, options)

    def query(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.file), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def environment(self) -> dict[str, str]:
        values = {
            "KAFKA_BROKERS": self.broker.bootstrap,
            "TOPICS_LOAD": self.settings.topics.load,
            "TOPICS_DEAD": self.settings.topics.dead,
            "LOADER_GROUP": self.settings.loader.group,
            "LOADER_DUCKDB_FILE": str(self.file),
            "LOADER_INSTANCE_ID": "the-one",  # whoever comes next has the partitions at once
            "LOADER_BATCH_ROWS": "100",
            "KAFKA_SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
            "LOG_LEVEL": "DEBUG",
            "LOG_FORMAT": "json",
        }
        return {f"STREAMPROC_{name}": value for name, value in values.items()}


@pytest.fixture
def workplace(broker: Broker, tmp_path: Path) -> Workplace:
    loader = LoaderSettings(
        group=broker.group("loader"),
        duckdb_file=tmp_path / "warehouse.duckdb",
        batch_rows=100,
        batch_seconds=0.2,
    )
    kafka = KafkaSettings(brokers=broker.bootstrap, session_timeout_seconds=SESSION_SECONDS)
    return Workplace(broker, Settings(kafka=kafka, topics=broker.topics("loader"), loader=loader))


@contextmanager
def in_background(settings: Settings) -> Iterator[list[Totals]]:
    """Run a loader in a thread until the block ends; its totals are in the list afterwards."""
    stopping: list[bool] = []
    totals: list[Totals] = []
    options = LoaderOptions(stop=lambda: bool(stopping), now=lambda: NOW)
    thread = threading.Thread(target=lambda: totals.append(run_loader(settings, options)))
    thread.start()
    try:
        yield totals
    finally:
        stopping.append(True)
        thread.join(60)


def test_rows_are_loaded_once_and_the_offset_told_to_the_group(workplace: Workplace) -> None:
    workplace.publish(*messages(range(250)), *messages(range(100, 150)))
    assert workplace.catch_up() == Totals(rows=250, duplicates=50, dead=0)
    found = workplace.query("SELECT count(*), count(DISTINCT message_id) FROM events")
    assert found == [(250, 250)]
    committed = workplace.broker.committed(
        workplace.settings.loader.group, workplace.settings.topics.load
    )
    offsets = dict(workplace.query('SELECT "partition", next_offset FROM streamproc_offsets'))
    assert committed == offsets
    assert sum(offsets.values()) == 300


def test_an_empty_topic_is_caught_up(workplace: Workplace) -> None:
    assert workplace.catch_up() == Totals()


def test_the_warehouse_says_where_to_go_on_and_not_the_group(
    workplace: Workplace, tmp_path: Path
) -> None:
    workplace.publish(*messages(range(100)))
    workplace.catch_up()
    workplace.publish(*messages(range(100, 130)))
    another_group = workplace.changed(group=workplace.broker.group("loader"))
    assert workplace.catch_up(another_group) == Totals(rows=30)
    another_warehouse = workplace.changed(duckdb_file=tmp_path / "other.duckdb")
    assert workplace.catch_up(another_warehouse) == Totals(rows=130)


def test_what_is_not_ours_becomes_a_dead_letter_and_the_rest_goes_on(
    workplace: Workplace,
) -> None:
    pair = generate_key_pair()
    settings = workplace.settings.model_copy(
        update={"dead_letters": DeadLetterSettings(public_key=pair.public)}
    )
    foreign = (b"ada", b'{"userId":"ada@example.com"}')
    workplace.publish(*messages(range(10)), foreign, (b"key", None), *messages(range(10, 20)))
    assert workplace.catch_up(settings) == Totals(rows=20, dead=2)
    letters = [
        decode_dead_letter(record.value)
        for record in workplace.broker.consume_all(workplace.settings.topics.dead)
    ]
    assert {(letter.stage, letter.code) for letter in letters} == {("load", "not_ours")}
    assert {letter.origin.topic for letter in letters} == {workplace.settings.topics.load}
    assert {letter.view for letter in letters} == {b'{"userId":"<string 15>"}', b"null"}
    originals = {unpack_original(unseal(pair.private, letter.sealed or b"")) for letter in letters}
    assert originals == {foreign, (b"key", None)}
    assert workplace.catch_up(settings) == Totals()


def test_a_batch_is_given_up_when_another_loader_was_quicker(workplace: Workplace) -> None:
    topic = workplace.settings.topics.load
    workplace.broker.produce(topic, [(*message(number), 0) for number in range(60)])

    def move_once() -> Micros:
        # The other loader: it has loaded the first 40 records, while ours holds them in its batch.
        if not moved:
            moved.append(True)
            with duckdb.connect(
                str(workplace.file), config={"checkpoint_threshold": CHECKPOINT_BYTES}
            ) as other:
                other.execute("INSERT INTO streamproc_offsets VALUES (?, 0, 40)", [topic])
        return NOW

    moved: list[bool] = []
    options = LoaderOptions(stop=lambda: False, now=move_once, until_caught_up=True)
    with capture_logs() as logs:
        assert run_loader(workplace.settings, options) == Totals(rows=20)
    assert [log["reason"] for log in logs if log["event"] == "loader starts over"] == [
        f"another loader moved {topic}[0]"
    ]
    ids = {message_id for (message_id,) in workplace.query("SELECT message_id FROM events")}
    assert ids == {f"m-{number}" for number in range(40, 60)}


def test_a_group_shares_the_partitions_and_loses_no_record(
    workplace: Workplace, tmp_path: Path
) -> None:
    files = [tmp_path / "one.duckdb", tmp_path / "two.duckdb"]
    workplace.publish(*messages(range(500)))
    with in_background(workplace.changed(duckdb_file=files[0])):
        wait_until(files[0].exists)
        with in_background(workplace.changed(duckdb_file=files[1])):
            workplace.publish(*messages(range(500, 1_000)))
            time.sleep(5)  # time for the group to share its partitions anew
            workplace.publish(*messages(range(1_000, 1_500)))
            time.sleep(2)
    ids: set[str] = set()
    for file in files:
        with duckdb.connect(str(file), read_only=True) as connection:
            ids |= {
                row[0] for row in connection.execute("SELECT message_id FROM events").fetchall()
            }
    assert ids == {f"m-{number}" for number in range(1_500)}


def test_a_warehouse_in_use_is_waited_for(workplace: Workplace) -> None:
    workplace.publish(*messages(range(10)))
    hold = (
        "import duckdb, time\n"
        f"c = duckdb.connect({str(workplace.file)!r}); print('held', flush=True); time.sleep(1)"
    )
    with running(["-c", hold]) as holder, capture_logs() as logs:
        holder.wait_for("held")
        assert workplace.catch_up() == Totals(rows=10)
    reasons = {log["reason"] for log in logs if log["event"] == "loader starts over"}
    assert reasons == {f"{workplace.file} is open in another process"}


def test_a_topic_made_anew_is_read_from_its_beginning(workplace: Workplace) -> None:
    topic = workplace.settings.topics.load
    open_duckdb(workplace.file).close()
    with duckdb.connect(str(workplace.file)) as connection:
        connection.execute("INSERT INTO streamproc_offsets VALUES (?, 0, 5000)", [topic])
    workplace.broker.produce(topic, [(*message(number), 0) for number in range(30)])
    with capture_logs() as logs:
        assert workplace.catch_up() == Totals(rows=30)
    assert "topic was made anew, reading it from its beginning" in {log["event"] for log in logs}
    assert workplace.query('SELECT "partition", next_offset FROM streamproc_offsets') == [(0, 30)]


@pytest.mark.kafka
def test_rows_that_expired_unread_are_told(kafka: Broker, tmp_path: Path) -> None:
    topics = kafka.topics("loader")
    loader = LoaderSettings(
        group=kafka.group("loader"), duckdb_file=tmp_path / "warehouse.duckdb", batch_seconds=0.2
    )
    settings = Settings(kafka=KafkaSettings(brokers=kafka.bootstrap), topics=topics, loader=loader)
    workplace = Workplace(kafka, settings)
    kafka.produce(topics.load, [(*message(number), 0) for number in range(10)])
    workplace.catch_up()
    kafka.produce(topics.load, [(*message(number), 0) for number in range(10, 30)])
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    (deleted,) = admin.delete_records([TopicPartition(topics.load, 0, 25)]).values()
    deleted.result(30)
    with capture_logs() as logs:
        assert workplace.catch_up() == Totals(rows=5)
    told = [log for log in logs if log["event"] == "rows expired before they were loaded"]
    assert [(log["partition"], log["missing"], log["log_level"]) for log in told] == [
        (0, 15, "error")
    ]


def test_a_broker_that_is_not_there_is_told_and_waited_for(tmp_path: Path) -> None:
    settings = Settings(
        kafka=KafkaSettings(brokers="127.0.0.1:9"),
        loader=LoaderSettings(duckdb_file=tmp_path / "warehouse.duckdb"),
    )
    end = time.monotonic() + 3
    options = LoaderOptions(stop=lambda: time.monotonic() > end, now=lambda: NOW)
    with capture_logs() as logs:
        assert run_loader(settings, options) == Totals()
    assert time.monotonic() < end + 5
    assert [log["event"] for log in logs] == [
        "loader starts",
        "brokers cannot be reached, trying again",
        "loader stopped",
    ]


def test_the_command_ends_when_it_is_told_to(workplace: Workplace) -> None:
    workplace.publish(*messages(range(50)))
    with running(["-m", "streamproc", "load"], workplace.environment()) as loader:
        loader.wait_for("batch loaded")
        loader.send(signal.SIGTERM)
        assert loader.wait() == 0
        loader.wait_for("50 rows loaded, 0 duplicates left out, 0 dead letters.")
    assert not [line for line in loader.lines if "Traceback" in line]
    assert workplace.query("SELECT count(*) FROM events") == [(50,)]


def test_the_command_ends_when_it_has_caught_up(workplace: Workplace) -> None:
    workplace.publish(*messages(range(50)))
    arguments = ["-m", "streamproc", "load", "--until-caught-up", "--json"]
    with running(arguments, workplace.environment()) as loader:
        assert loader.wait() == 0
        loader.wait_for('{"rows": 50, "duplicates": 0, "dead": 0}')


def test_kills_in_the_middle_lose_and_double_nothing(workplace: Workplace) -> None:
    total = 20_000
    # The embedded broker lets a killed member's successor wait for the session's end.
    kills = 6 if workplace.broker.kind == "kafka" else 2
    moments = random.Random(7)
    workplace.publish(*messages(range(total)))
    killed_midway = 0
    for _ in range(kills):
        with running(["-m", "streamproc", "load"], workplace.environment()) as loader:
            for _ in range(moments.randint(1, 5)):
                loader.wait_for("batch loaded")
            time.sleep(moments.uniform(0, 0.05))
            loader.kill()
        (found,) = workplace.query("SELECT count(*), count(DISTINCT message_id) FROM events")
        assert found[0] == found[1]
        killed_midway += 0 < found[0] < total
    assert killed_midway
    workplace.catch_up()
    (found,) = workplace.query("SELECT count(*), count(DISTINCT message_id) FROM events")
    assert found == (total, total)
    offsets = workplace.query("SELECT sum(next_offset) FROM streamproc_offsets")
    assert offsets == [(total,)]
