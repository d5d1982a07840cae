"""Pages of metrics, as Prometheus and ours write them, as numbers by name and labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from prometheus_client.parser import text_string_to_metric_families

from streamproc.errors import RetryableError

__all__ = ["Labels", "Page", "by_process", "parse"]

Labels: TypeAlias = tuple[tuple[str, str], ...]

PROCESS: Final = "process"
"""Label of a worker of several processes: which of them it is."""


@dataclass(frozen=True, slots=True)
class Page:
    """What one process said at a moment.

    Attributes:
        at: When, in seconds since whenever.
        samples: By name, values by labels; names as they stand in the page, ``_total`` and
            ``_bucket`` included.
    """

    at: float
    samples: Mapping[str, Mapping[Labels, float]]

    def has(self, name: str) -> bool:
        """Return whether there is any sample of a name."""
        return name in self.samples

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of all samples of a name that have ``labels``; 0 where there are none."""
        return sum(value for _, value in self.found(name, labels))

    def by(self, name: str, *labels: str) -> dict[str, float]:
        """Return the sums of the samples of a name by the values of ``labels``, a dot between."""
        sums: dict[str, float] = defaultdict(float)
        for found, value in self.samples.get(name, {}).items():
            known = dict(found)
            sums[".".join(known.get(label, "") for label in labels)] += value
        return dict(sums)

    def found(self, name: str, labels: Mapping[str, str]) -> Iterator[tuple[Labels, float]]:
        """Yield the samples of a name that have ``labels``."""
        wanted = labels.items()
        for found, value in self.samples.get(name, {}).items():
            if wanted <= dict(found).items():
                yield found, value


def parse(content: bytes, at: float) -> Page:
    """Return what a page says.

    Raises:
        RetryableError: It is no page of metrics.
    """
    samples: dict[str, dict[Labels, float]] = {}
    try:
        for family in text_string_to_metric_families(content.decode()):
            for sample in family.samples:
                labels = tuple(sorted(sample.labels.items()))
                samples.setdefault(sample.name, {})[labels] = sample.value
    except (ValueError, KeyError, IndexError):  # what the parser stumbles on
        raise RetryableError("shows something else than metrics") from None
    return Page(at, samples)


def by_process(page: Page) -> dict[str, Page]:
    """Return the page of each process that stands in it; of a single one under the empty name."""
    pages: dict[str, dict[str, dict[Labels, float]]] = {}
    for name, samples in page.samples.items():
        for labels, value in samples.items():
            process = dict(labels).get(PROCESS, "")
            rest = tuple(each for each in labels if each[0] != PROCESS)
            pages.setdefault(process, {}).setdefault(name, {})[rest] = value
    if len(pages) > 1:
        pages.pop("", None)  # what the parent says of itself
    return {process: Page(page.at, samples) for process, samples in sorted(pages.items())}
