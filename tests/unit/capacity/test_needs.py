import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.capacity import SHIPPED, Load, Planned, needs
from streamproc.capacity.needs import BUSY, GROWTH, PARTITION_BYTES

LOAD = Load(
    events_per_second=5_000,
    event_bytes=1_300,
    peak=3,
    outage_hours=1,
    catch_up_hours=2,
    raw_hours=168,
    load_hours=168,
    replication=3,
    compression=1.0,
    rows_per_second=13_000,
    single_loader=False,
    identity_bytes=268_435_456,
)
PROFILE = SHIPPED.model_copy(
    update={
        "per_second": 5_000,
        "event_bytes": 1_300,
        "row_bytes": 1_500,
        "memory_bytes": 300_000_000,
        "dead": 0.0,
    }
)


def figures(load: Load) -> dict[str, float]:
    return {need.name: need.value for need in needs(load, PROFILE).needs}


def test_every_figure_of_an_example_is_as_reckoned_by_hand() -> None:
    found = figures(LOAD)
    assert found["events to do"] == 15_000
    # 15,000 / (5,000 x 0.7) = 4.3; 5 would share 12 partitions as 3, 3, 2, 2, 2, too many for one.
    assert found["worker processes"] == 6
    assert found["partitions of the raw topic"] == 12
    assert found["loaders"] == 2
    assert found["disk, raw topic"] == pytest.approx(5_000 * 1_300 * 168 * 3_600 * 3)
    assert found["network into brokers"] == 15_000 * (1_300 + 1_500)
    assert found["network between brokers"] == 2 * found["network into brokers"]
    assert found["memory of a worker process"] == 300_000_000 + 268_435_456 + 32_000_000 + 2 * (
        16_777_216
    )


def test_an_outage_counts_where_making_up_for_it_is_more_than_the_peak() -> None:
    found = figures(replace(LOAD, outage_hours=6, catch_up_hours=1))
    assert found["events to do"] == 35_000


def test_a_warehouse_that_takes_one_loader_gets_one_and_a_warning_where_it_is_too_slow() -> None:
    planned = needs(replace(LOAD, single_loader=True), PROFILE)
    assert figures(replace(LOAD, single_loader=True))["loaders"] == 1
    assert "takes one alone" in warning(planned)
    slow = replace(LOAD, single_loader=True, events_per_second=1_000)
    assert not needs(slow, PROFILE).warnings


def test_few_replicas_and_events_of_another_size_are_warned_of() -> None:
    assert "replicas" in warning(needs(replace(LOAD, replication=1), PROFILE))
    assert "measure with your own" in warning(needs(replace(LOAD, event_bytes=9_000), PROFILE))


def test_large_events_need_partitions_for_their_bytes() -> None:
    found = figures(replace(LOAD, event_bytes=50_000, events_per_second=2_000))
    assert found["partitions of the raw topic"] >= 3 * 2_000 * 50_000 / PARTITION_BYTES


@given(
    st.floats(0.1, 5e6),
    st.floats(1, 20),
    st.floats(100, 100_000),
    st.floats(0, 24),
    st.floats(0.1, 24),
)
def test_the_busiest_process_and_partition_can_do_what_they_get(
    rate: float, peak: float, size: float, outage: float, catch_up: float
) -> None:
    load = replace(
        LOAD,
        events_per_second=rate,
        peak=peak,
        event_bytes=size,
        outage_hours=outage,
        catch_up_hours=catch_up,
    )
    found = figures(load)
    workers, partitions = found["worker processes"], found["partitions of the raw topic"]
    busiest = math.ceil(partitions / workers) / partitions * found["events to do"]
    assert workers >= 2
    assert partitions >= GROWTH * workers
    assert busiest <= PROFILE.per_second * BUSY * (1 + 1e-9)
    assert rate * peak * size / partitions <= PARTITION_BYTES * (1 + 1e-9)


def warning(planned: Planned) -> str:
    (told,) = planned.warnings
    return told
