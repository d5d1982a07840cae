"""The figures as a terminal shows them: what fits the width, the most telling columns first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streamproc.top.figures import Figures

__all__ = ["drawn"]

NOTHING: Final = "-"
MOST_OF_KIND: Final = 8
"""Lines of the tables of entities and of dead letters."""


class _Column(NamedTuple):
    """A column of the table of processes; ``least`` is the width of terminal that it needs."""

    heading: str
    cell: Callable[[Figures], str]
    least: int = 0


def drawn(processes: Sequence[Figures], width: int, note: str = "") -> RenderableType:
    """Return what is to be shown of ``processes``, in their order.

    Args:
        processes: What each does.
        width: Columns that the terminal has.
        note: A line above.
    """
    parts: list[RenderableType] = []
    if note:
        parts.append(Text(note, style="dim", no_wrap=True, overflow="ellipsis"))
    parts.append(_table(processes, width))
    parts += [Text(f"{each.name}: {each.state}", style="red") for each in processes if _ails(each)]
    if warning := _rulesets_differ(processes):
        parts.append(Text(warning, style="yellow"))
    parts += _details(processes, width)
    return Group(*parts)


def _table(processes: Sequence[Figures], width: int) -> Table:
    columns = [each for each in COLUMNS if each.least <= width]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1))
    table.add_column("Process", overflow="ellipsis", no_wrap=True, ratio=1, min_width=14)
    table.add_column("Role", no_wrap=True)
    for column in columns:
        table.add_column(column.heading, justify="right", no_wrap=True)
    table.add_column("Ruleset", no_wrap=True)
    usual = _usual(processes)
    for each in processes:
        if not each.answers:
            table.add_row(Text(each.name, style="red"), Text("away", style="red"))
            continue
        cells = [_cell(column, each) for column in columns]
        table.add_row(
            Text(each.name, style="red" if _ails(each) else ""),
            each.role,
            *cells,
            Text(each.ruleset[:8], style="" if each.ruleset in {usual, ""} else "bold yellow"),
        )
    return table


def _cell(column: _Column, each: Figures) -> Text:
    text = column.cell(each)
    alarming = column.heading == "Errors" and bool(each.errors)
    return Text(text, style="bold red" if alarming else "dim" if text == NOTHING else "")


def _ails(each: Figures) -> bool:
    return each.state not in {"ready", ""}


def _usual(processes: Iterable[Figures]) -> str:
    """Return the ruleset that most workers have."""
    counts = Counter(each.ruleset for each in processes if each.ruleset)
    return counts.most_common(1)[0][0] if counts else ""


def _rulesets_differ(processes: Iterable[Figures]) -> str:
    counts = Counter(each.ruleset for each in processes if each.role == "worker" and each.ruleset)
    if len(counts) < 2:
        return ""
    each = ", ".join(f"{print_[:8]} in {number}" for print_, number in counts.most_common())
    return f"Workers have different rulesets in force: {each}."


def _details(processes: Sequence[Figures], width: int) -> list[RenderableType]:
    findings = _sums(each.findings for each in processes)
    dead = _sums(each.dead for each in processes)
    tables = [
        _rates(heading, rates)
        for heading, rates in (("Findings by entity", findings), ("Dead letters by code", dead))
        if rates
    ]
    if not tables:
        return []
    beside = Table.grid(padding=(0, 4))
    if width < 60:
        return [Text(), *tables]
    beside.add_row(*tables)
    return [Text(), beside]


def _rates(heading: str, rates: Mapping[str, float]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1))
    table.add_column(heading, no_wrap=True, overflow="ellipsis", max_width=40)
    table.add_column("/s", justify="right", no_wrap=True)
    largest = sorted(rates.items(), key=lambda each: (-each[1], each[0]))
    for name, rate in largest[:MOST_OF_KIND]:
        table.add_row(name, _number(rate))
    if rest := largest[MOST_OF_KIND:]:
        table.add_row(f"{len(rest)} more", _number(sum(rate for _, rate in rest)))
    return table


def _sums(rates: Iterable[Mapping[str, float]]) -> dict[str, float]:
    sums: Counter[str] = Counter()
    for each in rates:
        sums.update(each)
    return dict(sums)


def _number(value: float | None) -> str:
    if value is None:
        return NOTHING
    if value == 0:
        return "0"
    if abs(value) < 10:
        return f"{value:.1f}" if value >= 0.05 else "<0.1"
    return f"{value:,.0f}"


def _seconds(value: float | None) -> str:
    if value is None:
        return NOTHING
    if value < 1:
        return f"{value * 1_000:.0f} ms"
    return f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"


def _bytes(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value / 1e6:,.0f} MB" if value < 1e9 else f"{value / 1e9:.2f} GB"


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.0%}"


COLUMNS: Final = (
    _Column("Events/s", lambda each: _number(each.events)),
    _Column("MB/s", lambda each: _number(each.megabytes), 100),
    _Column("Lag", lambda each: _number(each.lag)),
    _Column("p50", lambda each: _seconds(each.p50), 100),
    _Column("p99", lambda each: _seconds(each.p99)),
    _Column("Errors", lambda each: _number(each.errors), 72),
    _Column("Findings/s", lambda each: _number(sum(each.findings.values()) or None), 120),
    _Column("Partitions", lambda each: _number(each.partitions), 132),
    _Column("CPU", lambda each: _share(each.cpu), 110),
    _Column("Memory", lambda each: _bytes(each.memory), 64),
)
"""After the process's name and role, before its ruleset. Errors are dead letters a second, of a
loader questions that the warehouse did not answer, of a canary all its leaks."""
