from __future__ import annotations

import threading

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from streamproc.sight import METRICS, Meter, Metric
from streamproc.sight.meter import MOST_SERIES

COUNTER = Metric("test_things_total", "counter", "any", "Things.", ("kind",))
GAUGE = Metric("test_height_meters", "gauge", "any", "Height.")
AGES = Metric("test_age_seconds", "histogram", "any", "Ages.", (), (0.5, 1, 2))


@pytest.fixture
def meter() -> Meter:
    return Meter([COUNTER, GAUGE, AGES])


def samples(meter: Meter) -> dict[tuple[str, str], float]:
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(generate_latest(meter).decode())
        for sample in family.samples
    }


def test_what_was_counted_is_collected(meter: Meter) -> None:
    meter.count(COUNTER, 2, ("a",))
    meter.count(COUNTER, 3, ("a",))
    meter.count_all(COUNTER, {("b",): 1})
    meter.set(GAUGE, 7)
    meter.set(GAUGE, 5)

    assert samples(meter) == {
        ("test_things_total", "a"): 5,
        ("test_things_total", "b"): 1,
        ("test_height_meters", ""): 5,
    }


def test_an_observation_is_in_the_bucket_whose_bound_it_does_not_pass(meter: Meter) -> None:
    meter.observe(AGES, [0.1, 0.5, 0.6, 2.0, 9.0])
    meter.observe(AGES, [1.0])

    found = samples(meter)

    assert [found["test_age_seconds_bucket", bound] for bound in ("0.5", "1.0", "2.0", "+Inf")] == [
        2,
        4,
        5,
        6,
    ]
    assert found["test_age_seconds_count", ""] == 6
    assert found["test_age_seconds_sum", ""] == pytest.approx(13.2)


def test_what_is_asked_for_is_asked_at_each_collection(meter: Meter) -> None:
    heights = iter([1.0, 2.0])
    meter.ask(GAUGE, lambda: [((), next(heights))])

    assert samples(meter) == {("test_height_meters", ""): 1}
    assert samples(meter) == {("test_height_meters", ""): 2}


def test_a_metric_nothing_is_known_of_is_not_shown(meter: Meter) -> None:
    assert samples(meter) == {}
    meter.count(COUNTER, 0, ("a",))
    assert samples(meter) == {("test_things_total", "a"): 0}


def test_series_are_bounded_and_nothing_goes_uncounted(meter: Meter) -> None:
    for number in range(MOST_SERIES + 10):
        meter.count(COUNTER, 1, (str(number),))
        meter.count(COUNTER, 1, ("0",))

    found = samples(meter)

    assert len(found) == MOST_SERIES + 1
    assert found["test_things_total", "other"] == 10
    assert sum(found.values()) == 2 * (MOST_SERIES + 10)


def test_no_count_of_several_threads_is_lost(meter: Meter) -> None:
    def count() -> None:
        for _ in range(2_000):
            meter.count(COUNTER, 1, ("a",))
            meter.observe(AGES, [1.0])

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert meter.value(COUNTER, ("a",)) == 8_000
    assert samples(meter)["test_age_seconds_count", ""] == 8_000


def test_metrics_are_named_as_prometheus_asks() -> None:
    for metric in METRICS:
        assert metric.name.startswith("streamproc_")
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert (metric.kind == "histogram") == bool(metric.buckets)
        assert list(metric.buckets) == sorted(metric.buckets)
        assert metric.doc.endswith(".")
    assert len({metric.name for metric in METRICS}) == len(METRICS)
