"""What a process does in a second, of two pages of its metrics. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from streamproc.top.samples import Page

__all__ = ["SORTS", "Figures", "Role", "figures", "in_order", "quantile"]

Role: TypeAlias = Literal["worker", "loader", "canary", "?"]

INFINITE: Final = float("inf")
LATENCY: Final = "streamproc_latency_seconds"
SINCE: Final = ("record", "received")


@dataclass(frozen=True, slots=True)
class Figures:
    """One process; what it does not measure, or not yet, is None.

    Attributes:
        name: Its endpoint, with the number of the process where one endpoint stands for several.
        role: What it is.
        state: ``ready``, or why it is not; else why nothing is known of it.
        answers: Whether anything is known of it.
        events: A second: raw records done by a worker, rows loaded by a loader, canaries sent.
        megabytes: A second, of their values.
        lag: Records not done yet, of all its partitions.
        p50: Seconds from raw record to loader topic, of a loader to the warehouse, of a canary to
            its verdict: half of them at most.
        p99: The same for all but one in a hundred.
        cpu: Cores used.
        memory: Bytes, resident.
        partitions: How many it has.
        ruleset: Fingerprints in force.
        errors: A second: dead letters, questions the warehouse did not answer; of a canary leaks,
            all there were.
        findings: A second, by entity.
        dead: Dead letters a second, by stage and code.
    """

    name: str
    role: Role = "?"
    state: str = ""
    answers: bool = True
    events: float | None = None
    megabytes: float | None = None
    lag: float | None = None
    p50: float | None = None
    p99: float | None = None
    cpu: float | None = None
    memory: float | None = None
    partitions: float | None = None
    ruleset: str = ""
    errors: float | None = None
    findings: Mapping[str, float] = field(default_factory=dict)
    dead: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Between:
    """Two pages of one process, and what happened between them."""

    before: Page | None
    after: Page

    @property
    def seconds(self) -> float:
        return self.after.at - self.before.at if self.before else 0.0

    def rate(self, name: str, **labels: str) -> float | None:
        """Return by how much a counter grew in a second."""
        if self.before is None or self.seconds <= 0:
            return None
        grown = _grown(self.before.total(name, **labels), self.after.total(name, **labels))
        return grown / self.seconds

    def rates(self, name: str, *labels: str) -> dict[str, float]:
        """Return the same by labels, of those that grew."""
        if self.before is None or self.seconds <= 0:
            return {}
        before = self.before.by(name, *labels)
        grown = {
            of: _grown(before.get(of, 0.0), value) / self.seconds
            for of, value in self.after.by(name, *labels).items()
        }
        return {of: rate for of, rate in grown.items() if rate > 0}

    def ages(self, to: str) -> tuple[float | None, float | None]:
        """Return median and 99th percentile of how old events were when they came somewhere.

        Since their raw record where that is known: what ``receivedAt`` says holds the producers'
        time as well.
        """
        found = (self.quantiles(LATENCY, {"to": to, "from": each}) for each in SINCE)
        return next((each for each in found if each[0] is not None), (None, None))

    def quantiles(self, name: str, labels: Mapping[str, str]) -> tuple[float | None, float | None]:
        """Return median and 99th percentile of what a histogram was told in between."""
        after = _buckets(self.after, name, labels)
        before = _buckets(self.before, name, labels) if self.before else {}
        grown = {bound: _grown(before.get(bound, 0.0), count) for bound, count in after.items()}
        return quantile(grown, 0.5), quantile(grown, 0.99)


def figures(name: str, state: str, before: Page | None, after: Page) -> Figures:
    """Return what a process does.

    Args:
        name: The process.
        state: What it says of itself.
        before: Its metrics some time ago; without them there is nothing that is a second's.
        after: Its metrics now.
    """
    role = _role(after)
    between = _Between(before, after)
    shared = {
        "name": name,
        "role": role,
        "state": state,
        "cpu": between.rate("process_cpu_seconds_total"),
        "memory": after.total("process_resident_memory_bytes") or None,
    }
    return Figures(**shared | MEASURED[role](between))  # type: ignore[arg-type] # by name


def _worker(between: _Between) -> dict[str, object]:
    after = between.after
    received = between.rate("streamproc_input_bytes_total")
    p50, p99 = between.ages("loader_topic")
    prints = sorted(each for each in after.by("streamproc_ruleset_info", "fingerprint") if each)
    return {
        "events": between.rate("streamproc_events_total"),
        "megabytes": None if received is None else received / 1e6,
        "lag": _sum(after, "streamproc_lag_records"),
        "p50": p50,
        "p99": p99,
        "partitions": _sum(after, "streamproc_partitions"),
        "ruleset": " ".join(prints),
        "errors": between.rate("streamproc_dead_letters_total"),
        "findings": between.rates("streamproc_findings_total", "entity"),
        "dead": between.rates("streamproc_dead_letters_total", "stage", "code"),
    }


def _loader(between: _Between) -> dict[str, object]:
    after = between.after
    p50, p99 = between.ages("warehouse")
    lags = after.samples.get("streamproc_loader_lag_records")
    return {
        "events": between.rate("streamproc_loader_rows_total", result="loaded"),
        "lag": _sum(after, "streamproc_loader_lag_records"),
        "p50": p50,
        "p99": p99,
        "partitions": None if lags is None else float(len(lags)),
        "errors": between.rate("streamproc_warehouse_faults_total"),
    }


def _canary(between: _Between) -> dict[str, object]:
    # Of its whole life: a canary comes once a minute.
    ages = _buckets(between.after, "streamproc_canary_detection_seconds", {})
    return {
        "events": between.rate("streamproc_canaries_total", outcome="published"),
        "p50": quantile(ages, 0.5),
        "p99": quantile(ages, 0.99),
        "errors": between.after.total("streamproc_leaks_total"),
    }


MEASURED: Final[Mapping[Role, Callable[[_Between], dict[str, object]]]] = {
    "worker": _worker,
    "loader": _loader,
    "canary": _canary,
    "?": lambda _between: {},
}

SORTS: Final[Mapping[str, Callable[[Figures], tuple[float, ...]]]] = {
    "name": lambda _each: (),
    "events": lambda each: (-(each.events or 0.0),),
    "lag": lambda each: (-(each.lag or 0.0),),
    "latency": lambda each: (-(each.p99 or 0.0),),
    "errors": lambda each: (-(each.errors or 0.0),),
    "memory": lambda each: (-(each.memory or 0.0),),
}
"""What processes can be sorted by: the name, or the most first."""

ROLES: Final[Sequence[Role]] = ("worker", "loader", "canary", "?")


def in_order(processes: Iterable[Figures], by: str) -> list[Figures]:
    """Return ``processes`` sorted by one of :data:`SORTS`; alike ones by role and name."""
    of = SORTS[by]
    return sorted(processes, key=lambda each: (*of(each), ROLES.index(each.role), each.name))


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """Return what ``share`` of the observations are below, as PromQL's histogram_quantile does.

    https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile

    Args:
        buckets: By upper bound, how many are not above it, the infinite bound included.
        share: From 0 to 1.

    Returns:
        Interpolated within the bucket; the last finite bound for what lies above it; None where
        nothing was observed.
    """
    total = buckets.get(INFINITE, 0.0)
    if total <= 0:
        return None
    rank, lower, below = share * total, 0.0, 0.0
    for bound in sorted(buckets):
        if bound == INFINITE:
            break
        if buckets[bound] >= rank and buckets[bound] > below:
            return lower + (bound - lower) * (rank - below) / (buckets[bound] - below)
        lower, below = bound, buckets[bound]
    return lower


def _role(page: Page) -> Role:
    # A process shows what it counts from its start on; what it has counted may be nothing yet.
    for role, prefixes in (
        ("canary", ("streamproc_canaries_total",)),
        ("loader", ("streamproc_loader_rows_total", "streamproc_warehouse_up")),
        ("worker", ("streamproc_events_total", "streamproc_partitions", "streamproc_ruleset_info")),
    ):
        if any(map(page.has, prefixes)):
            return role  # type: ignore[return-value] # one of the three
    return "?"


def _buckets(page: Page, name: str, labels: Mapping[str, str]) -> dict[float, float]:
    counts: dict[float, float] = {}
    for found, value in page.found(f"{name}_bucket", labels):
        bound = float(dict(found)["le"])
        counts[bound] = counts.get(bound, 0.0) + value
    return counts


def _sum(page: Page, name: str) -> float | None:
    return page.total(name) if page.has(name) else None


def _grown(before: float, after: float) -> float:
    # A process that was started anew counts from nothing.
    return after if after < before else after - before
