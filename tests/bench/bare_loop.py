"""The floor: consume and produce with confluent-kafka, nothing in between.

python tests/bench/bare_loop.py BROKERS TOPIC OUT GROUP
"""

from __future__ import annotations

import signal
import sys

from confluent_kafka import Consumer, Producer


def main() -> None:
    brokers, topic, out, group = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    consumer = Consumer(
        {"bootstrap.servers": brokers, "group.id": group, "auto.offset.reset": "earliest"}
    )
    producer = Producer(
        {
            "bootstrap.servers": brokers,
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 5,
        }
    )
    consumer.subscribe([topic])
    while True:
        for message in consumer.consume(500, 0.05):
            while message.error() is None:
                try:
                    producer.produce(out, message.value(), message.key())
                    break
                except BufferError:
                    producer.poll(0.1)
        producer.poll(0)


if __name__ == "__main__":
    main()
