from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from confluent_kafka import KafkaError

from streamproc.kafka import clients
from streamproc.kafka.clients import QUIET_SECONDS, BrokerWatch, client_config
from streamproc.settings import KafkaSettings

GONE = KafkaError(KafkaError._ALL_BROKERS_DOWN)
ONE_GONE = KafkaError(KafkaError._TRANSPORT)
REFUSED = KafkaError(KafkaError._AUTHENTICATION)
FATAL = KafkaError(KafkaError._FATAL, fatal=True)


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 5.0  # as soon after a machine's start as can be
        monkeypatch.setattr(clients, "time", SimpleNamespace(monotonic=lambda: self.now))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def told(watch: BrokerWatch, *errors: KafkaError) -> list[Any]:
    with structlog.testing.capture_logs() as lines:
        for error in errors:
            watch(error)
    return lines


def test_brokers_that_are_gone_are_told_with_their_addresses_and_who_misses_them(
    clock: Clock,
) -> None:
    assert told(BrokerWatch("one:9092,two:9092", "loader"), GONE) == [
        {
            "event": "brokers cannot be reached, trying again",
            "log_level": "warning",
            "role": "loader",
            "brokers": "one:9092,two:9092",
        }
    ]
    assert clock.now == 5.0


def test_a_line_is_repeated_only_after_a_while(clock: Clock) -> None:
    watch = BrokerWatch("one:9092", "loader")

    first = told(watch, GONE, GONE)
    clock.now += QUIET_SECONDS - 0.1
    soon = told(watch, GONE)
    clock.now += 0.2
    later = told(watch, GONE)

    assert [len(first), len(soon), len(later)] == [1, 0, 1]


@pytest.mark.usefixtures("clock")
def test_another_line_is_told_at_once() -> None:
    watch = BrokerWatch("one:9092", "loader")

    lines = told(watch, GONE, REFUSED)

    assert [line["event"] for line in lines] == [
        "brokers cannot be reached, trying again",
        "brokers refuse the log-in; see kafka.sasl_… or the certificate",
    ]


@pytest.mark.usefixtures("clock")
def test_one_lost_broker_of_several_is_not_worth_a_line() -> None:
    assert told(BrokerWatch("one:9092,two:9092", "loader"), ONE_GONE) == []


@pytest.mark.usefixtures("clock")
def test_a_fatal_error_is_always_told() -> None:
    lines = told(BrokerWatch("one:9092", "loader"), FATAL, FATAL)

    assert [(line["log_level"], line["code"]) for line in lines] == [("error", "_FATAL")] * 2


def test_every_client_is_told_where_the_brokers_are_and_whom_to_tell_of_trouble() -> None:
    config = client_config(KafkaSettings(brokers="one:9092"), "loader")

    assert config["bootstrap.servers"] == "one:9092"
    assert config["client.id"] == "streamproc-loader"
    assert isinstance(config["error_cb"], BrokerWatch)
    assert config["logger"].name == "librdkafka"
