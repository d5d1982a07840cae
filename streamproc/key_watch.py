"""The worker's eye on its keys: names the hot ones as tokens, in the log and in a metric."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

import structlog

from streamproc.events import Record
from streamproc.hot_keys import Clock, HotKeys, Place
from streamproc.redact import Tokens
from streamproc.sight import Meter
from streamproc.sight.metrics import HOT_KEY_SHARE

__all__ = ["KeyWatch"]

log = structlog.get_logger()


class KeyWatch:
    """Tells of keys that have much of what is read."""

    def __init__(self, share: float, tokens: Tokens, meter: Meter) -> None:
        """Begin to look.

        Args:
            share: As :class:`HotKeys` has it.
            tokens: What keys are named by: that of an id, as it stands in rows.
            meter: Gets the share of the busiest key.
        """
        self._tokens = tokens
        self._keys = HotKeys(share, lambda: Clock(time.monotonic(), time.process_time()))
        meter.ask(HOT_KEY_SHARE, lambda: [((), self._keys.busiest_share())])

    def assigned(self, partitions: Collection[Place]) -> None:
        """Take note that these partitions, and no others, are this process's."""
        self._keys.keep(partitions)

    def look(self, records: Sequence[Record]) -> None:
        """Take note of a batch."""
        for hot in self._keys.look(records):
            log.warning(
                "one key has much of what is read",
                topic=hot.topic,
                partition=hot.partition,
                key=self._name(hot.key),
                events=hot.events,
                share=round(hot.share, 3),
                process_share=round(hot.process_share, 3),
            )

    def _name(self, key: bytes) -> str:
        try:
            # Producers key by an id as a rule: rows have this very token as theirs.
            return self._tokens.of_identifier(key.decode())
        except UnicodeDecodeError:
            return self._tokens.ordering(key).decode()
