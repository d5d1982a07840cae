"""What worker and loader show of themselves over HTTP, both as processes on real brokers."""

from __future__ import annotations

from pathlib import Path

import pytest
from brokers import Broker
from processes import wait_until
from seen import Seen
from workplace import Workplace

from streamproc.demo import Mix, generate

EVENTS = 600


@pytest.fixture
def place(broker: Broker, tmp_path: Path) -> Workplace:
    return Workplace(broker, tmp_path)


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
