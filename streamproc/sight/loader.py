"""What a loader lets be seen of itself: counted per batch, and how far it is each second."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Final, NamedTuple, Protocol

from streamproc.events import Origin
from streamproc.sight import metrics
from streamproc.sight.batch import CLOCK, Clock
from streamproc.sight.health import Health, Pulse
from streamproc.sight.meter import Meter, Samples

__all__ = [
    "PARTS",
    "UNSEEN",
    "LoadedBatch",
    "LoaderSight",
    "LoaderStanding",
    "LoaderWatch",
]

PARTS: Final = {
    "warehouse": "has not answered so far",
    "group": "no partitions were assigned, or refused, so far",
}
LOOP_SECONDS: Final = 600.0
"""How long the loop of a loader may hang: at its end it waits for the warehouse, which may take
minutes for a statement."""
RESULTS: Final = ("loaded", "duplicate", "replaced", "deleted", "discarded", "dead")


class LoadedBatch(NamedTuple):
    """What became of a batch that the warehouse has now.

    Attributes:
        results: How many rows, by result.
        records: Records in it.
        fill_seconds: From when its first record came to when it was handed over.
        load_seconds: From then on.
        ages: By where the time is counted from, the seconds that each row took.
        begins: Where its first record lies, of those of its first partition.
        ended: When it was known to be loaded, in nanoseconds since the Unix epoch.
    """

    results: Mapping[str, int]
    records: int
    fill_seconds: float
    load_seconds: float
    ages: Mapping[str, Sequence[float]]
    begins: Origin
    ended: int


class LoaderStanding(NamedTuple):
    """How far a loader is.

    Attributes:
        lags: By topic and partition, the records that are not loaded.
        waiting_seconds: How long ago the oldest record was written that was read and is not loaded.
        spooled_bytes: What waits, in memory and on disk.
    """

    lags: Mapping[tuple[str, int], int]
    waiting_seconds: float
    spooled_bytes: int


class LoaderWatch(Protocol):
    """Whom a loader tells of itself."""

    def beat(self) -> None:
        """Say that its loop goes round."""

    def joined(self) -> None:
        """Say that it is in its group."""

    def heard(self, trouble: str | None) -> None:
        """Say that the warehouse has answered, or why it has not."""

    def loaded(self, batch: LoadedBatch) -> None:
        """Say that a batch is loaded."""

    def stands(self, standing: LoaderStanding) -> None:
        """Say how far it is; now and then."""


class _Unseen:
    """Nobody."""

    def beat(self) -> None:
        """Ignore it."""

    def joined(self) -> None:
        """Ignore it."""

    def heard(self, trouble: str | None) -> None:
        """Ignore it."""

    def loaded(self, batch: LoadedBatch) -> None:
        """Ignore it."""

    def stands(self, standing: LoaderStanding) -> None:
        """Ignore it."""


UNSEEN: Final = _Unseen()


class LoaderSight:
    """Counts what a loader does; a :class:`LoaderWatch`. Safe to use from several threads.

    Attributes:
        meter: Where it is counted.
        health: Of the loader.
    """

    def __init__(
        self,
        meter: Meter,
        health: Health,
        traced: Callable[[LoadedBatch], object] = lambda _batch: None,
        clock: Clock = CLOCK,
    ) -> None:
        """Have nothing counted; ``traced`` is told of batches too."""
        self._traced = traced
        self.meter, self.health = meter, health
        self._trouble: str | None = PARTS["warehouse"]
        self._lags: Mapping[tuple[str, int], int] = {}
        self._loop = Pulse(LOOP_SECONDS, lambda: clock.monotonic() / 1e9)
        health.watch("loop", self._loop.check)
        health.there("warehouse", lambda: self._trouble)
        meter.set(metrics.BUILD_INFO, 1, (version("streamproc"),))
        for result in RESULTS:
            meter.count(metrics.LOADER_ROWS, 0, (result,))
        meter.count(metrics.WAREHOUSE_FAULTS, 0)
        meter.ask(metrics.WAREHOUSE_UP, lambda: [((), self._trouble is None)])
        meter.ask(metrics.LOADER_LAG, self._lag_samples)

    def beat(self) -> None:
        """Take note that the loop goes round."""
        self._loop.beat()

    def joined(self) -> None:
        """Take note that the loader is in its group."""
        self.health.there("group")

    def heard(self, trouble: str | None) -> None:
        """Take note of how the warehouse answered."""
        self._trouble = trouble
        if trouble is not None:
            self.meter.count(metrics.WAREHOUSE_FAULTS)

    def loaded(self, batch: LoadedBatch) -> None:
        """Count a batch."""
        meter = self.meter
        for result, number in batch.results.items():
            meter.count(metrics.LOADER_ROWS, number, (result,))
        meter.observe(metrics.LOADER_BATCH_ROWS, [batch.records])
        meter.observe(metrics.LOADER_BATCH_SECONDS, [batch.fill_seconds], ("fill",))
        meter.observe(metrics.LOADER_BATCH_SECONDS, [batch.load_seconds], ("load",))
        for since, ages in batch.ages.items():
            meter.observe(metrics.LATENCY, ages, ("warehouse", since))
        self._traced(batch)

    def stands(self, standing: LoaderStanding) -> None:
        """Take note of how far the loader is."""
        self._lags = standing.lags
        self.meter.set(metrics.LOADER_LAG_SECONDS, standing.waiting_seconds)
        self.meter.set(metrics.LOADER_SPOOLED, standing.spooled_bytes)

    def _lag_samples(self) -> Samples:
        return [((topic, str(number)), lag) for (topic, number), lag in self._lags.items()]
