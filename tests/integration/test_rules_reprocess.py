"""Rows under weaker rules, told and made anew: real Kafka, a real worker, loader and warehouse."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from brokers import Broker
from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import AdminClient
from processes import running
from workplace import Workplace

from streamproc.demo import Generated

pytestmark = pytest.mark.kafka

RULES = "version: 1\nname: own\nentities: [EMAIL_ADDRESS]\noperators: {default: %s}\nrules: []\n"
EMAIL = "jane@example.com"
SINCE = (datetime.now(UTC) - timedelta(days=1)).isoformat()


@pytest.fixture
def place(kafka: Broker, tmp_path: Path) -> Workplace:
    for name, operator in (("weak", "mask"), ("today", "hash")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rules.yaml").write_text(RULES % operator)
    return Workplace(kafka, tmp_path)


def numbered(number: int) -> Generated:
    event = {
        "type": "track",
        "event": "Seen",
        "anonymousId": f"a-{number % 5}",
        "messageId": f"m-{number}",
        "properties": {"contact": EMAIL},
    }
    return Generated(orjson.dumps(event), f"a-{number % 5}".encode(), f"m-{number}", ())


def work(place: Workplace, first: int, following: int, rules: str) -> None:
    """Publish events, redact them by ``rules``, and load them."""
    place.publish(numbered(number) for number in range(first, following))
    with place.ready_worker(rules_directory=place.folder / rules) as worker:
        place.wait_until_processed(following)
        worker.stop()
    place.load()


def rules(place: Workplace, *arguments: str, code: int = 0) -> dict[str, Any]:
    environment = place.environment(rules_directory=place.folder / "today")
    command = ["-m", "streamproc", "rules", *arguments, "--json"]
    with running(command, environment) as process:
        assert process.wait(90) == code, process.output()
        process.close()
        text = "\n".join(process.lines)
        said: dict[str, Any] = json.loads(text[text.rindex("\n{") if "\n{" in text else 0 :])
        return said


def expire(place: Workplace) -> None:
    """Have the raw topic lose all its records."""
    admin = AdminClient({"bootstrap.servers": place.broker.bootstrap})
    partitions = place.broker.partitions(place.topics.raw)
    whole = [TopicPartition(place.topics.raw, number, OFFSET_END) for number in partitions]
    for deleted in admin.delete_records(whole).values():
        deleted.result(10)


def contacts(place: Workplace) -> dict[str, str]:
    return dict(place.query("SELECT id, contact FROM seen"))


def test_rows_under_weaker_rules_are_told_and_made_anew_and_no_others(place: Workplace) -> None:
    work(place, 0, 20, "weak")
    work(place, 20, 30, "today")
    weak = ("--known", str(place.folder / "weak"))

    owed = rules(place, "debt", *weak, code=1)
    dry = rules(place, "reprocess", "--since", SINCE, "--weaker-than-today", "--dry-run", *weak)
    done = rules(place, "reprocess", "--since", SINCE, "--weaker-than-today", *weak)
    place.load()
    after = rules(place, "debt", *weak)

    tables = {each["table"]: each for each in owed["tables"]}
    assert (tables["seen"]["weaker"], tables["seen"]["today"]) == (20, 10)
    assert {
        (each["table"], each["path"], each["evidence"], each["rows"]) for each in owed["owed"]
    } == {
        (table, path, evidence, 20)
        for table in ("seen", "tracks")
        for path, evidence in (("**", "rules"), ("properties.contact", "manifest"))
    }
    assert dry == {"records": 20, "expired": {}, "of_other_topics": 0}
    assert (done["complete"], done["records"], done["events"], done["rows"]) == (True, 20, 20, 20)
    assert len(contacts(place)) == 30
    assert all(contact.startswith("tok_") for contact in contacts(place).values())
    assert after["owed"] == []
    assert {each["state"] for each in after["rulesets"]} == {"today"}


@pytest.mark.parametrize("mode", ["dedupe", "merge"])
def test_reprocessing_twice_is_like_once_and_no_replay_undoes_it(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("STREAMPROC_LOADER_MODE", mode)
    work(place, 0, 20, "weak")
    before = contacts(place)

    for _ in range(2):  # nothing of the first is loaded when the second begins
        assert rules(place, "reprocess", "--since", SINCE)["records"] == 20
    assert place.load()["rows"] == 0
    corrected = contacts(place)
    place.group = place.broker.group("again")
    with place.ready_worker(rules_directory=place.folder / "weak") as worker:
        place.wait_until_processed(20)
        worker.stop()
    place.load()

    assert len(before) == 20
    assert not before.items() & corrected.items()
    assert all(contact.startswith("tok_") for contact in corrected.values())
    assert contacts(place) == corrected
    assert max(place.message_ids().values()) == 1


def test_records_that_have_expired_are_counted_and_their_rows_stay(place: Workplace) -> None:
    work(place, 0, 20, "weak")
    before = contacts(place)
    expire(place)

    done = rules(place, "reprocess", "--since", SINCE)

    assert sum(each["records"] for each in done["expired"].values()) == 20
    assert (done["complete"], done["records"], done["events"]) == (True, 0, 0)
    assert contacts(place) == before
