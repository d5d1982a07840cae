from __future__ import annotations

import pytest

from streamproc.errors import RetryableError
from streamproc.top import Figures, by_process, figures, in_order, parse
from streamproc.top.figures import quantile

WORKER = """
# TYPE streamproc_events_total counter
streamproc_events_total{{outcome="row"}} {rows}
streamproc_events_total{{outcome="dead"}} {dead}
streamproc_input_bytes_total {bytes}
streamproc_dead_letters_total{{stage="decode",code="not_json"}} {dead}
streamproc_findings_total{{entity="EMAIL_ADDRESS",rule="a",family="properties"}} {rows}
streamproc_findings_total{{entity="EMAIL_ADDRESS",rule="b",family="context"}} {rows}
streamproc_ruleset_info{{name="default",fingerprint="41bc6751749ad9b6"}} 1
streamproc_lag_records{{topic="events.raw",partition="0"}} 7
streamproc_lag_records{{topic="events.raw",partition="1"}} 5
streamproc_partitions 2
process_resident_memory_bytes 3e8
process_cpu_seconds_total {bytes}e-6
# TYPE streamproc_latency_seconds histogram
streamproc_latency_seconds_bucket{{to="loader_topic",from="record",le="0.1"}} {rows}
streamproc_latency_seconds_bucket{{to="loader_topic",from="record",le="1.0"}} {rows}
streamproc_latency_seconds_bucket{{to="loader_topic",from="record",le="+Inf"}} {rows}
"""


def worker(rows: int, dead: int = 0, bytes_: int = 0) -> bytes:
    return WORKER.format(rows=rows, dead=dead, bytes=bytes_).encode()


def seen(before: bytes, after: bytes, seconds: float = 2.0) -> Figures:
    return figures("h:1", "ready", parse(before, 10.0), parse(after, 10.0 + seconds))


def test_a_worker_is_told_by_the_second() -> None:
    found = seen(worker(100), worker(300, dead=4, bytes_=2_000_000))
    assert found.role == "worker"
    assert found.events == 102.0
    assert found.megabytes == 1.0
    assert found.cpu == 1.0
    assert (found.lag, found.partitions, found.memory) == (12.0, 2.0, 3e8)
    assert found.errors == 2.0
    assert found.findings == {"EMAIL_ADDRESS": 200.0}
    assert found.dead == {"decode.not_json": 2.0}
    assert found.ruleset == "41bc6751749ad9b6"
    assert found.p50 == pytest.approx(0.05)
    assert found.p99 == pytest.approx(0.099)


def test_a_process_that_was_started_anew_counts_from_nothing() -> None:
    assert seen(worker(1_000), worker(50)).events == 25.0


def test_what_is_a_seconds_is_not_known_at_the_first_look() -> None:
    found = figures("h:1", "ready", None, parse(worker(100), 1.0))
    assert (found.events, found.megabytes, found.cpu) == (None, None, None)
    assert found.lag == 12.0


def test_a_histogram_that_was_told_nothing_in_between_says_nothing() -> None:
    found = seen(worker(100), worker(100))
    assert (found.p50, found.p99) == (None, None)


def test_a_loader_is_told_by_what_it_loaded() -> None:
    page = (
        'streamproc_loader_rows_total{{result="loaded"}} {0}\n'
        'streamproc_loader_lag_records{{topic="t",partition="0"}} 9\n'
        "streamproc_warehouse_faults_total 0\n"
    )
    found = seen(page.format(0).encode(), page.format(50).encode())
    assert (found.role, found.events, found.lag, found.errors) == ("loader", 25.0, 9.0, 0.0)


def test_the_errors_of_a_canary_are_all_its_leaks() -> None:
    page = (
        b'streamproc_canaries_total{outcome="published"} 3\nstreamproc_leaks_total{where="row"} 2\n'
    )
    found = seen(page, page)
    assert (found.role, found.events, found.errors) == ("canary", 0.0, 2.0)


def test_processes_of_one_endpoint_are_told_apart() -> None:
    page = parse(
        b'streamproc_partitions{process="0"} 2\nstreamproc_partitions{process="1"} 3\nup 1\n', 0.0
    )
    assert {
        name: each.total("streamproc_partitions") for name, each in by_process(page).items()
    } == {
        "0": 2.0,
        "1": 3.0,
    }


@pytest.mark.parametrize("content", [b"<html>", b"\xff\xfe", b'a{b="c} 1', b"a b c"])
def test_what_is_no_page_of_metrics_is_refused_without_quoting_it(content: bytes) -> None:
    with pytest.raises(RetryableError, match=r"^shows something else than metrics$"):
        parse(content, 0.0)


@pytest.mark.parametrize(
    ("buckets", "share", "expected"),
    [
        ({}, 0.5, None),
        ({float("inf"): 0.0}, 0.5, None),
        ({1.0: 10.0, float("inf"): 10.0}, 0.5, 0.5),
        ({1.0: 5.0, 3.0: 10.0, float("inf"): 10.0}, 0.75, 2.0),
        ({1.0: 5.0, float("inf"): 10.0}, 0.99, 1.0),
    ],
)
def test_quantiles_are_those_of_prometheus(
    buckets: dict[float, float], share: float, expected: float | None
) -> None:
    assert quantile(buckets, share) == expected


def test_processes_are_sorted_by_the_most_first_and_alike_ones_by_role_and_name() -> None:
    one, two = Figures("a", "loader", lag=1), Figures("b", "worker", lag=5)
    three = Figures("c", "worker")
    assert in_order([one, two, three], "lag") == [two, one, three]
    assert in_order([one, two, three], "name") == [two, three, one]
