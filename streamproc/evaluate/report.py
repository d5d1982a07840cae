"""Figures as tables for people, and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from rich.console import Console
from rich.table import Table

from streamproc.evaluate.datasets import Dataset
from streamproc.evaluate.measure import ALL, Entity, Figures
from streamproc.evaluate.metrics import Share

__all__ = ["Results", "render", "to_json"]

Results: TypeAlias = Mapping[str, Mapping[str, Figures]]
"""Figures by name of data set, then by name of system."""

NONE = "-"


# -- JSON -----------------------------------------------------------------------------------------


def to_json(datasets: Iterable[Dataset], results: Results) -> dict[str, Any]:
    """Return everything measured; a share has its count, total, value and 95 % interval."""
    return {
        dataset.name: {
            "format": dataset.format,
            "cases": len(dataset.cases),
            "systems": {
                system: _figures(figures) for system, figures in results[dataset.name].items()
            },
        }
        for dataset in datasets
    }


def _figures(figures: Figures) -> dict[str, Any]:
    matches = figures.spans
    return {
        "leaks": {group: _share(share) for group, share in figures.leaks.items()},
        "leaked_values": {label: n for label, n in figures.leaked_labels.items() if n},
        "refused": dict(figures.refused),
        "hinted_removed": _share(figures.hinted),
        "non_personal_changed": _share(figures.changed),
        "fixed_fields_changed": _share(figures.fixed),
        "spans": matches
        and {
            "precision": _share(matches.precision),
            "recall": _share(matches.recall),
            "f2": matches.f2,
        },
        "entities": {
            name: {
                "overlapped": _share(entity.overlapped),
                "covered": _share(entity.covered),
                "removed": _share(entity.removed),
                "precision": _share(entity.precise),
            }
            for name, entity in sorted(figures.entities.items())
        },
    }


def _share(share: Share) -> dict[str, Any]:
    return {
        "count": share.count,
        "total": share.total,
        "value": share.value,
        "interval": share.interval,
    }


# -- tables ---------------------------------------------------------------------------------------


def render(datasets: Iterable[Dataset], results: Results, console: Console) -> None:
    """Print the tables: leaks, then what is kept, then kind by kind."""
    for dataset in datasets:
        figures = results[dataset.name]
        console.print(f"\n[bold]{dataset.name}[/bold]: {len(dataset.cases)} cases")
        _refusals(figures, console)
        console.print(_leaks(figures))
        console.print(_whole(figures))
        for system, each in figures.items():
            console.print(_entities(system, each))


def _refusals(figures: Mapping[str, Figures], console: Console) -> None:
    for system, each in figures.items():
        if each.refused:
            codes = ", ".join(f"{n} {code}" for code, n in each.refused.most_common())
            console.print(f"Not redacted by {system}, so not in its figures of outputs: {codes}.")


def _table(title: str, first: str, columns: Iterable[str]) -> Table:
    table = Table(
        title=f"\n{title}",
        title_justify="left",
        title_style="bold",
        box=None,
        header_style="dim",
        padding=(0, 2, 0, 0),
    )
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _leaks(figures: Mapping[str, Figures]) -> Table:
    table = _table("Cases out of which a direct identifier leaks", "cases", figures)
    groups = dict.fromkeys(group for each in figures.values() for group in each.leaks)
    for group in sorted(groups, key=lambda group: (group != ALL, group)):
        shares = (each.leaks.get(group, Share(0, 0)) for each in figures.values())
        table.add_row(group, *map(_told, shares))
    return table


def _whole(figures: Mapping[str, Figures]) -> Table:
    table = _table("Beside that", "", figures)
    for name, told in WHOLE.items():
        cells = [told(each) for each in figures.values()]
        if set(cells) != {NONE}:
            table.add_row(name, *cells)
    return table


WHOLE: Mapping[str, Callable[[Figures], str]] = {
    "leaked values": lambda figures: (
        ", ".join(f"{n} {label}" for label, n in figures.leaked_labels.most_common() if n) or "none"
    ),
    "any personal data: F2": lambda figures: f"{figures.spans.f2:.3f}" if figures.spans else NONE,
    "any personal data: recall": lambda figures: (
        _told(figures.spans.recall) if figures.spans else NONE
    ),
    "any personal data: precision": lambda figures: (
        _told(figures.spans.precision) if figures.spans else NONE
    ),
    "direct identifiers removed from fields that name them": lambda figures: _told(figures.hinted),
    "leaves without personal data changed": lambda figures: _told(figures.changed),
    "type, event, messageId, timestamp changed": lambda figures: _told(figures.fixed),
}


def _entities(system: str, figures: Figures) -> Table:
    table = _table(f"Kind by kind: {system}", "entity", ENTITY)
    for name in sorted(figures.entities):
        table.add_row(name, *(_percent(part(figures.entities[name])) for part in ENTITY.values()))
    return table


ENTITY: Mapping[str, Callable[[Entity], Share]] = {
    "touched": lambda entity: entity.overlapped,
    "covered": lambda entity: entity.covered,
    "precision": lambda entity: entity.precise,
    "removed": lambda entity: entity.removed,
}


def _percent(share: Share) -> str:
    return NONE if share.value is None else f"{share.value:.1%} of {share.total:,}"


def _told(share: Share) -> str:
    if share.value is None or share.interval is None:
        return NONE
    low, high = share.interval
    return f"{share.count:,} of {share.total:,}: {share.value:.2%} [{low:.2%}, {high:.2%}]"
