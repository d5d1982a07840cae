"""A difference between rulesets as a table for people, and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streamproc.effects.difference import Change, Count, Difference
from streamproc.effects.protection import LESS, Kind

__all__ = ["difference_json", "render_difference"]

TITLES: Final[Mapping[Kind, str]] = {
    "exposed": "Newly exposed: hidden now, shown then",
    "weakened": "Less protected: hidden, but more of it is left",
    "changed": "Changed: hidden as much, otherwise",
    "strengthened": "More protected: less of it is left",
    "protected": "Newly protected: shown now, hidden then",
}
STYLES: Final[Mapping[Kind, str]] = {"exposed": "bold red", "weakened": "red"}


def difference_json(difference: Difference) -> dict[str, Any]:
    """Return all of it, the worst first; ``less_protected`` is what the exit code says."""
    return {
        "events": difference.events,
        "refused": dict(difference.refused),
        "less_protected": difference.less,
        "changes": [
            {
                "kind": change.kind,
                "path": change.path,
                "before": _side(change.entity, change.rule, change.operator),
                "after": _side(change.new_entity, change.new_rule, change.new_operator),
                "values": count.values,
                "events": count.events,
            }
            for change, count in difference.worst_first()
        ],
        "outcomes": [
            {**turn._asdict(), "events": count} for turn, count in difference.turns.most_common()
        ],
    }


def _side(entity: str, rule: str, operator: str) -> dict[str, str] | None:
    return {"entity": entity, "rule": rule, "operator": operator} if rule else None


def render_difference(difference: Difference, console: Console) -> None:
    """Print what differs, the worst on top."""
    for turn, count in sorted(difference.turns.items(), key=lambda item: not item[0].less):
        told = f"{_events(count)}: {turn.before} now, {turn.after} then ({turn.by})."
        console.print(escape(told), style="bold red" if turn.less else None, highlight=False)
    for kind, group in groupby(difference.worst_first(), key=lambda item: item[0].kind):
        console.print(f"\n{TITLES[kind]}", style=STYLES.get(kind, "bold"))
        console.print(_table(group))
    if difference.changes or difference.turns:
        console.print()
    console.print(_verdict(difference), highlight=False)


def _table(rows: Iterator[tuple[Change, Count]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("path", overflow="fold", ratio=3)
    table.add_column("now", overflow="fold", ratio=3)
    table.add_column("then", overflow="fold", ratio=3)
    table.add_column("events", justify="right")
    for change, count in rows:
        now = _told(change.entity, change.rule, change.operator)
        then = _told(change.new_entity, change.new_rule, change.new_operator)
        table.add_row(*map(escape, (change.path, now, then, f"{count.events:,}")))
    return table


def _told(entity: str, rule: str, operator: str) -> str:
    if not rule:
        return "kept, as nothing is found"
    by = "" if rule.startswith("operators.") else f" by {rule}"
    return f"{operator} {entity}{by}"


def _verdict(difference: Difference) -> str:
    compared = f"{_events(difference.events)} compared"
    if refused := difference.refused.total():
        compared += f", {refused:,} not ({', '.join(sorted(difference.refused))})"
    paths = len({change.path for change in difference.changes if change.kind in LESS})
    if paths:
        return f"{compared}: {paths:,} field{'s' * (paths != 1)} would be less protected."
    if difference.less:
        return f"{compared}: events reach the warehouse that did not."
    return f"{compared}: nothing would be less protected."


def _events(count: int) -> str:
    return f"{count:,} event{'s' * (count != 1)}"
