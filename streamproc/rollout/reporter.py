"""The part of a worker that speaks: its status, and that it will not wait any longer."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from streamproc.errors import RetryableError
from streamproc.kafka.control import LogWriter
from streamproc.rollout.ledger import Try
from streamproc.rollout.records import Abort, encode
from streamproc.rollout.status import WorkerStatus, encode_status
from streamproc.settings import KafkaSettings

__all__ = ["Reporter", "Speaker"]

log = structlog.get_logger()

BEAT_SECONDS: Final = 1.0
"""How often a worker says how it is."""
HOLD_SECONDS: Final = 0.15
"""How long a worker holds its batches for a publisher that has begun a switch: some 10 ms are
enough, and a publisher that takes longer tries again."""
WRITE_SECONDS: Final = 5.0


class Speaker(Protocol):
    """What there is to say."""

    def undecided(self) -> Sequence[Try]:
        """Return the tries without an outcome."""

    def status(self) -> WorkerStatus:
        """Return what is to be said of this worker."""

    def shadow(self) -> tuple[bytes, bytes] | None:
        """Return key and value of what is to be said of a ruleset that is tried; None: nothing."""


class Reporter(threading.Thread):
    """Writes a worker's status, and aborts of what took too long."""

    def __init__(
        self, name: str, kafka: KafkaSettings, topics: tuple[str, str], speaker: Speaker
    ) -> None:
        """Prepare the thread; ``topics`` are those of rules and of status."""
        super().__init__(name="rules-reporter", daemon=True)
        self._worker = name
        self._speaker = speaker
        self._news = threading.Event()
        self._stop_requested = threading.Event()
        self._seen: dict[Try, float] = {}
        self._shadow: tuple[bytes, bytes] | None = None
        self._rules, self._status = (LogWriter(kafka, topic, WRITE_SECONDS) for topic in topics)

    def wake(self) -> None:
        """Have the status said at once: something has changed."""
        self._news.set()

    def stop(self) -> None:
        """Take the status back and end."""
        self._stop_requested.set()
        self._news.set()
        if self.is_alive():
            self.join(2 * WRITE_SECONDS)

    def run(self) -> None:
        """Speak until stopped."""
        beat = time.monotonic()
        while not self._stop_requested.is_set():
            news = self._news.wait(self._pause(beat))
            self._news.clear()
            self._give_up()
            if news or time.monotonic() >= beat:
                beat = time.monotonic() + BEAT_SECONDS
                self._write(*encode_status(self._speaker.status()))
                self._write_shadow()
        self._write_shadow()
        self._write(self._worker.encode(), None)

    def _pause(self, beat: float) -> float:
        due = min([beat, *(seen + HOLD_SECONDS for seen in self._seen.values())])
        return max(0.0, due - time.monotonic())

    def _give_up(self) -> None:
        """Say of every try that is undecided for too long that it has come to nothing.

        Whether it has is for the log to say: the first outcome of a try counts.
        """
        now = time.monotonic()
        self._seen = {each: self._seen.get(each, now) for each in self._speaker.undecided()}
        for tried, seen in self._seen.items():
            if now - seen < HOLD_SECONDS:
                continue
            abort = Abort(id=tried.id, attempt=tried.attempt, by=self._worker, reason="too_slow")
            try:
                self._rules.append(*encode(abort, uuid.uuid4().hex))
            except RetryableError as error:
                log.warning("a switch of rules is not aborted yet", cause=str(error))
            else:
                log.warning("a switch of rules took too long", ruleset=tried.id)
            self._seen[tried] = time.monotonic()

    def _write_shadow(self) -> None:
        said = self._speaker.shadow()
        if said is not None and said != self._shadow:
            self._shadow = said
            self._write(*said)

    def _write(self, key: bytes, value: bytes | None) -> None:
        try:
            self._status.append(key, value)
        except RetryableError as error:
            log.warning("status is not written", cause=str(error))
