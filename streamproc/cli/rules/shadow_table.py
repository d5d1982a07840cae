"""What was found of a ruleset that was tried beside the one in force, for people and programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from streamproc.effects.protection import LESS
from streamproc.rollout.ledger import Ledger
from streamproc.rollout.shadow_report import ShadowReport, together

__all__ = ["Tried", "as_lines", "as_object", "tried"]

MOST_LINES = 40


class Tried(NamedTuple):
    """What was tried last.

    Attributes:
        running: Whether it still is.
        until: When that ends or ended, if nobody stopped it.
        report: What all workers say of it, against the ruleset in force now.
    """

    running: bool
    until: datetime
    report: ShadowReport


def tried(ledger: Ledger, reports: Iterable[ShadowReport]) -> Tried:
    """Return what was found of the ruleset that was tried last; there has to be one."""
    shadow, latest = ledger.shadow, ledger.latest
    assert shadow is not None
    assert latest is not None
    running = not ledger.shadow_ended and datetime.now(UTC) < shadow.until
    return Tried(running, shadow.until, together(reports, shadow.id, latest))


def as_object(found: Tried) -> dict[str, Any]:
    """Return what is said to programs."""
    report = found.report.model_dump(mode="json", exclude={"seconds", "new_seconds", "topic"})
    return {
        "running": found.running,
        "until": found.until.isoformat(),
        **report,
        "micros": _micros(found.report.seconds, found.report),
        "new_micros": _micros(found.report.new_seconds, found.report),
    }


def as_lines(found: Tried) -> Iterator[RenderableType]:
    """Yield what is said to people."""
    report = found.report
    state = "is tried" if found.running else "was tried"
    yield Text(f"Ruleset {report.ruleset} {state} beside ruleset {report.against}.")
    yield Text(f"{report.compared:,} events compared, {report.missed:,} missed for want of time.")
    if report.failed:
        told = f"{report.failed:,} of the workers could not try it; their logs say why."
        yield Text(told, style="red")
    if report.compared:
        before, after = (_micros(each, report) for each in (report.seconds, report.new_seconds))
        yield Text(f"Looking at an event takes {after:,} µs, {before:,} by the one in force.")
        yield from _table(report)


def _table(report: ShadowReport) -> Iterator[RenderableType]:
    if not report.changes and not report.turns:
        yield Text("Nothing would be different.", style="green")
        return
    headings = ("", "Field", "Entity", "Now", "Then", "Events")
    table = Table(*headings, box=None, header_style="bold")
    for turn in report.turns:
        style = "red" if turn.after == "row" else ""
        table.add_row("event", "", "", turn.before, turn.after, f"{turn.events:,}", style=style)
    for each in report.changes[:MOST_LINES]:
        style = "red" if each.kind in LESS else ""
        told = (each.kind, each.path, each.entity, each.operator, each.new_operator)
        table.add_row(*told, f"{each.events:,}", style=style)
    yield table
    if (more := len(report.changes) - MOST_LINES) > 0:
        yield Text(f"and {more:,} more; see --json")


def _micros(seconds: float, report: ShadowReport) -> int:
    """Return the mean of an event."""
    return round(seconds * 1_000_000 / max(1, report.compared))
