from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import broker as broker_module
import pytest
from broker import KafkaBroker
from brokers import Broker
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from processes import runs, wait_until


def test_records_come_back_by_partition_and_offset(broker: Broker) -> None:
    topic = broker.topics().raw

    broker.produce(topic, [(b"k", b"1", 2), (b"k", b"2", 2), (None, b"3", 0), (b"k", None, 1)])

    assert [tuple(record) for record in broker.consume_all(topic)] == [
        (0, 0, None, b"3"),
        (1, 0, b"k", None),
        (2, 0, b"k", b"1"),
        (2, 1, b"k", b"2"),
    ]
    assert [record.value for record in broker.consume_all(topic, [2])] == [b"1", b"2"]


def test_a_topic_never_written_to_is_empty(broker: Broker) -> None:
    assert broker.consume_all(broker.topics().dead) == []


def test_committed_offsets_are_those_of_the_group(broker: Broker) -> None:
    topic, group = broker.topics().raw, broker.group()
    broker.produce(topic, [(None, b"1", 3), (None, b"2", 3)])
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group})
    consumer.commit(offsets=[TopicPartition(topic, 3, 2)], asynchronous=False)
    consumer.close()

    assert broker.committed(group, topic) == {3: 2}
    assert broker.committed(broker.group(), topic) == {}


def test_every_test_has_topics_of_its_own(broker: Broker) -> None:
    first, second = broker.names(), broker.names()

    assert first.raw != second.raw
    assert len({first.raw, first.load, first.dead, first.links}) == 4


@pytest.mark.kafka
def test_real_kafka_makes_no_topic_by_itself(kafka: Broker) -> None:
    told: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "message.timeout.ms": 2000})
    producer.produce(
        kafka.names().raw, b"value", on_delivery=lambda error, _message: told.append(error)
    )
    producer.flush(10)

    assert told[0] is not None


@pytest.mark.kafka
def test_a_killed_broker_comes_back_with_its_records(own_kafka: KafkaBroker) -> None:
    broker = Broker(own_kafka.bootstrap, "kafka")
    topic = broker.topics().raw
    broker.produce(topic, [(None, b"before", 0)])

    own_kafka.kill()
    own_kafka.start()
    broker.produce(topic, [(None, b"after", 0)])

    assert [record.value for record in broker.consume_all(topic)] == [b"before", b"after"]


STARTED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from broker import KafkaBroker
broker = KafkaBroker(Path(sys.argv[2]))
broker.start()
print(broker._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.kafka
@pytest.mark.skipif(sys.platform != "linux", reason="parents' deaths are told on Linux")
def test_a_broker_ends_with_a_killed_parent(tmp_path: Path) -> None:
    room = str(Path(broker_module.__file__).parent)
    command = [sys.executable, "-c", STARTED, room, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        process = int(parent.stdout.readline())
        assert runs(process)
        parent.kill()
    wait_until(lambda: not runs(process), seconds=30)
