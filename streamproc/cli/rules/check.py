"""``streamproc rules check``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from streamproc.cli import counted, settings_of

__all__ = ["check"]


@click.command()
@click.argument("place", type=click.Path(exists=True, path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a line.")
@click.pass_context
def check(ctx: click.Context, place: Path | None, *, as_json: bool) -> None:
    """Tell all that is wrong with a ruleset.

    PLACE is its folder or file; that of the settings when it is left out, else the shipped one.
    """
    from streamproc.assemble import load_rules
    from streamproc.rules import load_ruleset

    found = load_rules(settings_of(ctx).settings) if place is None else load_ruleset(place)
    if as_json:
        told = {"name": found.name, "fingerprint": found.fingerprint, "rules": len(found.rules)}
        click.echo(json.dumps(told))
    else:
        click.echo(f"{found.name} is in order: {counted(len(found.rules), 'rule')}.")
