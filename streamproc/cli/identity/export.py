"""``streamproc identity export``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from streamproc.cli import counted, settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamproc.business.export import Exporter
    from streamproc.identity.language import IdentityConfig
    from streamproc.identity.sources import Export
    from streamproc.settings import Settings

__all__ = ["export"]


@click.command()
@click.argument("name", required=False)
@click.option("--dry-run", is_flag=True, help="Tell what would be written, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as a JSON object.")
@click.pass_context
def export(ctx: click.Context, name: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Write attributes back to Heroku Connect's tables.

    NAME is an export of the identity configuration; all of them are carried out without one. A row
    is found by the identity's token in the column of the external id, and made where there is none;
    only what differs is written. May be stopped and begun again at any time.
    """
    from streamproc.telemetry import configure

    settings = settings_of(ctx).settings
    configure(settings.log)
    done = _export(settings, name, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps({"dry_run": dry_run, "exports": _fields(done)}))
    else:
        for each, exporter in done.items():
            _tell(each, exporter, dry_run=dry_run)


def _export(settings: Settings, name: str | None, *, dry_run: bool) -> dict[str, Exporter]:
    from streamproc.assemble import load_identity_config, load_key_ring, nobody_of
    from streamproc.business.export import Exporter, accounts, persons
    from streamproc.kafka.identity.start import following_identity
    from streamproc.kafka.topics import patiently

    config, ring = load_identity_config(settings), load_key_ring(settings)
    wanted = _wanted(config, name)
    exporters = {each: Exporter(settings, each, said) for each, said in wanted.items()}
    for exporter in exporters.values():
        exporter.check()
    with following_identity(settings, config, nobody_of(config, ring)) as identity:
        for each, exporter in exporters.items():
            if (said := wanted[each]).about == "account":
                rows = accounts(settings, said, config)
            else:
                rows = persons(settings, said, identity.state)
            if dry_run:
                exporter.compare(rows)
            else:
                exporter.write(rows, lambda do: patiently(do, _say))
    return exporters


def _wanted(config: IdentityConfig, name: str | None) -> Mapping[str, Export]:
    from streamproc.errors import ConfigError, Problem
    from streamproc.rules.document import nearest

    if not config.export:
        raise ConfigError(Problem("identity configuration", "export", "there is none"))
    if name is None:
        return config.export
    if name not in config.export:
        told = f"no such export{nearest(name, config.export, 0.6)}"
        raise ConfigError(Problem("identity configuration", f"export.{name}", told))
    return {name: config.export[name]}


def _say(told: str) -> None:
    click.echo(told, err=True)


def _fields(done: Mapping[str, Exporter]) -> dict[str, object]:
    return {
        name: {
            "rows": each.totals.rows,
            "inserted": each.totals.inserted,
            "updated": each.totals.updated,
            "columns": each.totals.columns,
        }
        for name, each in done.items()
    }


def _tell(name: str, exporter: Exporter, *, dry_run: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    totals = exporter.totals
    would = "would be " if dry_run else ""
    identities = f"{totals.rows:,} {'identity' if totals.rows == 1 else 'identities'}"
    click.echo(
        f"{name}: {identities}, {counted(totals.inserted, 'row')} {would}made, "
        f"{totals.updated:,} {would}changed."
    )
    if dry_run and totals.columns:
        table = Table("Column", "Other values", box=None, header_style="bold")
        table.columns[1].justify = "right"
        for column, count in totals.columns.items():
            table.add_row(column, f"{count:,}")
        Console(width=None if Console().is_terminal else 200).print(table)
