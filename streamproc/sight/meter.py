"""The numbers behind the metrics: counted by whoever does the work, collected when asked for.

Beside prometheus-client's own types for one reason: an observation of theirs takes 1.5 µs, and a
batch has a thousand ages to observe. Here a batch's ages are put into their buckets together, those
that are alike at once, and all else is one entry of a dictionary.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from streamproc.sight.metrics import METRICS, Metric

__all__ = ["Labels", "Meter", "Samples", "registry_of"]

Labels: TypeAlias = tuple[str, ...]
Samples: TypeAlias = Iterable[tuple[Labels, float]]
"""What a metric is at a moment: values by the labels' values."""

MOST_SERIES: Final = 2_000
"""Series of one metric; what comes later is counted under :data:`OTHER` for every label. Rules and
codes change over a process's life, and a scrape has to stay small."""
OTHER: Final = "other"


class _Histogram:
    """Observations of one series."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets: Counter[int] = Counter()
        self.total = 0.0

    def add(self, bounds: tuple[float, ...], values: Iterable[tuple[float, int]]) -> None:
        for value, times in values:
            # In a bucket is what is not above its bound: hence left.
            self.buckets[bisect_left(bounds, value)] += times
            self.total += value * times

    def cumulated(self, bounds: tuple[float, ...]) -> list[tuple[str, float]]:
        found, sum_ = [], 0
        for index, bound in enumerate((*bounds, float("inf"))):
            sum_ += self.buckets[index]
            found.append(("+Inf" if bound == float("inf") else str(float(bound)), float(sum_)))
        return found


class Meter(Collector):
    """Counts, sets and observes; safe to use from several threads."""

    def __init__(self, metrics: Iterable[Metric] = METRICS) -> None:
        """Have nothing counted yet of ``metrics``, which are all that there are."""
        self._lock = threading.Lock()
        self._numbers: dict[Metric, dict[Labels, float]] = {}
        self._histograms: dict[Metric, dict[Labels, _Histogram]] = {}
        self._sources: dict[Metric, list[Callable[[], Samples]]] = {}
        for metric in metrics:
            if metric.kind == "histogram":
                self._histograms[metric] = {}
            else:
                self._numbers[metric] = {}

    def count(self, metric: Metric, amount: float = 1, labels: Labels = ()) -> None:
        """Add ``amount``, which is not negative; 0 lets a series be seen before it moves."""
        with self._lock:
            series = self._numbers[metric]
            labels = _bounded(metric, series, labels)
            series[labels] = series.get(labels, 0.0) + amount

    def count_all(self, metric: Metric, amounts: Mapping[Labels, float]) -> None:
        """Add each amount to its series."""
        for labels, amount in amounts.items():
            self.count(metric, amount, labels)

    def set(self, metric: Metric, value: float, labels: Labels = ()) -> None:
        """Let a gauge be ``value``."""
        with self._lock:
            series = self._numbers[metric]
            series[_bounded(metric, series, labels)] = value

    def observe(self, metric: Metric, values: Iterable[float], labels: Labels = ()) -> None:
        """Add ``values`` to a histogram."""
        self.observe_counted(metric, ((value, 1) for value in values), labels)

    def observe_counted(
        self, metric: Metric, values: Iterable[tuple[float, int]], labels: Labels = ()
    ) -> None:
        """Add values to a histogram, each as often as it says."""
        with self._lock:
            series = self._histograms[metric]
            labels = _bounded(metric, series, labels)
            series.setdefault(labels, _Histogram()).add(metric.buckets, values)

    def ask(self, metric: Metric, source: Callable[[], Samples]) -> None:
        """Have ``source`` asked each time the metrics are collected, for series of its own.

        It is asked in the collector's thread, must not block, and may be asked at any time until
        the process ends.
        """
        self._sources.setdefault(metric, []).append(source)

    def value(self, metric: Metric, labels: Labels = ()) -> float:
        """Return a counter or gauge as it is now, 0 if nothing is known of it."""
        for asked in self._sources.get(metric, ()):
            for found, value in asked():
                if found == labels:
                    return value
        with self._lock:
            return self._numbers[metric].get(labels, 0.0)

    def collect(self) -> Iterator[Family]:
        """Yield the metrics that have a series, in the order of their definition."""
        for metric, numbers in self._numbers.items():
            with self._lock:
                samples = dict(numbers)
            for source in self._sources.get(metric, ()):
                samples |= dict(source())
            if samples:
                yield _numbers_family(metric, samples)
        for metric, histograms in self._histograms.items():
            with self._lock:
                found = {
                    labels: (each.cumulated(metric.buckets), each.total)
                    for labels, each in histograms.items()
                }
            if found:
                family = HistogramMetricFamily(metric.name, metric.doc, labels=metric.labels)
                for labels, (buckets, total) in found.items():
                    family.add_metric(labels, buckets, total)
                yield family


def _numbers_family(metric: Metric, samples: Mapping[Labels, float]) -> Family:
    made = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family: CounterMetricFamily | GaugeMetricFamily
    family = made(metric.name, metric.doc, labels=metric.labels)
    for labels, value in samples.items():
        family.add_metric(labels, value)
    return family


def _bounded(metric: Metric, series: Mapping[Labels, object], labels: Labels) -> Labels:
    assert len(labels) == len(metric.labels), metric.name
    if labels in series or len(series) < MOST_SERIES:
        return labels
    return (OTHER,) * len(labels)


def registry_of(meter: Collector) -> CollectorRegistry:
    """Return what is collected for a scrape: ``meter``, the process, and its Python."""
    registry = CollectorRegistry()
    registry.register(meter)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry
