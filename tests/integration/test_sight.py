"""What worker and loader show of themselves over HTTP, both as processes on real brokers."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from broker import KafkaBroker
from brokers import Broker
from otlp_receiver import attributes_of, receiving
from processes import running, wait_until
from seen import Seen
from workplace import Workplace

from streamproc.demo import Mix, generate

EVENTS = 600


@pytest.fixture
def place(broker: Broker, tmp_path: Path) -> Workplace:
    return Workplace(broker, tmp_path)


def committed_rows(place: Workplace) -> int:
    return sum(place.broker.committed(place.loader_group, place.topics.load).values())


def test_a_workers_metrics_are_what_became_of_the_events(place: Workplace) -> None:
    records = list(generate(EVENTS, 21, Mix(malformed=0.05)))
    bad = sum(made.malformed for made in records)
    place.publish(records)

    with place.worker(metrics_port=0) as worker:
        seen = Seen.of(worker)
        place.wait_until_processed(EVENTS)
        wait_until(lambda: seen.total("streamproc_events_total") == EVENTS)
        shown = seen.get("/metrics").text
        outcomes = {
            outcome: seen.value("streamproc_events_total", outcome=outcome)
            for outcome in ("row", "dead", "dropped")
        }
        size = seen.value("streamproc_input_bytes_total")
        ages = seen.value(
            "streamproc_latency_seconds_count", **{"to": "loader_topic", "from": "received"}
        )
        letters = seen.total("streamproc_dead_letters_total")
        wait_until(lambda: seen.total("streamproc_lag_records") == 0)
        wait_until(lambda: seen.value("streamproc_partitions") == 4)
        ready, healthy = seen.get("/readyz"), seen.get("/healthz")
        assert worker.stop() == 0

    assert outcomes == {"row": EVENTS - bad, "dead": bad, "dropped": 0}
    assert letters == bad > 5
    assert size == sum(len(made.value) for made in records)
    assert ages == EVENTS - bad
    assert (ready.status, healthy.status) == (200, 200)
    planted = [item for made in records for item in made.planted]
    assert len(planted) > 1_000
    assert [item.path for item in planted if item.value in shown] == []


def test_a_loaders_metrics_are_what_the_warehouse_holds(place: Workplace) -> None:
    records = list(generate(EVENTS, 22, Mix(malformed=0.0, duplicates=0.05)))
    place.publish(records)
    with place.ready_worker() as worker:
        place.wait_until_processed(EVENTS)
        worker.stop()

    with running(["-m", "streamproc", "load"], place.environment(metrics_port=0)) as loader:
        seen = Seen.of(loader)
        wait_until(lambda: seen.total("streamproc_loader_rows_total") == EVENTS)
        shown = seen.get("/metrics").text
        results = {
            result: seen.value("streamproc_loader_rows_total", result=result)
            for result in ("loaded", "duplicate", "dead")
        }
        ages = seen.value(
            "streamproc_latency_seconds_count", **{"to": "warehouse", "from": "received"}
        )
        wait_until(lambda: seen.value("streamproc_loader_spooled_bytes") == 0)
        wait_until(lambda: seen.total("streamproc_loader_lag_records") == 0)
        up, waiting = (
            seen.value("streamproc_warehouse_up"),
            seen.value("streamproc_loader_lag_seconds"),
        )
        ready, healthy = seen.get("/readyz"), seen.get("/healthz")
        assert loader.stop() == 0

    ids = place.message_ids()
    assert results == {"loaded": len(ids), "duplicate": EVENTS - len(ids), "dead": 0}
    assert ages == EVENTS
    assert (up, waiting) == (1, 0)
    assert (ready.status, healthy.status) == (200, 200)
    planted = [item for made in records for item in made.planted]
    assert [item.path for item in planted if item.value in shown] == []


@pytest.mark.parametrize("command", ["worker", "load"])
def test_a_process_whose_brokers_are_away_is_not_ready_and_healthy(
    command: str, tmp_path: Path
) -> None:
    nobody = Broker("127.0.0.1:1", "kafka")
    place = Workplace(nobody, tmp_path, nobody.names())

    with running(["-m", "streamproc", command], place.environment(metrics_port=0)) as process:
        seen = Seen.of(process)
        wait_until(lambda: "group" in seen.get("/readyz").reasons)
        healthy = seen.get("/healthz")

    assert healthy.status == 200


def test_a_loader_without_its_warehouse_is_not_ready_and_healthy(place: Workplace) -> None:
    with (
        duckdb.connect(str(place.warehouse)),
        running(["-m", "streamproc", "load"], place.environment(metrics_port=0)) as loader,
    ):
        seen = Seen.of(loader)
        wait_until(lambda: seen.total("streamproc_warehouse_faults_total") > 0)
        lacking, healthy = seen.get("/readyz"), seen.get("/healthz")
        up = seen.value("streamproc_warehouse_up")

    assert lacking.status == 503
    assert "warehouse" in lacking.reasons
    assert (healthy.status, up) == (200, 0)


@pytest.mark.kafka
def test_a_worker_that_loses_its_brokers_is_not_ready_until_they_are_back(
    own_kafka: KafkaBroker, tmp_path: Path
) -> None:
    place = Workplace(Broker(own_kafka.bootstrap, "kafka"), tmp_path)
    with place.worker(metrics_port=0) as worker:
        seen = Seen.of(worker)
        wait_until(seen.ready)

        own_kafka.kill()
        wait_until(lambda: not seen.ready())
        lacking, healthy = seen.get("/readyz"), seen.get("/healthz")
        own_kafka.start()
        wait_until(seen.ready)

    assert lacking.reasons["group"] == "no broker can be reached"
    assert healthy.status == 200


def test_batches_are_traced_by_stage_without_values(embedded: Broker, tmp_path: Path) -> None:
    place = Workplace(embedded, tmp_path)
    records = list(generate(EVENTS, 23, Mix(malformed=0.0)))
    place.publish(records)

    with receiving() as receiver:
        traced = {"traces_endpoint": receiver.endpoint, "traces_ratio": 1, "log_level": "DEBUG"}
        with place.ready_worker(**traced) as worker:
            place.wait_until_processed(EVENTS)
            assert worker.stop() == 0
        environment = place.environment(**traced)
        with running(["-m", "streamproc", "load"], environment) as loader:
            wait_until(lambda: committed_rows(place) == EVENTS)
            assert loader.stop() == 0

    batches = receiver.named(f"process {place.topics.raw}")
    loads = receiver.named(f"load {place.topics.load}")
    said = "".join(map(str, receiver.spans))
    assert receiver.services == {"streamproc-worker", "streamproc-loader"}
    assert sum(attributes_of(span)["streamproc.rows"] for span in batches) == EVENTS
    assert sum(attributes_of(span)["messaging.batch.message_count"] for span in loads) == EVENTS
    for span in batches:
        stages = [each for each in receiver.spans if each.parent_span_id == span.span_id]
        assert {"decode", "detect", "redact", "row", "publish"} <= {each.name for each in stages}
        assert all(span.start_time_unix_nano <= each.start_time_unix_nano for each in stages)
        assert max(each.end_time_unix_nano for each in stages) == span.end_time_unix_nano
    assert [item.path for made in records for item in made.planted if item.value in said] == []
