"""How commands tell what became of the rows of a source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from streamproc.cli import counted

if TYPE_CHECKING:
    from streamproc.business.totals import Totals

__all__ = ["tell_totals"]


def tell_totals(totals: Totals, of: str = "", *, dry_run: bool = False, err: bool = False) -> None:
    """Print counts, by attribute too; lines that are of no use go to standard error.

    Args:
        totals: The counts.
        of: What they are of, where there are several.
        dry_run: Whether nothing was done.
        err: Whether all of it goes to standard error.
    """
    from rich.console import Console
    from rich.table import Table

    would = "would be " if dry_run else ""
    click.echo(
        f"{of and f'{of}: '}{counted(totals.rows, 'row')} read: "
        f"{counted(totals.records, 'record')} {would}known, {totals.deleted:,} {would}deleted.",
        err=err,
    )
    if totals.attributes:
        table = Table("Attribute", "As it is", "Redacted", "Refused", "Unreadable", "None")
        table.box, table.header_style = None, "bold"
        for name, fates in sorted(totals.attributes.items()):
            counts = [
                f"{fates[fate]:,}"
                for fate in ("told", "redacted", "refused", "unreadable", "nothing")
            ]
            table.add_row(name, *counts)
        for column in table.columns[1:]:
            column.justify = "right"
        console = Console(stderr=err)
        Console(stderr=err, width=None if console.is_terminal else 200).print(table)
    for sentence in totals.told():
        click.echo(sentence, err=True)
