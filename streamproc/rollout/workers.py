"""The workers that say how they are, as commands see them."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import TimeoutError as NotInTime
from types import TracebackType
from typing import Final, NamedTuple, Self

from streamproc.errors import RetryableError
from streamproc.events import Micros
from streamproc.kafka.control import LogReader, LogRecord
from streamproc.rollout.reporter import BEAT_SECONDS
from streamproc.rollout.shadow_report import ShadowReport, decode_report, is_report
from streamproc.rollout.status import WorkerStatus, decode_status
from streamproc.settings import Settings

__all__ = ["LISTEN_SECONDS", "Heard", "Workers"]

LISTEN_SECONDS: Final = 2.5 * BEAT_SECONDS
"""Who says nothing for so long is taken for gone."""
ASK_SECONDS: Final = 10.0


class Heard(NamedTuple):
    """What a worker said last.

    Attributes:
        status: What it said.
        at: When, by its own clock.
        live: Whether it was said lately, while we listened.
    """

    status: WorkerStatus
    at: Micros
    live: bool


class Workers:
    """Listens to the workers of a raw topic; a context manager."""

    def __init__(self, settings: Settings) -> None:
        """Start to listen."""
        self._topic = settings.topics.raw
        self._lock = threading.Lock()
        self._heard: dict[bytes, tuple[WorkerStatus, Micros, float]] = {}
        self._reports: dict[bytes, ShadowReport | None] = {}
        self._reader = LogReader(settings.kafka, settings.topics.status, self._take)
        self._reader.start()
        self._caught_up_at: float | None = None

    def listen(self, seconds: float = 0.0) -> Sequence[Heard]:
        """Return, after ``seconds``, what the workers said last, in the order of their names.

        Raises:
            RetryableError: The brokers do not answer.
        """
        if self._caught_up_at is None:
            try:
                self._reader.caught_up(ASK_SECONDS).result(2 * ASK_SECONDS)
            except NotInTime:
                raise RetryableError("the topic of status could not be read") from None
            self._caught_up_at = time.monotonic()
        time.sleep(seconds)
        now = time.monotonic()
        with self._lock:
            heard = [self._as_heard(*each, now) for _, each in sorted(self._heard.items())]
        return [each for each in heard if each.status.topic == self._topic]

    def reports(self) -> Sequence[ShadowReport]:
        """Return what was found of rulesets that are or were tried, as far as it was listened."""
        with self._lock:
            found = [each for each in self._reports.values() if each is not None]
        return [each for each in found if each.topic == self._topic]

    @property
    def listened_seconds(self) -> float:
        """How long it has been listened to what is new."""
        return 0.0 if self._caught_up_at is None else time.monotonic() - self._caught_up_at

    def _as_heard(self, status: WorkerStatus, at: Micros, arrived: float, now: float) -> Heard:
        assert self._caught_up_at is not None
        # By our clock alone: what was there when we came may be of yesterday.
        live = arrived > self._caught_up_at and now - arrived < LISTEN_SECONDS
        return Heard(status, at, live)

    def _take(self, record: LogRecord) -> None:
        with self._lock:
            if record.key is None:
                return
            if is_report(record.key):
                report = None if record.value is None else decode_report(record.value)
                self._reports[record.key] = report
            elif record.value is None:
                self._heard.pop(record.key, None)
            elif (status := decode_status(record.value)) is not None:
                self._heard[record.key] = (status, record.timestamp, time.monotonic())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._reader.stop(ASK_SECONDS)
