"""A worker of several processes, on real Kafka."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from brokers import Broker
from processes import Process, running, runs, wait_until
from workplace import Workplace

from streamproc.demo import Generated

pytestmark = pytest.mark.kafka

KEYS = 40
SHARED_OUT_SECONDS = 150.0
EVENTS = 2_000


@pytest.fixture
def place(kafka: Broker, tmp_path: Path) -> Workplace:
    return Workplace(kafka, tmp_path)


def events(start: int, count: int) -> list[Generated]:
    return [
        Generated(
            orjson.dumps(
                {
                    "type": "track",
                    "event": "Seen",
                    "anonymousId": f"a-{number % KEYS}",
                    "messageId": str(number),
                }
            ),
            f"a-{number % KEYS}".encode(),
            str(number),
            (),
        )
        for number in range(start, start + count)
    ]


@contextmanager
def two_processes(place: Workplace, **settings: object) -> Iterator[Process]:
    arguments = ["-m", "streamproc", "worker", "--processes", "2"]
    with running(arguments, place.environment(**settings)) as worker:
        try:
            wait_until(lambda: shared_out(worker), SHARED_OUT_SECONDS)
        except AssertionError:
            raise AssertionError(worker.output()) from None
        yield worker


def lines(worker: Process) -> list[dict[str, Any]]:
    return [json.loads(line) for line in list(worker.lines) if line.startswith("{")]


def told(worker: Process, event: str) -> list[dict[str, Any]]:
    return [line for line in lines(worker) if line["event"] == event]


def assignment(worker: Process) -> dict[str, list[int]]:
    """Return by process the partitions that it said last that it has."""
    return {line["process"]: line["partitions"] for line in told(worker, "worker ready")}


def pids(worker: Process) -> dict[str, int]:
    return {line["process"]: line["pid"] for line in told(worker, "process started")}


def shared_out(worker: Process) -> bool:
    held = assignment(worker)
    return sorted(held) == ["0", "1"] and all(len(each) == 2 for each in held.values())


def loaded(place: Workplace) -> Counter[str]:
    place.load()
    return place.message_ids()


def test_processes_share_the_partitions_and_stop_in_order(place: Workplace) -> None:
    with two_processes(place) as worker:
        place.publish(events(0, EVENTS))
        place.wait_until_processed(EVENTS)
        children = pids(worker)
        assert worker.stop() == 0
        worker.close()

    assert not any(map(runs, children.values()))
    stopped = {line["process"]: line["events"] for line in told(worker, "worker stopped")}
    assert sum(stopped.values()) == EVENTS
    assert min(stopped.values()) > 0
    assert len(place.broker.consume_all(place.topics.load)) == EVENTS
    assert set(loaded(place).values()) == {1}


def test_a_killed_process_gets_its_partitions_back_and_the_other_keeps_its_own(
    place: Workplace,
) -> None:
    with two_processes(place, worker_instance_id="worker-a") as worker:
        before = assignment(worker)
        settled = len(told(worker, "worker ready"))
        place.publish(events(0, EVENTS))
        os.kill(pids(worker)["0"], signal.SIGKILL)
        place.publish(events(EVENTS, EVENTS))
        place.wait_until_processed(2 * EVENTS)
        after = told(worker, "worker ready")[settled:]
        assert worker.stop() == 0

    assert {line["process"] for line in after} == {"0"}, "the other's partitions were moved"
    assert assignment(worker) == before
    assert loaded(place) == Counter(str(number) for number in range(2 * EVENTS))


def test_a_worker_whose_parent_is_killed_is_gone_and_another_does_the_rest(
    place: Workplace,
) -> None:
    with two_processes(place) as worker:
        place.publish(events(0, EVENTS))
        worker.kill()
        wait_until(lambda: not any(map(runs, pids(worker).values())))
    with two_processes(place):
        place.wait_until_processed(EVENTS)

    assert loaded(place) == Counter(str(number) for number in range(EVENTS))


def test_metrics_of_all_processes_are_at_one_port(place: Workplace) -> None:
    with two_processes(place, metrics_port=0) as worker:
        (server,) = [
            line for line in told(worker, "metrics are served") if line["process"] == "metrics"
        ]
        place.publish(events(0, EVENTS))
        place.wait_until_processed(EVENTS)
        ready = asked(server["port"], "/readyz")
        rows = asked(server["port"], "/metrics")
        assert worker.stop() == 0

    assert json.loads(ready) == {"ready": True, "reasons": {}}
    counts = {
        number: float(line.split()[-1])
        for line in rows.splitlines()
        for number in ("0", "1")
        if line.startswith("streamproc_events_total{") and f'process="{number}"' in line
        if 'outcome="row"' in line
    }
    assert sum(counts.values()) == EVENTS
    assert min(counts.values()) > 0


def asked(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        text: str = answer.read().decode()
        return text
