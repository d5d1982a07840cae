"""The peer: Quix Streams, masking every string of an event.

    python app.py BROKERS TOPIC OUT GROUP THREADS regexes|presidio

One process is one thread: Quix Streams scales by processes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson
from quixstreams import Application

sys.path.insert(0, str(Path(__file__).parents[3]))

from bench.peers.masking import mask_strings, presidio_masks, regex_masks

MASKS = {"regexes": regex_masks, "presidio": presidio_masks}


def main() -> None:
    brokers, topic, out, group, _threads, how = sys.argv[1:]
    mask = MASKS[how]()

    def masked(value: bytes) -> bytes:
        event: Any = orjson.loads(value)
        return orjson.dumps(mask_strings(event, mask))

    with tempfile.TemporaryDirectory() as folder:
        app = Application(
            broker_address=brokers,
            consumer_group=group,
            auto_offset_reset="earliest",
            auto_create_topics=False,
            # Its documentation's advice for throughput: batches on the way out.
            producer_extra_config={
                "enable.idempotence": True,
                "compression.type": "lz4",
                "linger.ms": 50,
                "queue.buffering.max.messages": 1_000_000,
            },
            state_dir=folder,
            loglevel="WARNING",
        )
        # orjson on bytes: its own JSON deserializer is the standard library's.
        raw = app.topic(topic, value_deserializer="bytes", key_deserializer="bytes")
        masked_topic = app.topic(out, value_serializer="bytes", key_serializer="bytes")
        app.dataframe(raw).apply(masked).to_topic(masked_topic)
        app.run()


if __name__ == "__main__":
    main()
