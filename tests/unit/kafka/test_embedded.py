from __future__ import annotations

import socket

from confluent_kafka.admin import AdminClient

from streamproc.kafka.embedded import PARTITIONS, EmbeddedBroker


def test_a_topic_is_made_on_first_use() -> None:
    with EmbeddedBroker() as broker:
        client = AdminClient({"bootstrap.servers": broker.bootstrap})
        found = client.list_topics("events.raw", timeout=5).topics["events.raw"]

    assert len(found.partitions) == PARTITIONS


def test_making_topics_touches_every_one() -> None:
    with EmbeddedBroker() as broker:
        broker.make(["one", "two"])

        client = AdminClient({"bootstrap.servers": broker.bootstrap})
        assert set(client.list_topics(timeout=5).topics) == {"one", "two"}


def test_two_at_a_time_know_nothing_of_each_other() -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        one.make(["here"])

        client = AdminClient({"bootstrap.servers": other.bootstrap})
        assert client.list_topics(timeout=5).topics == {}


def test_the_port_is_free_when_it_is_closed() -> None:
    with EmbeddedBroker() as broker:
        host, _, port = broker.bootstrap.partition(":")

    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0
