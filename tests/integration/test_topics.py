from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from brokers import Broker
from click.testing import CliRunner, Result

from streamproc.cli import main
from streamproc.kafka import topics
from streamproc.kafka.topics import wait_for_topics
from streamproc.settings import KafkaSettings, Settings, TopicSettings


def run(broker: Broker, names: TopicSettings, *arguments: str, **variables: str) -> Result:
    environment = {
        "STREAMPROC_KAFKA_BROKERS": broker.bootstrap,
        "STREAMPROC_TOPICS_RAW": names.raw,
        "STREAMPROC_TOPICS_LOAD": names.load,
        "STREAMPROC_TOPICS_DEAD": names.dead,
        "STREAMPROC_TOPICS_LINKS": names.links,
        "STREAMPROC_TOPICS_ATTRIBUTES": names.attributes,
        "STREAMPROC_TOPICS_SUPPRESSED": names.suppressed,
        "STREAMPROC_TOPICS_DELETIONS": names.deletions,
        "STREAMPROC_TOPICS_RULES": names.rules,
        "STREAMPROC_TOPICS_STATUS": names.status,
        **variables,
    }
    return CliRunner().invoke(main, ["topics", *arguments], env=environment)


def table(result: Result) -> dict[str, dict[str, Any]]:
    return {row["topic"]: row for row in json.loads(result.stdout)["topics"]}


@pytest.mark.kafka
def test_apply_makes_the_topics_once(kafka: Broker) -> None:
    names = kafka.names()

    first = run(kafka, names, "apply", "--json")
    again = run(kafka, names, "apply", "--json")

    assert (first.exit_code, again.exit_code) == (0, 0)
    assert {row["action"] for row in table(first).values()} == {"created"}
    assert {row["action"] for row in table(again).values()} == {"as asked for"}
    assert kafka.partitions(names.raw) == [0, 1, 2, 3]


@pytest.mark.kafka
def test_a_dry_run_makes_nothing(kafka: Broker) -> None:
    names = kafka.names()

    result = run(kafka, names, "apply", "--dry-run", "--json")

    assert {row["action"] for row in table(result).values()} == {"to create"}
    assert {row["drift"] for row in table(run(kafka, names, "show", "--json")).values()} == {
        "missing"
    }


@pytest.mark.kafka
def test_apply_alters_what_differs_and_show_tells_before(kafka: Broker) -> None:
    names = kafka.names()
    run(kafka, names, "apply")
    shorter = {"STREAMPROC_TOPICS_RAW_RETENTION_HOURS": "24"}

    drift = table(run(kafka, names, "show", "--json", **shorter))[names.raw]["drift"]
    run(kafka, names, "apply", **shorter)
    after = table(run(kafka, names, "show", "--json", **shorter))[names.raw]

    assert drift == "retention.ms 604800000 to 86400000"
    assert (after["retention_hours"], after["drift"]) == (24, "")


@pytest.mark.kafka
def test_partitions_of_keyed_topics_grow_only_when_asked(kafka: Broker) -> None:
    names = kafka.names()
    run(kafka, names, "apply")
    more = {"STREAMPROC_TOPICS_PARTITIONS": "6"}

    refused = run(kafka, names, "apply", **more)
    assert refused.exit_code == 1
    assert "--grow" in refused.output
    assert (len(kafka.partitions(names.raw)), len(kafka.partitions(names.dead))) == (4, 6)

    assert run(kafka, names, "apply", "--grow", **more).exit_code == 0
    assert len(kafka.partitions(names.raw)) == 6


@pytest.mark.kafka
def test_show_counts_the_records(kafka: Broker) -> None:
    names = kafka.names()
    run(kafka, names, "apply")
    kafka.produce(names.raw, [(b"key", b"value")] * 3)

    shown = table(run(kafka, names, "show", "--json"))

    assert shown[names.raw]["records"] == 3
    assert shown[names.links]["cleanup"] == "compact"


@pytest.mark.kafka
def test_what_the_broker_refuses_is_said_in_a_line(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "PAUSES_SECONDS", ())

    result = run(kafka, kafka.names(), "apply", STREAMPROC_TOPICS_REPLICATION="3")

    assert result.exit_code == 1
    assert "create" in result.output
    assert "Traceback" not in result.output


def test_the_embedded_broker_says_that_it_makes_topics_itself(embedded: Broker) -> None:
    result = run(embedded, embedded.names(), "apply")

    assert result.exit_code == 2
    assert "on first use" in result.output


def test_show_works_on_the_embedded_broker(embedded: Broker) -> None:
    names = embedded.topics()
    embedded.produce(names.load, [(None, b"value")])

    shown = table(run(embedded, names, "show", "--json"))

    assert (shown[names.load]["partitions"], shown[names.load]["records"]) == (4, 1)


def test_no_broker_is_a_line_and_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "PAUSES_SECONDS", (0,))
    monkeypatch.setattr(topics, "ASK_SECONDS", 0.2)

    result = run(Broker("127.0.0.1:1", "kafka"), TopicSettings(), "show")

    assert result.exit_code == 1
    assert "cannot be reached" in result.output
    assert "try 2 of 2" in result.output


def test_waiting_for_topics_ends_when_the_last_is_there(broker: Broker) -> None:
    names = broker.names()
    settings = Settings(kafka=KafkaSettings(brokers=broker.bootstrap), topics=names)
    waiting = threading.Thread(target=wait_for_topics, args=[settings], daemon=True)
    for name in (names.raw, names.load, names.dead, names.attributes, names.suppressed):
        broker.create(name)

    waiting.start()
    waiting.join(0.5)
    assert waiting.is_alive()

    broker.create(names.links)
    waiting.join(10)
    assert not waiting.is_alive()
