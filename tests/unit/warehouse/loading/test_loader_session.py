"""The loader's session on topics in memory, and on a real warehouse that things go wrong with."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from loading import (
    NOW,
    Fault,
    FaultySink,
    InlineExecutor,
    KeptDeadLetters,
    MemorySource,
    MemoryTopic,
    TestClock,
    earlier_message,
    fault,
    message,
    outage,
)
from structlog.testing import capture_logs

from streamproc.errors import RetryableError
from streamproc.events import Deletion, Micros
from streamproc.kafka.codecs import encode_deletion
from streamproc.settings import LoaderSettings, Settings
from streamproc.warehouse.loading import session
from streamproc.warehouse.loading.desk import Desk
from streamproc.warehouse.loading.loader import LoaderOptions, make_intake, make_terms
from streamproc.warehouse.loading.session import Parts, Session, Totals, Until
from streamproc.warehouse.loading.spool import Spool
from streamproc.warehouse.sink import Place, Position, SchemaMovedError
from streamproc.warehouse.sinks import open_sink
from streamproc.warehouse.sinks.duckdb import DuckDBSink


class Loading:
    """A loader without Kafka: run it, look into the warehouse, run it again."""

    def __init__(self, folder: Path, **loader: object) -> None:
        file = {"duckdb_file": folder / "warehouse.duckdb", "batch_rows": 100}
        self.settings = Settings(loader=LoaderSettings.model_validate(file | loader))
        self.rows = MemoryTopic(self.settings.topics.load)
        self.deletions = MemoryTopic(self.settings.topics.deletions)
        self.time = TestClock()
        self.sink = FaultySink(open_sink(self.settings))
        self.dead = KeptDeadLetters()
        limits = self.settings.loader
        self.spool = Spool(folder, limits.memory_bytes, limits.spool_bytes)
        self.source: MemorySource
        self.prepare()

    def prepare(self, places: Sequence[Place] | None = None) -> None:
        """Have the next run assigned ``places`` of the rows, all of them unless given."""
        self.source = MemorySource(self.rows, self.time.wait, places)

    def publish(self, numbers: range, partition: int | None = None, **properties: Any) -> None:
        self.rows.publish((message(n, **properties)[1] for n in numbers), partition)

    def run(
        self, until: Until = "caught up", seconds: float = 1_000, executor: Executor | None = None
    ) -> Totals:
        """Run until it ends by itself; fail if it does not within so much of its time."""
        totals = Totals()
        end = self.time.seconds + seconds
        options = LoaderOptions(
            stop=lambda: self.time.seconds > end, until=until, clock=self.time.clock
        )
        parts = Parts(
            [self.source, MemorySource(self.deletions, self.time.wait)],
            make_intake(self.settings, self.spool, self.dead),
            Desk(lambda: self.sink, executor or InlineExecutor()),
            self.dead,
        )
        Session(parts, make_terms(self.settings, options), totals).run()
        assert until == "stopped" or self.time.seconds <= end, "it did not end"
        self.last = self.source
        self.prepare()
        return totals

    def ids(self) -> list[str]:
        return [name for (name,) in self.query("SELECT id FROM tracks ORDER BY id")]

    def query(self, query: str) -> list[tuple[Any, ...]]:
        assert isinstance(self.sink.sink, DuckDBSink)
        return self.sink.sink._connection.execute(query).fetchall()

    def close(self) -> None:
        self.sink.sink.close()
        self.spool.close()


@pytest.fixture
def loading(tmp_path: Path) -> Iterator[Loading]:
    made = Loading(tmp_path)
    yield made
    made.close()


def expected(numbers: range) -> list[str]:
    return sorted(f"m-{number}" for number in numbers)


def test_all_that_is_there_is_loaded_and_told_to_the_group(loading: Loading) -> None:
    loading.publish(range(250))
    totals = loading.run()
    assert (totals.rows, totals.duplicates, totals.batches) == (250, 0, 3)
    assert loading.ids() == expected(range(250))
    assert sum(loading.last.committed.values()) == 250
    assert loading.spool.memory_size == loading.spool.file_size == 0


def test_rows_of_the_schema_before_are_loaded_beside_those_of_today(loading: Loading) -> None:
    both = [earlier_message(n, n=n) if n % 3 else message(n, n=n)[1] for n in range(150)]
    loading.rows.publish(both, partition=0)

    assert loading.run().dead == 0
    rows = loading.query("SELECT id, n, identity_resolved_by FROM paid")
    assert sorted(rows) == sorted((f"m-{n}", n, None) for n in range(150))


def test_it_goes_on_where_the_warehouse_is(loading: Loading) -> None:
    loading.publish(range(100))
    loading.run()
    loading.publish(range(100, 130))
    assert loading.run().rows == 30
    assert loading.run() == Totals()


def test_one_batch_is_what_is_there_up_to_the_limits(loading: Loading) -> None:
    loading.publish(range(250))
    assert loading.run("one batch").rows == 100
    assert loading.run("one batch").rows == 100
    assert loading.run("one batch").rows == 50
    assert loading.run("one batch") == Totals()


def test_rows_wait_for_their_batch_no_longer_than_the_settings_say(tmp_path: Path) -> None:
    loading = Loading(tmp_path, batch_rows=1_000, batch_seconds=30)
    loading.publish(range(10))
    assert loading.run("stopped", seconds=29).batches == 1  # because it was stopped
    assert loading.time.seconds == pytest.approx(29, abs=1)
    loading.publish(range(10, 20))
    loading.run("stopped", seconds=40)
    (loaded,) = loading.query("SELECT max(epoch_us(loaded_at)) FROM streamproc_loads")
    assert isinstance(loaded[0], int)
    assert (loaded[0] - NOW) / 1e6 == pytest.approx(29 + 30, abs=1)


@pytest.mark.parametrize("call", ["offsets", "schema", "change", "load"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("times", [1, 5])
def test_a_warehouse_that_goes_away_at_any_call_loses_and_doubles_nothing(
    loading: Loading, call: str, moment: str, times: int
) -> None:
    loading.publish(range(250))
    loading.sink.faults = [outage(call, moment)] * times
    loading.run()
    assert len(loading.sink.faults) < times
    assert loading.ids() == expected(range(250))
    assert loading.spool.memory_size == 0


def test_what_was_spooled_is_not_read_again_after_an_outage(loading: Loading) -> None:
    loading.publish(range(250))
    loading.sink.faults = [outage("load", "before")] * 8
    loading.run()
    assert len(loading.last.begun) == 1
    assert loading.ids() == expected(range(250))


def test_waits_between_tries_grow_and_are_told(loading: Loading) -> None:
    loading.publish(range(10))
    loading.sink.faults = [outage("load", "before")] * 9
    with capture_logs() as logs:
        loading.run()
    waits = [log["wait_seconds"] for log in logs if log["event"] == "warehouse is waited for"]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_batch_that_is_in_though_the_warehouse_did_not_say_so_is_not_loaded_again(
    loading: Loading,
) -> None:
    loading.publish(range(50))
    loading.sink.faults = [outage("load", "after")]
    with capture_logs() as logs:
        loading.run()
    assert loading.sink.calls.count("load") == 1
    assert "a batch is loaded that the warehouse did not acknowledge" in {
        log["event"] for log in logs
    }
    assert sum(loading.last.committed.values()) == 50


def test_partitions_that_another_loader_moved_on_are_read_anew_and_the_others_kept(
    loading: Loading, tmp_path: Path
) -> None:
    loading.publish(range(60), partition=0)
    loading.publish(range(60, 90), partition=1)
    other = Loading(tmp_path, batch_rows=40)
    other.rows = loading.rows
    moved = Place(loading.rows.name, 0)

    def load_first() -> None:
        other.prepare([moved])
        assert other.run("one batch").rows == 40

    loading.sink.faults = [Fault("load", "before", load_first)]
    assert loading.run().rows == 50
    assert loading.last.begun[1:] == [{moved: Position(40)}]
    assert loading.ids() == expected(range(90))
    other.close()


def test_what_was_read_of_a_topic_that_is_made_anew_is_loaded_before_the_new_one(
    loading: Loading,
) -> None:
    loading.publish(range(40))
    loading.source.topic_id = "old"
    loading.run()
    loading.publish(range(40, 70), partition=0)
    source = loading.source
    source.topic_id = "old"
    is_read = source.poll

    def poll(seconds: float) -> Any:
        if source.topic_id == "old" and sum(source.positions.values()) == 70:
            source.make_anew("new")
            loading.publish(range(60, 160), partition=0)
        return is_read(seconds)

    source.poll = poll  # type: ignore[method-assign]
    totals = loading.run()
    assert (totals.rows, totals.duplicates) == (120, 10)
    assert loading.ids() == expected(range(160))
    assert loading.sink.offsets()[Place(loading.rows.name, 0)] == Position(100, "new")
    assert source.begun[-1][Place(loading.rows.name, 0)] == Position(40, "old")


def test_records_that_are_no_rows_are_told_by_where_they_are(loading: Loading) -> None:
    loading.publish(range(3), partition=1)
    loading.rows.publish([b"ada@example.com"] * 12, 1)
    with capture_logs() as logs:
        assert loading.run().dead == 12
    (told,) = [log for log in logs if log["event"] == "records are no rows, dead letters are sent"]
    assert told.pop("offsets") == [*range(3, 13)]
    assert told == {
        "event": "records are no rows, dead letters are sent",
        "log_level": "warning",
        "topic": loading.rows.name,
        "partition": 1,
        "code": "not_ours",
        "records": 12,
    }


def test_a_table_with_too_many_columns_is_told_again_when_many_more_are_put_aside(
    tmp_path: Path,
) -> None:
    loading = Loading(tmp_path, columns=20, batch_rows=10)
    loading.publish(range(10), partition=0, **{f"a{n}": n for n in range(20)})
    loading.publish(range(10, 20), partition=0, **{f"b{n}": n for n in range(21)})
    loading.publish(range(20, 30), partition=0, **{f"c{n}": n for n in range(60)})
    with capture_logs() as logs:
        loading.run()
    loading.close()
    told = [log for log in logs if log["event"].startswith("a table has too many columns")]
    paid = [log["columns"] for log in told if log["table"] == "paid"]
    assert len(paid) == 2
    assert paid[1] >= 2 * paid[0] > 0


def test_tables_that_others_changed_are_looked_at_again(loading: Loading) -> None:
    loading.publish(range(10))
    loading.sink.faults = [fault("load", "before", SchemaMovedError("paid is not as it was"))]
    with capture_logs() as logs:
        loading.run()
    assert loading.ids() == expected(range(10))
    assert "warehouse has moved, looking again" in {log["event"] for log in logs}
    assert loading.time.seconds < 0.4  # at once


def test_a_partition_that_goes_takes_its_rows_along(loading: Loading) -> None:
    loading.publish(range(30), partition=0)
    loading.publish(range(30, 50), partition=1)
    loading.source.revoke([Place(loading.rows.name, 0)])
    totals = loading.run()
    assert totals.rows == 20
    assert loading.ids() == expected(range(30, 50))


@pytest.mark.parametrize("patience", [30.0, 0.01])
def test_a_partition_that_goes_while_it_is_loaded_is_loaded_once(
    loading: Loading, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    monkeypatch.setattr(session, "REVOKE_SECONDS", patience)
    loading.publish(range(30), partition=0)
    loading.publish(range(30, 50), partition=1)
    place = Place(loading.rows.name, 0)

    def go() -> None:
        loading.source.revoke([place])
        loading.source.assign([place])
        time.sleep(0.3)

    loading.sink.faults = [Fault("load", "before", go)]
    with ThreadPoolExecutor(1) as executor:
        assert loading.run(seconds=1e6, executor=executor).rows == 50
    assert loading.last.begun[-1] == {place: Position(30)}
    assert loading.ids() == expected(range(50))
    assert loading.spool.memory_size == 0


def test_the_consumer_is_polled_while_the_warehouse_is_at_work(loading: Loading) -> None:
    loading.publish(range(100))
    waits: list[float] = []
    source = MemorySource(loading.rows, waits.append)
    loading.source = source

    def work() -> None:
        before = len(waits)
        time.sleep(0.2)
        polls.append(len(waits) - before)

    polls: list[int] = []
    loading.sink.faults = [Fault("load", "before", work)]
    with ThreadPoolExecutor(1) as executor:
        loading.run(seconds=1e6, executor=executor)
    assert polls[0] > 5


def test_what_is_not_ours_becomes_a_dead_letter_and_the_rest_goes_on(loading: Loading) -> None:
    loading.publish(range(10))
    loading.rows.publish([b'{"userId":"ada@example.com"}', None])
    totals = loading.run()
    assert (totals.rows, totals.dead) == (10, 2)
    assert {(letter.stage, letter.code) for letter in loading.dead.sent} == {("load", "not_ours")}
    assert loading.run() == Totals()


def test_deletions_are_carried_out_and_tombstones_passed_by(loading: Loading) -> None:
    loading.publish(range(10))
    loading.run()
    deletion = Deletion("tok_k1_aa", Micros(NOW + 1), "case 7")
    loading.deletions.publish([encode_deletion(deletion), None, b"no deletion"], partition=0)
    totals = loading.run()
    assert (totals.deleted, totals.dead) == (10, 1)
    assert loading.ids() == []
    loading.publish(range(10, 20))  # late
    assert loading.run().deleted == 10
    assert loading.ids() == []


def test_new_columns_and_tables_come_and_kinds_widen_within_a_batch(loading: Loading) -> None:
    loading.publish(range(120), total=1)
    loading.publish(range(120, 140), total=1.5)
    loading.publish(range(140, 160), total="much", coupon="X")
    loading.publish(range(160, 170), event="Refunded", total=True)
    loading.run()
    assert loading.ids() == expected(range(170))
    found = {total for (total,) in loading.query("SELECT DISTINCT total FROM paid")}
    assert {"1.5", "much"} < found <= {"1", "1.0", "1.5", "much"}  # 1 was a whole number, or not
    assert loading.query("SELECT count(*) FROM refunded WHERE total") == [(10,)]


def test_a_full_spool_pauses_reading_and_nothing_is_lost(tmp_path: Path) -> None:
    loading = Loading(tmp_path, memory_bytes=1, spool_bytes=50_000, batch_rows=20)
    loading.publish(range(2_000))
    loading.sink.faults = [outage("load", "before")] * 12
    loading.run(seconds=10_000)
    assert loading.last.pauses > 0
    assert loading.ids() == expected(range(2_000))
    assert loading.spool.file_size == 0
    loading.spool.close()


def test_a_fault_of_ours_ends_it(loading: Loading) -> None:
    loading.publish(range(10))
    loading.sink.faults = [fault("load", "before", ZeroDivisionError("a bug"))]
    with pytest.raises(ZeroDivisionError):
        loading.run()
    assert loading.source.committed == {}


def test_a_stopped_loader_loads_what_it_has_read(loading: Loading) -> None:
    loading.publish(range(50))
    assert loading.run("stopped", seconds=0.1).rows == 50


def test_a_stopped_loader_does_not_wait_for_a_warehouse_that_is_away(loading: Loading) -> None:
    loading.publish(range(50))
    loading.sink.faults = [outage("load", "before")] * 50
    assert loading.run("stopped", seconds=5).rows == 0
    assert loading.time.seconds < 40
    loading.sink.faults = []
    assert loading.run().rows == 50


def test_dead_letters_that_are_not_delivered_hold_their_batch_back(loading: Loading) -> None:
    loading.publish(range(10))
    loading.rows.publish([b"not ours"])
    failures = [RetryableError("dead letters not delivered: X")] * 3

    def flush() -> None:
        if failures:
            raise failures.pop()

    loading.dead.flush = flush  # type: ignore[method-assign]
    assert loading.run().rows == 10
    assert loading.sink.calls.count("load") == 1
