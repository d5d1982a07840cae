"""What a load needs, from what one process does: each figure with the reason. Pure.

Where a figure is a rule of thumb it says so, and it can be told otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from streamproc.capacity.profile import Profile

__all__ = ["Load", "Need", "Planned", "needs"]

BUSY: Final = 0.7
"""How busy a process may be at the peak: the nearer to 1, the longer batches wait."""
GROWTH: Final = 2
"""How many times as many processes the partitions are to be enough for: more partitions later put
keys into others, where their order is no longer kept over the change."""
PARTITION_BYTES: Final = 10_000_000
"""Bytes a second of one partition, at most: a rule of thumb of Kafka's operators, which leaves room
for replication and for a consumer that catches up."""
DIVISIBLE: Final = (1, 2, 4, 6, 12, 24, 36, 48, 60, 120, 180, 240, 360, 720, 1_260, 1_680, 2_520)
"""Numbers with more divisors than their neighbours: so many partitions are shared out evenly by
many numbers of processes."""
SINGLE: Final = 1
KEPT_BYTES: Final = 32_000_000
"""What a process has fetched and not yet worked on, beside its partitions: librdkafka's queue, and
what waits for the brokers' acknowledgement."""
WAITING_BYTES: Final = 16_777_216
"""What waits of each partition at most while a process is behind (``kafka.reader.PAUSE_BYTES``)."""
HOUR: Final = 3_600


@dataclass(frozen=True, slots=True)
class Load:
    """What comes, and what is wanted.

    Attributes:
        events_per_second: The mean of a day.
        event_bytes: Mean bytes of a raw event.
        peak: The busiest minute to the mean.
        outage_hours: How long everything may stand still …
        catch_up_hours: … and in how long that is to be made up for, at the mean load.
        raw_hours: How long raw events are kept.
        load_hours: How long rows are kept on the loader topic.
        replication: Replicas of each partition.
        compression: Bytes on disk and on the wire to those of events; 1 for none.
        rows_per_second: What one loader loads.
        single_loader: Whether the warehouse takes one loader alone.
        identity_bytes: ``identity.memory_bytes`` of each process.
    """

    events_per_second: float
    event_bytes: float
    peak: float
    outage_hours: float
    catch_up_hours: float
    raw_hours: float
    load_hours: float
    replication: int
    compression: float
    rows_per_second: float
    single_loader: bool
    identity_bytes: int


class Need(NamedTuple):
    """One figure.

    Attributes:
        name: Of what.
        value: How much.
        unit: Of the figure; empty for a number of things.
        why: How it is reckoned.
    """

    name: str
    value: float
    unit: str
    why: str


class Planned(NamedTuple):
    """All of them, and what they are not enough for."""

    needs: Sequence[Need]
    warnings: Sequence[str]


class _Share(NamedTuple):
    """How members of a group share partitions."""

    members: int
    partitions: int
    why: str


def needs(load: Load, profile: Profile) -> Planned:
    """Return what ``load`` needs of processes that do what ``profile`` says."""
    demand, why_demand = _demand(load)
    per_process = profile.per_second * BUSY
    row_bytes = profile.row_bytes * load.event_bytes / profile.event_bytes
    peak_bytes = load.peak * load.events_per_second * load.event_bytes
    workers = _shared_out(demand, per_process, peak_bytes)
    loaders = _loaders(load, demand, row_bytes)
    found = [
        Need("events to do", demand, "/s", why_demand),
        Need("worker processes", workers.members, "", _why_workers(workers, demand, profile)),
        Need("partitions of the raw topic", workers.partitions, "", workers.why),
        Need("loaders", loaders.members, "", _why_loaders(load, demand)),
        Need("partitions of the loader topic", loaders.partitions, "", loaders.why),
        *_broker_needs(load, row_bytes),
        *_process_needs(load, profile, workers),
    ]
    return Planned(found, _warnings(load, profile, demand))


def _why_workers(share: _Share, demand: float, profile: Profile) -> str:
    return (
        f"{demand:,.0f}/s ÷ ({profile.per_second:,.0f}/s a process x {BUSY:.0%} busy), at least 2, "
        f"so that one may die; the busiest has {_most(share)} of {share.partitions} partitions"
    )


def _why_loaders(load: Load, demand: float) -> str:
    if load.single_loader:
        return "this warehouse takes one at a time"
    return (
        f"{demand:,.0f}/s ÷ ({load.rows_per_second:,.0f}/s a loader x {BUSY:.0%} busy), at least 2"
    )


def _demand(load: Load) -> tuple[float, str]:
    peak = load.events_per_second * load.peak
    behind = load.events_per_second * (1 + load.outage_hours / load.catch_up_hours)
    if peak >= behind:
        return peak, f"the peak: {load.events_per_second:,.0f}/s x {load.peak:g}"
    return behind, (
        f"to make up for {load.outage_hours:g} h in {load.catch_up_hours:g} h: "
        f"{load.events_per_second:,.0f}/s x (1 + {load.outage_hours:g} ÷ {load.catch_up_hours:g})"
    )


def _shared_out(demand: float, per_member: float, bytes_per_second: float) -> _Share:
    """Return as few members as are enough, the busiest one too."""
    members = max(2, math.ceil(demand / per_member))
    while True:
        share = _Share(members, *_partitions(members, bytes_per_second))
        # Partitions cannot be cut: whoever has one more than others has to be able to do it.
        if demand * _most(share) / share.partitions <= per_member:
            return share
        members += 1


def _partitions(members: int, bytes_per_second: float) -> tuple[int, str]:
    by_members = members * GROWTH
    by_bytes = math.ceil(bytes_per_second / PARTITION_BYTES)
    least = max(by_members, by_bytes)
    partitions = next((each for each in DIVISIBLE if each >= least), least)
    if by_members >= by_bytes:
        why = f"{members} x {GROWTH} for growth"
    else:
        why = f"{bytes_per_second / 1e6:,.1f} MB/s ÷ {PARTITION_BYTES / 1e6:,.0f} MB/s a partition"
    return partitions, f"{why} = {least}, up to a number that many can share evenly"


def _loaders(load: Load, demand: float, row_bytes: float) -> _Share:
    bytes_per_second = load.peak * load.events_per_second * row_bytes
    if load.single_loader:
        partitions, why = _partitions(SINGLE, bytes_per_second)
        return _Share(SINGLE, max(partitions, 4), f"{why}; at least 4, for a warehouse to come")
    return _shared_out(demand, load.rows_per_second * BUSY, bytes_per_second)


def _broker_needs(load: Load, row_bytes: float) -> Sequence[Need]:
    def disk(size: float, hours: float) -> tuple[float, str, str]:
        kept = load.events_per_second * size * hours * HOUR * load.replication * load.compression
        compressed = f" x {load.compression:g} compressed" if load.compression != 1 else ""
        why = (
            f"{load.events_per_second:,.0f}/s x {size:,.0f} B x {hours:g} h x "
            f"{load.replication} replicas{compressed}"
        )
        return kept, "B", why

    peak = load.peak * load.events_per_second * load.compression
    written = peak * (load.event_bytes + row_bytes)
    return [
        Need("disk, raw topic", *disk(load.event_bytes, load.raw_hours)),
        Need("disk, loader topic", *disk(row_bytes, load.load_hours)),
        Need("network into brokers", written, "B/s", "at the peak: raw events and rows"),
        Need(
            "network between brokers",
            written * (load.replication - 1),
            "B/s",
            f"the same to {load.replication - 1} more replicas",
        ),
        Need(
            "network out of brokers", written, "B/s", "the same once more, to workers and loaders"
        ),
    ]


def _process_needs(load: Load, profile: Profile, workers: _Share) -> Sequence[Need]:
    partitions = _most(workers)
    memory = profile.memory_bytes + load.identity_bytes + KEPT_BYTES + partitions * WAITING_BYTES
    return [
        Need("cores for workers", workers.members, "", "one a process; it uses no more"),
        Need(
            "memory of a worker process",
            memory,
            "B",
            f"{profile.memory_bytes / 1e6:,.0f} MB measured + {load.identity_bytes / 1e6:,.0f} MB "
            f"identity.memory_bytes + {KEPT_BYTES / 1e6:,.0f} MB under way + {partitions} "
            f"partitions x {WAITING_BYTES / 1e6:,.0f} MB while it catches up",
        ),
    ]


def _warnings(load: Load, profile: Profile, demand: float) -> Sequence[str]:
    found = []
    off = load.event_bytes / profile.event_bytes
    if not 0.5 <= off <= 2:
        found.append(
            f"the profile was measured with events of {profile.event_bytes:,.0f} bytes, not "
            f"{load.event_bytes:,.0f}: measure with your own (`streamproc bench FILE`)"
        )
    if load.single_loader and demand > load.rows_per_second * BUSY:
        found.append(
            f"one loader loads {load.rows_per_second:,.0f} rows/s, and this warehouse takes one "
            "alone: it will be behind at such times, or choose another"
        )
    if load.replication < 3:
        found.append("with fewer than 3 replicas a broker that is lost takes events along")
    if profile.dead > 0.05:
        found.append(f"{profile.dead:.0%} of the events measured were dead letters")
    return found


def _most(share: _Share) -> int:
    return math.ceil(share.partitions / share.members)
