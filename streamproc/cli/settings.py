"""``streamproc settings``."""

from __future__ import annotations

import json

import click

from streamproc.cli import settings_of

SECRET = "***"  # noqa: S105 - what stands for one


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def settings(ctx: click.Context, *, as_json: bool) -> None:
    """Print the effective settings and where each came from.

    Settings come from the defaults, the settings file and STREAMPROC_… variables, the later
    winning. Secrets are printed as ***.
    """
    from pydantic import SecretStr
    from rich.console import Console
    from rich.table import Table

    from streamproc.settings import setting_names, variable_name

    effective = settings_of(ctx)
    rows = []
    for section, name in setting_names():
        value = getattr(getattr(effective.settings, section), name)
        shown = SECRET if isinstance(value, SecretStr) else value
        if isinstance(value, tuple) and not as_json:
            shown = ", ".join(value)
        source = effective.sources.get(f"{section}.{name}", "default")
        rows.append((f"{section}.{name}", shown, source, variable_name(section, name)))
    if as_json:
        found = {name: {"value": value, "source": source} for name, value, source, _ in rows}
        click.echo(json.dumps(found, indent=2, default=str))
        return
    table = Table("Setting", "Value", "Source", "Variable", box=None, header_style="bold")
    for name, value, source, variable in rows:
        style = "dim" if source == "default" else ""
        table.add_row(name, "" if value is None else str(value), source, variable, style=style)
    Console(width=None if Console().is_terminal else 200).print(table)
