"""``streamproc identity status``."""

from __future__ import annotations

import json

import click

from streamproc.cli import settings_of
from streamproc.cli.identity.whose import known

__all__ = ["status"]

SAID: dict[str, str] = {
    "ids_quarantined": "ids of persons with too many ids, each standing for itself",
    "devices_shared": "devices of too many user ids, nobody's",
    "users_of_too_many_devices": "user ids of too many devices, which say nothing of them",
    "traits_shared": "traits of too many user ids, nobody's",
    "users_of_too_many_traits": "user ids of too many traits, which say nothing of them",
    "traits_of_too_many_devices": "traits of too many devices, which say nothing of them",
    "devices_of_too_many_traits": "devices of too many traits, nobody's by them",
    "users_of_too_many_accounts": "ids of too many accounts, of which none is remembered",
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def status(ctx: click.Context, *, as_json: bool) -> None:
    """Count what is past a limit of the identity configuration, and is not believed any more."""
    from rich.console import Console
    from rich.table import Table

    with known(settings_of(ctx).settings) as view:
        counts = {name: view.graph.counts.get(name, 0) for name in SAID}
    if as_json:
        click.echo(json.dumps(counts, indent=2))
        return
    table = Table("", "", box=None, show_header=False)
    table.columns[0].justify = "right"
    for name, said in SAID.items():
        table.add_row(f"{counts[name]:,}", said)
    Console(width=None if Console().is_terminal else 200).print(table)
