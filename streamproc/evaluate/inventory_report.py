"""An inventory as a table for people, and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streamproc.evaluate.inventory import Inventory, Row
from streamproc.evaluate.proposals import Proposal

__all__ = ["inventory_json", "render_inventory"]

COLUMNS = ("path", "entity", "step", "operator", "records", "count", "score")
NARROW = 100
"""Columns of a terminal; where there are fewer, count and score are left to ``--json``."""


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
    """Print the inventory, the worst on top; what is kept stands out."""
    columns = COLUMNS if console.width >= NARROW else COLUMNS[:-2]
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        right = column in {"count", "records", "score"}
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in inventory.rows():
        cells = _cells(row, inventory.records)[: len(columns)]
        table.add_row(*map(escape, cells), style="bold red" if row[0].operator == "keep" else None)
    console.print(f"{inventory.records:,} record{'s' * (inventory.records != 1)}", highlight=False)
    console.print(table if table.rows else "Nothing was found.")
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
        # The rule that says so, or none: then it is one of the ruleset's ``operators``.
        where.operator if "." in where.rule else f"{where.operator} ({where.rule})",
        f"{seen.records:,} ({seen.records / records:.1%})",
        f"{seen.count:,}",
        f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}",
    )
