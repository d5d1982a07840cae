"""What became of the rows of a source: counts and lines, never a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

__all__ = ["MOST_NAMED", "REASONS", "AttributeFate", "Reason", "Totals"]

MOST_NAMED: Final = 10
"""Lines that are named for each reason; more are counted."""

Reason: TypeAlias = Literal[
    "malformed", "no_id", "bad_time", "no_key", "refused", "dropped", "duplicate"
]

REASONS: Final[dict[Reason, str]] = {
    "malformed": "cannot be read",
    "no_id": "no id of their own",
    "bad_time": "no moment where one is expected",
    "no_key": "nobody they could be about",
    "refused": "refused, as an event would be",
    "dropped": "dropped by a rule",
    "duplicate": "an id that an earlier line has; the last one counts",
}
"""Why rows are not, or not alone, what is known: as people are told."""

AttributeFate: TypeAlias = Literal["told", "redacted", "refused", "unreadable", "nothing"]
"""As it was; changed by the rules; left out because it is personal; not of its type; null."""


@dataclass(slots=True)
class Totals:
    """What became of rows.

    Attributes:
        rows: Rows read.
        records: Records made of them, that say something of somebody.
        deleted: Records that are gone at the source.
        links: Links that they state.
        reasons: Rows that are told of, by reason.
        lines: The first lines of each reason.
        attributes: By attribute, what became of its values.
    """

    rows: int = 0
    records: int = 0
    deleted: int = 0
    links: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    lines: dict[Reason, list[int]] = field(default_factory=dict)
    attributes: dict[str, Counter[AttributeFate]] = field(default_factory=dict)

    @property
    def left_out(self) -> int:
        """Rows of which nothing is known now."""
        return self.reasons.total() - self.reasons["duplicate"]

    def name(self, reason: Reason, line: int) -> None:
        """Count a row, and remember its line if it is among the first."""
        self.reasons[reason] += 1
        lines = self.lines.setdefault(reason, [])
        if len(lines) < MOST_NAMED:
            lines.append(line)

    def count(self, attribute: str, fate: AttributeFate) -> None:
        """Count a value of an attribute."""
        self.attributes.setdefault(attribute, Counter())[fate] += 1

    def told(self) -> Iterator[str]:
        """Yield a sentence for each reason, its lines in it."""
        for reason, said in REASONS.items():
            if number := self.reasons[reason]:
                lines = ", ".join(f"{line:,}" for line in self.lines[reason])
                more = ", …" if number > MOST_NAMED else ""
                yield f"{number:,} with {said}: line{'s' * (number > 1)} {lines}{more}"

    def keys(self) -> dict[str, Any]:
        """Return all of it by name, for JSON."""
        return {
            "rows": self.rows,
            "records": self.records,
            "deleted": self.deleted,
            "links": self.links,
            "reasons": {
                reason: {"rows": number, "lines": self.lines[reason]}
                for reason, number in sorted(self.reasons.items())
            },
            "attributes": {
                name: dict(sorted(fates.items())) for name, fates in sorted(self.attributes.items())
            },
        }
