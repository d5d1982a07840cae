"""An inventory as a table for people, and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from streamproc.evaluate.inventory import Inventory, Row
from streamproc.evaluate.proposals import Proposal

__all__ = ["inventory_json", "render_inventory"]

COLUMNS = ("path", "entity", "step", "count", "records", "score", "decided by")


def inventory_json(inventory: Inventory, proposals: Sequence[Proposal]) -> dict[str, Any]:
    """Return all rows and proposals; ``whole_values`` are values that are one such finding."""
    return {
        "records": inventory.records,
        "refused": dict(inventory.refused),
        "found": [_row(row, inventory.records) for row in inventory.rows()],
        "proposed": [
            {
                "path": proposal.path,
                "entity": proposal.entity,
                "rule": proposal.rule,
                "operator": proposal.operator.name,
                "share_of_values": proposal.share,
                "values": proposal.values,
            }
            for proposal in proposals
        ],
    }


def _row(row: Row, records: int) -> dict[str, Any]:
    where, seen, values = row
    return {
        **where._asdict(),
        "count": seen.count,
        "records": seen.records,
        "share_of_records": seen.records / records,
        "values": values,
        "whole_values": seen.filled,
        "lowest_score": round(seen.lowest, 4),
        "highest_score": round(seen.highest, 4),
    }


def render_inventory(inventory: Inventory, proposals: Sequence[Proposal], console: Console) -> None:
    """Print the inventory, the worst on top."""
    table = Table(title=f"{inventory.records:,} records", title_justify="left")
    for column in COLUMNS:
        right = column in {"count", "records", "score"}
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in inventory.rows():
        table.add_row(*_cells(row, inventory.records))
    console.print(table)
    for proposal in proposals:
        told = (
            f"{proposal.share:.0%} of {proposal.values:,} values are {proposal.entity} as a whole"
        )
        console.print(f"{proposal.path}: {told}.", markup=False)


def _cells(row: Row, records: int) -> tuple[str, ...]:
    where, seen, _ = row
    low, high = seen.lowest, seen.highest
    return (
        where.path,
        where.entity,
        where.step,
        f"{seen.count:,}",
        f"{seen.records:,} ({seen.records / records:.1%})",
        f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}",
        f"{where.rule}: {where.operator}",
    )
