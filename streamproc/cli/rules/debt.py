"""``streamproc rules debt``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamproc.cli import counted, settings_of
from streamproc.cli.rules import EXIT_NO

if TYPE_CHECKING:
    from streamproc.debt.known import Known
    from streamproc.debt.owed import Debt, State

__all__ = ["debt"]

HEADINGS: Mapping[State, str] = {
    "today": "Today's",
    "strong": "As strong",
    "weaker": "Perhaps weaker",
    "unknown": "Not known",
}


@click.command()
@click.option(
    "--rules",
    "today",
    type=click.Path(exists=True, path_type=Path),
    help="The ruleset to measure by. [default: the one in force]",
)
@click.option(
    "--known",
    "earlier",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="An earlier ruleset that the topic of rules does not have; may be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
@click.pass_context
def debt(
    ctx: click.Context, today: Path | None, earlier: tuple[Path, ...], *, as_json: bool
) -> None:
    """Tell how many rows were made under weaker rules than today's, by table and path.

    By the fingerprints on the rows, the texts of the rulesets they are of, and the rows' manifests.
    Exits with 1 where there is any debt; `streamproc rules reprocess` pays it.
    """
    from streamproc.cli.rules.owing import debt_of
    from streamproc.debt.known import rulesets_known

    settings = settings_of(ctx).settings
    known = rulesets_known(settings, today, earlier)
    found = debt_of(settings, known)
    if as_json:
        click.echo(json.dumps(_told(found, known), indent=2))
    else:
        _print(found)
    sys.exit(EXIT_NO if _owes(found) else 0)


def _owes(found: Debt) -> bool:
    return bool(found.owed) or "unknown" in found.rulesets.values()


def _told(found: Debt, known: Known) -> dict[str, Any]:
    return {
        "today": known.today.rows,
        "tables": [{"table": each.table, **each.rows} for each in found.tables],
        "rulesets": [
            {
                "rows_fingerprint": rows,
                "state": state,
                "name": _name(rows, known),
            }
            for rows, state in found.rulesets.items()
        ],
        "owed": [each._asdict() for each in found.owed],
    }


def _name(rows: str | None, known: Known) -> str | None:
    ruleset = None if rows is None else known.rulesets.get(rows)
    return None if ruleset is None else ruleset.name


def _print(found: Debt) -> None:
    from rich.table import Table

    from streamproc.cli.rules.consoles import plain_console

    console = plain_console(200)
    table = Table("Table", *HEADINGS.values(), box=None, header_style="bold")
    for each in found.tables:
        table.add_row(each.table, *(f"{each.rows[state]:,}" for state in HEADINGS))
    console.print(table)
    unknown = sum(state == "unknown" for state in found.rulesets.values())
    if unknown:
        told = f"{counted(unknown, 'fingerprint')} of rulesets that are not known here: --known"
        click.secho(told, fg="yellow")
    if not found.owed:
        return
    click.echo()
    headings = ("Table", "Field", "Entity", "Was", "Today", "Rows")
    table = Table(*headings, box=None, header_style="bold")
    for owed in found.owed:
        most = "at most" if owed.evidence == "rules" else "at least"
        table.add_row(*owed[:5], f"{most} {owed.rows:,}")
    console.print(table)
