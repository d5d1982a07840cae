"""A ruleset tried beside the one in force, and put in force: on real Kafka, with a real worker."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from brokers import Broker
from processes import running, wait_until
from workplace import Workplace

from streamproc.demo import Generated
from streamproc.kafka.codecs import ROW
from streamproc.kafka.control import RECORD_BYTES

pytestmark = pytest.mark.kafka

EMAIL = "jane@example.com"
RULES = """\
version: 1
name: %s
entities: [EMAIL_ADDRESS]
operators: {default: hash}
rules:
  - {name: note, fields: [properties.note], entity: NOTE, operator: %s}
"""
LESS = "{mask: {keep_last: 4}}"


@pytest.fixture
def place(kafka: Broker, tmp_path: Path) -> Workplace:
    place = Workplace(kafka, tmp_path)
    for topic in (place.topics.rules, place.topics.status):
        config = {"cleanup.policy": "compact", "max.message.bytes": str(RECORD_BYTES)}
        kafka.create(topic, 1, config)
    for name, operator in (("now", "hash"), ("less", LESS), ("more", "redact")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rules.yaml").write_text(RULES % (name, operator))
    return place


def rules(place: Workplace, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Return what a command of `rules` says."""
    environment = place.environment(rules_follow="topic")
    with running(["-m", "streamproc", "rules", *arguments, "--json"], environment) as process:
        assert process.wait(90) == code, process.output()
        process.close()
        text = "\n".join(process.lines)
        said: dict[str, Any] = json.loads(text[text.index("{") :])
        return said


def publish(place: Workplace, start: int, count: int) -> None:
    place.publish(numbered(number) for number in range(start, start + count))


def numbered(number: int) -> Generated:
    event = {
        "type": "track",
        "event": "Seen",
        "anonymousId": f"a-{number % 5}",
        "messageId": f"m-{number}",
        "properties": {"contact": EMAIL, "note": f"a note of {number:09}"},
    }
    return Generated(orjson.dumps(event), f"a-{number % 5}".encode(), f"m-{number}", ())


def notes(place: Workplace) -> Mapping[str, str]:
    found = {}
    for record in place.broker.consume_all(place.topics.load):
        row = ROW.decode(record.value)
        found[row["message_id"]] = orjson.loads(row["payload"])["properties"]["note"]
    return found


def compared(place: Workplace, count: int) -> dict[str, Any]:
    """Return what is found of the ruleset that is tried, when ``count`` events were looked at."""
    said: dict[str, Any] = {}

    def enough() -> bool:
        said.update(rules(place, "shadow"))
        return bool(said["compared"] + said["missed"] >= count)

    wait_until(enough, 60)
    return said


def test_what_is_less_protected_is_refused_until_it_is_named(place: Workplace) -> None:
    rules(place, "publish", str(place.folder / "now"), "--message", "first")
    with place.ready_worker(rules_follow="topic") as worker:
        begun = rules(place, "shadow", str(place.folder / "less"), "--sample", "1", "--for", "5m")
        assert (begun["ruleset"], begun["against"], begun["running"]) == (2, 1, True)
        time.sleep(3)  # until the worker has made it ready
        publish(place, 0, 40)
        said = compared(place, 40)
        refused = rules(place, "promote", "--message", "why not", code=1)
        stopped = rules(place, "shadow", "--stop")
        taken = rules(
            place, "promote", "2", "--allow-less", "properties.note", "--message", "it is meant"
        )
        publish(place, 40, 5)
        place.wait_until_processed(45)
        worker.stop()

    assert said["compared"] > 0
    assert [(each["kind"], each["path"]) for each in said["changes"]] == [
        ("exposed", "properties.note")
    ]
    assert said["changes"][0]["events"] == said["compared"]
    assert said["new_micros"] > 0
    assert EMAIL not in json.dumps(said)
    assert "a note" not in json.dumps(said)
    assert [each["path"] for each in refused["less"]] == ["properties.note"]
    assert stopped["running"] is False
    assert (taken["ruleset"], taken["in_force"]) == (3, True)
    by_id = notes(place)
    assert all(by_id[f"m-{number}"].startswith("tok_") for number in range(40))
    assert all(by_id[f"m-{number}"].startswith("*") for number in range(40, 45))
