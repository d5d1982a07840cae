"""The peer: Bytewax, masking every string of an event by regular expressions.

    python flow.py BROKERS TOPIC OUT GROUP THREADS

Its Kafka source reads a partition in batches and joins no group.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main

sys.path.insert(0, str(Path(__file__).parents[3]))

from bench.peers.masking import mask_strings, regex_masks


def dataflow(brokers: str, topic: str, out: str) -> Dataflow:
    """Return the flow from topic to topic."""
    mask = regex_masks()

    def masked(messages: list[Any]) -> Iterable[Any]:
        for message in messages:
            value = orjson.dumps(mask_strings(orjson.loads(message.value), mask))
            yield KafkaSinkMessage(message.key, value)

    producing = {"enable.idempotence": "true", "compression.type": "lz4", "linger.ms": "5"}
    flow = Dataflow("mask")
    read = op.input("raw", flow, KafkaSource([brokers], [topic], batch_size=1_000))
    # flat_map_batch is the operator that the others are made of: a call a batch, not a message.
    op.output("out", op.flat_map_batch("mask", read, masked), KafkaSink([brokers], out, producing))
    return flow


def main() -> None:
    brokers, topic, out, _group, threads = sys.argv[1:]
    cli_main(dataflow(brokers, topic, out), workers_per_process=int(threads))


if __name__ == "__main__":
    main()
