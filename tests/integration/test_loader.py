from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from brokers import Broker
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from deleting import make_anew
from loading import NOW, message, messages, row
from processes import running, wait_until
from structlog.testing import capture_logs

from streamproc.deadletters import generate_key_pair, unpack_original, unseal
from streamproc.events import Micros, Token
from streamproc.kafka.codecs import decode_dead_letter, encode_row
from streamproc.settings import DeadLetterSettings, KafkaSettings, LoaderSettings, Settings
from streamproc.warehouse.loading.loader import CLOCK, LoaderOptions, Totals, plan_load, run_loader
from streamproc.warehouse.loading.status import find_status
from streamproc.warehouse.sinks.duckdb import open_duckdb

MADE_ANEW = "topic was made anew, reading it from its beginning"
SESSION_SECONDS = 6  # the least that Kafka allows


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

    def publish_in_order(self, numbers: Iterable[int]) -> None:
        """Publish rows to the first partition."""
        records = [(*message(number), 0) for number in numbers]
        self.broker.produce(self.settings.topics.load, records)

    def changed(self, **loader: Any) -> Settings:
        changed = self.settings.loader.model_copy(update=loader)
        return self.settings.model_copy(update={"loader": changed})

    def catch_up(self, settings: Settings | None = None) -> Totals:
        """Load all that is there; return the totals without the number of batches."""
        options = LoaderOptions(stop=lambda: False, until="caught up")
        return replace(run_loader(settings or self.settings, options), batches=0)

    def offsets(self) -> dict[int, int]:
        """Return the next offset of each partition of the rows, as the warehouse has it."""
        query = 'SELECT "partition", next_offset FROM streamproc_offsets WHERE topic = ?'
        with duckdb.connect(str(self.file), read_only=True) as connection:
            return dict(connection.execute(query, [self.settings.topics.load]).fetchall())

    def ids(self) -> set[str]:
        return {id_ for (id_,) in self.query("SELECT id FROM tracks")}

    def query(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.file), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def environment(self) -> dict[str, str]:
        values = {
            "KAFKA_BROKERS": self.broker.bootstrap,
            "TOPICS_LOAD": self.settings.topics.load,
            "TOPICS_DEAD": self.settings.topics.dead,
            "TOPICS_DELETIONS": self.settings.topics.deletions,
            "LOADER_GROUP": self.settings.loader.group,
            "LOADER_DUCKDB_FILE": str(self.file),
            "LOADER_INSTANCE_ID": "the-one",  # whoever comes next has the partitions at once
            "LOADER_BATCH_ROWS": "100",
            "LOADER_IDENTITY_MAPPINGS": "false",
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
        identity_mappings=False,  # test_identity_mappings.py has these
    )
    kafka = KafkaSettings(brokers=broker.bootstrap, session_timeout_seconds=SESSION_SECONDS)
    return Workplace(broker, Settings(kafka=kafka, topics=broker.topics("loader"), loader=loader))


@pytest.fixture
def on_kafka(kafka: Broker, tmp_path: Path) -> Workplace:
    """A workplace on real Kafka."""
    loader = LoaderSettings(
        group=kafka.group("loader"),
        duckdb_file=tmp_path / "warehouse.duckdb",
        batch_seconds=0.2,
        identity_mappings=False,
    )
    settings = KafkaSettings(brokers=kafka.bootstrap)
    topics = kafka.topics("loader")
    return Workplace(kafka, Settings(kafka=settings, topics=topics, loader=loader))


@contextmanager
def sink_on(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Another loader's connection to the same warehouse."""
    sink = open_duckdb(settings.loader)
    try:
        yield sink._connection
    finally:
        sink.close()


@contextmanager
def in_background(settings: Settings) -> Iterator[list[Totals]]:
    """Run a loader in a thread until the block ends; its totals are in the list afterwards."""
    stopping: list[bool] = []
    totals: list[Totals] = []
    options = LoaderOptions(stop=lambda: bool(stopping))
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
    found = workplace.query("SELECT count(*), count(DISTINCT id) FROM tracks")
    assert found == [(250, 250)]
    committed = workplace.broker.committed(
        workplace.settings.loader.group, workplace.settings.topics.load
    )
    offsets = workplace.offsets()
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


def test_a_partition_is_read_anew_when_another_loader_was_quicker(workplace: Workplace) -> None:
    topic = workplace.settings.topics.load
    workplace.broker.produce(topic, [(*message(number), 0) for number in range(60)])

    def now() -> Micros:
        # The other loader: it has loaded the first 40 records, while ours holds them in its batch.
        if not moved:
            moved.append(True)
            with sink_on(workplace.settings) as other:
                other.execute("INSERT INTO streamproc_offsets VALUES (?, 0, 40, NULL)", [topic])
        return NOW

    moved: list[bool] = []
    options = LoaderOptions(lambda: False, until="caught up", clock=CLOCK._replace(now=now))
    with capture_logs() as logs:
        assert run_loader(workplace.settings, options).rows == 20
    assert "partitions were moved on by another loader" in {log["event"] for log in logs}
    assert workplace.ids() == {f"m-{number}" for number in range(40, 60)}


def test_a_group_shares_the_partitions_and_loses_no_record(
    workplace: Workplace, tmp_path: Path
) -> None:
    settings = [workplace.changed(duckdb_file=tmp_path / name) for name in ("one", "two")]
    with sink_on(settings[0]) as one, sink_on(settings[1]) as other:

        def loaded(*warehouses: duckdb.DuckDBPyConnection) -> set[str]:
            query = "SELECT id FROM streamproc_messages"
            rows = [row for each in warehouses for row in each.execute(query).fetchall()]
            return {id_ for (id_,) in rows}

        workplace.publish(*messages(range(500)))
        with in_background(settings[0]):
            wait_until(lambda: len(loaded(one)) == 500)
            with in_background(settings[1]):
                # A warehouse of its own is where the second one begins with what it gets.
                wait_until(lambda: loaded(other))
                workplace.publish(*messages(range(500, 1_500)))
                wait_until(lambda: len(loaded(one, other)) == 1_500)
                shared = loaded(one) < loaded(one, other) > loaded(other)
        assert shared
        ids = {
            id_ for each in (one, other) for (id_,) in each.sql("SELECT id FROM tracks").fetchall()
        }
    assert ids == {f"m-{number}" for number in range(1_500)}


def test_a_warehouse_in_use_is_waited_for(workplace: Workplace) -> None:
    workplace.publish(*messages(range(10)))
    hold = f"import duckdb, time; c = duckdb.connect({str(workplace.file)!r})"
    with running(["-c", f"{hold}; print('held', flush=True); time.sleep(60)"]) as holder:
        holder.wait_for("held")

        def let_go(seconds: float) -> None:
            holder.kill()
            time.sleep(seconds)

        options = LoaderOptions(
            lambda: False, until="caught up", clock=CLOCK._replace(sleep=let_go)
        )
        with capture_logs() as logs:
            assert run_loader(workplace.settings, options).rows == 10
    reasons = {log["reason"] for log in logs if log["event"] == "warehouse is waited for"}
    assert reasons == {f"{workplace.file} is open in another process"}


def test_a_topic_made_anew_is_read_from_its_beginning(workplace: Workplace) -> None:
    topic = workplace.settings.topics.load
    with sink_on(workplace.settings) as other:
        other.execute("INSERT INTO streamproc_offsets VALUES (?, 0, 5000, NULL)", [topic])
    workplace.broker.produce(topic, [(*message(number), 0) for number in range(30)])
    with capture_logs() as logs:
        assert workplace.catch_up() == Totals(rows=30)
    assert MADE_ANEW in {log["event"] for log in logs}
    assert workplace.offsets() == {0: 30}


@pytest.mark.kafka
def test_a_topic_that_grew_past_the_offset_after_it_was_made_anew_is_read_whole(
    on_kafka: Workplace,
) -> None:
    on_kafka.publish_in_order(range(10))
    assert on_kafka.catch_up().rows == 10
    (before,) = on_kafka.query("SELECT DISTINCT topic_id FROM streamproc_offsets WHERE topic <> ''")
    make_anew(on_kafka.broker, on_kafka.settings.topics.load, 4)
    on_kafka.publish_in_order(range(5, 40))  # five of them again
    assert find_status(on_kafka.settings, CLOCK).lag_rows == 35
    with capture_logs() as logs:
        assert on_kafka.catch_up() == Totals(rows=30, duplicates=5)
    assert on_kafka.ids() == {f"m-{number}" for number in range(40)}
    told = [log for log in logs if log["event"] == MADE_ANEW]
    assert [(log["partitions"], log["log_level"]) for log in told] == [([0], "warning")]
    (after,) = on_kafka.query(
        "SELECT DISTINCT topic_id FROM streamproc_offsets WHERE next_offset = 35"
    )
    assert None not in {before, after}
    assert before != after
    assert on_kafka.catch_up() == Totals()


@pytest.mark.kafka
def test_a_running_loader_sees_that_a_topic_was_made_anew(on_kafka: Workplace) -> None:
    on_kafka.publish_in_order(range(10))
    with in_background(on_kafka.settings) as totals, capture_logs() as logs:
        wait_until(lambda: "partitions assigned" in {log["event"] for log in logs})
        time.sleep(3)  # read, and loaded
        make_anew(on_kafka.broker, on_kafka.settings.topics.load, 4)
        on_kafka.publish_in_order(range(10, 60))
        wait_until(lambda: MADE_ANEW in {log["event"] for log in logs})
        time.sleep(3)
    assert on_kafka.ids() == {f"m-{number}" for number in range(60)}
    assert totals[0].rows == 60


@pytest.mark.kafka
def test_offsets_that_are_of_no_known_topic_are_gone_on_from(on_kafka: Workplace) -> None:
    on_kafka.publish_in_order(range(10))
    on_kafka.catch_up()
    with sink_on(on_kafka.settings) as other:
        other.execute("ALTER TABLE streamproc_offsets DROP COLUMN topic_id")
    on_kafka.publish_in_order(range(10, 15))
    assert on_kafka.catch_up() == Totals(rows=5)
    assert on_kafka.query("SELECT count(topic_id) FROM streamproc_offsets") == [(1,)]


@pytest.mark.kafka
def test_rows_that_expired_unread_are_told(on_kafka: Workplace) -> None:
    on_kafka.publish_in_order(range(10))
    on_kafka.catch_up()
    on_kafka.publish_in_order(range(10, 30))
    admin = AdminClient({"bootstrap.servers": on_kafka.broker.bootstrap})
    expired = TopicPartition(on_kafka.settings.topics.load, 0, 25)
    (deleted,) = admin.delete_records([expired]).values()
    deleted.result(30)
    with capture_logs() as logs:
        assert on_kafka.catch_up() == Totals(rows=5)
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
    options = LoaderOptions(stop=lambda: time.monotonic() > end)
    with capture_logs() as logs:
        assert run_loader(settings, options) == Totals()
    assert time.monotonic() < end + 20
    assert list(dict.fromkeys(log["event"] for log in logs)) == [
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
    assert workplace.query("SELECT count(*) FROM tracks") == [(50,)]


def test_the_command_ends_when_it_has_caught_up(workplace: Workplace) -> None:
    workplace.publish(*messages(range(50)))
    arguments = ["-m", "streamproc", "load", "--until-caught-up", "--json"]
    with running(arguments, workplace.environment()) as loader:
        assert loader.wait() == 0
        loader.wait_for('{"rows": 50, "duplicates": 0, "dead": 0')


def test_one_batch_is_loaded_and_no_more(workplace: Workplace) -> None:
    workplace.publish(*messages(range(250)))
    arguments = ["-m", "streamproc", "load", "--once", "--json"]
    loaded: list[int] = []
    while not loaded or loaded[-1]:
        with running(arguments, workplace.environment()) as loader:
            assert loader.wait() == 0
            loader.close()
            loaded.append(json.loads(loader.lines[-1])["rows"])
    assert sum(loaded) == 250
    assert max(loaded) <= 100


def test_a_plan_says_what_would_be_done_and_does_nothing(workplace: Workplace) -> None:
    workplace.publish(*messages(range(50)), (None, b"not ours"))
    for _ in range(2):
        plan = plan_load(workplace.settings, LoaderOptions(lambda: False))
        assert plan.rows == {"tracks": 50, "paid": 50, "streamproc_messages": 50}
        assert plan.dead == 1
        assert [sql for sql in plan.statements if "CREATE TABLE" in sql and '"paid"' in sql]
    assert not workplace.file.exists()
    topics = workplace.settings.topics
    assert workplace.broker.committed(workplace.settings.loader.group, topics.load) == {}
    assert workplace.broker.consume_all(topics.dead) == []
    assert workplace.catch_up() == Totals(rows=50, dead=1)
    assert plan_load(workplace.settings, LoaderOptions(lambda: False)).rows == {}


def test_the_status_tells_the_lag_and_what_is_loaded(workplace: Workplace) -> None:
    topic = workplace.settings.topics.load
    workplace.broker.produce(topic, [(*message(number), 0) for number in range(30)])
    workplace.catch_up()
    workplace.broker.produce(topic, [(*message(number), 0) for number in range(30, 37)])
    found = find_status(workplace.settings, CLOCK)
    assert found.lag_rows == 7
    assert found.lag_seconds is not None
    assert 0 <= found.lag_seconds < 60
    assert (topic, 0, 30, 37, 7) in [lag[:5] for lag in found.partitions]
    assert len(found.partitions) == 8
    assert found.stored is not None
    assert found.stored.counts == {
        "tracks": 30, "paid": 30, "streamproc_messages": 30, "discards": 0
    }  # fmt: skip
    assert found.last_batch is not None
    assert (found.last_batch.events, found.received_up_to) == (30, NOW)
    workplace.catch_up()
    assert (find_status(workplace.settings, CLOCK).lag_rows) == 0


def test_the_status_of_a_warehouse_in_use_is_what_loaders_told_their_groups(
    workplace: Workplace,
) -> None:
    workplace.publish(*messages(range(50)))
    workplace.catch_up()
    hold = f"import duckdb, time; c = duckdb.connect({str(workplace.file)!r})"
    with running(["-c", f"{hold}; print('held', flush=True); time.sleep(60)"]) as holder:
        holder.wait_for("held")
        arguments = ["-m", "streamproc", "load", "status", "--json"]
        with running(arguments, workplace.environment()) as command:
            assert command.wait() == 0
            command.close()
            found = json.loads(command.lines[-1])
    assert (found["caught_up"], found["lag_rows"], found["lag_seconds"]) == (True, 0, 0.0)
    assert sum(each["next_offset"] or 0 for each in found["partitions"]) == 50
    assert found["last_batch"] is None
    assert found["warehouse"] == f"{workplace.file} is open in another process"


def test_people_are_deleted_by_their_tokens(workplace: Workplace) -> None:
    token = "tok_k1_" + "a" * 32
    mine = [(b"k", encode_row(row(number)._replace(user_id=token))) for number in range(5)]
    workplace.publish(*mine, *messages(range(5, 20)))
    workplace.catch_up()
    arguments = ["-m", "streamproc", "load", "delete", "--token", token, "--receipt", "case 7"]
    with running([*arguments, "--json"], workplace.environment()) as command:
        assert command.wait() == 0
        command.close()
        assert json.loads(command.lines[-1])["tokens"] == 1
    assert workplace.catch_up() == Totals(deleted=5)
    assert workplace.ids() == {f"m-{number}" for number in range(5, 20)}
    workplace.publish(*mine)  # a replay does not bring them back
    workplace.catch_up()
    assert len(workplace.ids()) == 15


def test_people_are_deleted_with_all_that_is_linked_to_them(workplace: Workplace) -> None:
    ada, phone, kiosk, bob = ("tok_k1_" + letter * 32 for letter in "abcd")

    def used(number: int, user: str | None, device: str) -> tuple[bytes, bytes]:
        made = row(number)._replace(
            user_id=user, anonymous_id=device, identity_id=Token(user or device)
        )
        return b"k", encode_row(made)

    uses = [(None, phone), (ada, phone), (ada, kiosk), (bob, kiosk), (None, kiosk)]
    workplace.publish(*(used(number, *use) for number, use in enumerate(uses)))
    workplace.catch_up()
    arguments = ["load", "delete", "--token", ada, "--receipt", "case 8", "--with-linked", "--json"]
    told = []
    for more in (["--dry-run"], []):
        with running(["-m", "streamproc", *arguments, *more], workplace.environment()) as command:
            assert command.wait() == 0
            command.close()
            told.append(json.loads(command.lines[-1]))
        assert workplace.catch_up() == Totals(deleted=0 if more else 3)
    assert [each["published"] for each in told] == [False, True]
    for each in told:
        counts = (each["tokens"], each["linked"], each["shared"], each["events"])
        assert counts == (2, 1, 1, 3)
    assert workplace.ids() == {"m-3", "m-4"}


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
        (found,) = workplace.query("SELECT count(*), count(DISTINCT id) FROM tracks")
        assert found[0] == found[1]
        killed_midway += 0 < found[0] < total
    assert killed_midway
    workplace.catch_up()
    (found,) = workplace.query("SELECT count(*), count(DISTINCT id) FROM tracks")
    assert found == (total, total)
    assert sum(workplace.offsets().values()) == total
