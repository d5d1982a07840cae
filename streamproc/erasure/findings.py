"""What a search for somebody who was erased has found, place by place; counts only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

__all__ = ["Finding", "Verdict", "is_erased"]

Verdict: TypeAlias = Literal["clear", "fading", "found", "unknown"]
"""Nothing is there; what is there goes by itself, and nothing is made of it; there is something; it
could not be searched."""


class Finding(NamedTuple):
    """What is in one place.

    Attributes:
        place: Where it was searched.
        found: How many things have a token of the person; None where that was not searched.
        verdict: What that means.
        told: The same, for people.
    """

    place: str
    found: int | None
    verdict: Verdict
    told: str = ""


def is_erased(findings: Iterable[Finding]) -> bool:
    """Return whether nothing is left anywhere but what goes by itself."""
    return all(finding.verdict in {"clear", "fading"} for finding in findings)
