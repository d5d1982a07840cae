"""A worker's dead letters, repaired and sent again, become rows: on real Kafka."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from brokers import Broker
from commands import run
from dead_letters import number_as_id, without_name
from processes import wait_until
from workplace import Workplace

from streamproc.demo import Generated

pytestmark = pytest.mark.kafka

REPAIR = """\
version: 1
name: ids
repairs:
  - name: ids-are-texts
    when: {codes: [wrong_type], paths: [userId]}
    steps: [{cast: {path: userId, to: string}}]
"""


@pytest.fixture
def place(kafka: Broker, tmp_path: Path) -> Workplace:
    place = Workplace(kafka, tmp_path)
    key = tmp_path / "private.key"
    key.touch(0o600)
    key.write_text(place.pair.private)
    (tmp_path / "repair.yaml").write_text(REPAIR)
    return place


def told(place: Workplace, *arguments: str) -> Any:
    environment = place.environment(audit_file=place.folder / "audit.log")
    done = run(environment, place.folder, "dead", *arguments, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines, done.stderr
    return lines


def published(values: Iterable[bytes]) -> list[Generated]:
    return [Generated(each, b"k-%d" % (at % 3), str(at), ()) for at, each in enumerate(values)]


def count(place: Workplace, topic: str) -> int:
    return len(place.broker.consume_all(topic))


def test_dead_letters_become_rows_when_they_are_repaired(place: Workplace) -> None:
    with place.ready_worker() as worker:
        place.publish(published([*map(number_as_id, range(12)), *map(without_name, range(3))]))
        wait_until(lambda: count(place, place.topics.dead) == 15)

        (repaired,) = told(
            place, "repair", "repair.yaml", "--private-key", "private.key", "--apply"
        )
        wait_until(lambda: count(place, place.topics.load) == 12)
        # What nobody mended fails again; its new letter knows that it came back.
        (again,) = told(place, "replay", "--code", "missing_field")
        wait_until(lambda: count(place, place.topics.dead) == 15 + 12 + 3 + 3)
        worker.stop()

    assert (repaired["sent"], repaired["left"]) == (12, {"no repair is meant for them": 3})
    assert again["sent"] == 3
    letters = told(place, "list", "--each")
    came_back = [each for each in letters if each["attempts"]]
    assert {(each["code"], each["attempts"], each["replayed"]) for each in came_back} == {
        ("missing_field", 1, False)
    }
    assert len(letters) == 18
    assert place.load()["rows"] == 12
    assert set(place.message_ids()) == {f"m-{number}" for number in range(12)}
