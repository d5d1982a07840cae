"""``streamproc transform check``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from streamproc.cli import settings_of

if TYPE_CHECKING:
    from streamproc.settings import Settings
    from streamproc.transform import Code

__all__ = ["check", "settings_with"]


@click.command()
@click.argument(
    "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def check(ctx: click.Context, folder: Path | None, *, as_json: bool) -> None:
    """List the transformations, and tell what is wrong with them.

    FOLDER is that of the settings when it is left out. The transformations are imported, in the
    process and within the limits that they have in a worker, and those of raw events have to be
    named by the rules. The exit code is 2 where something is wrong.
    """
    from streamproc.assemble import load_rules, load_transformations, refuse_unallowed
    from streamproc.transform import Limits, Phase
    from streamproc.transform.process import Process

    settings = settings_with(settings_of(ctx).settings, folder)
    code = load_transformations(settings)
    assert code is not None
    refuse_unallowed(code, load_rules(settings))
    limits = Limits(settings.transform.batch_seconds, settings.transform.memory_bytes)
    for phase in get_args(Phase):
        if code.of(phase):
            Process(code, phase, limits).close()
    (_tell_json if as_json else _tell)(code)


def settings_with(settings: Settings, folder: Path | None) -> Settings:
    """Return the settings with ``folder`` for the transformations, if one is given.

    Raises:
        ConfigError: Neither names one.
    """
    from streamproc.errors import ConfigError, Problem

    directory = folder or settings.transform.directory
    if directory is None:
        message = "no folder of transformations is configured; name one here, or in this setting"
        raise ConfigError(Problem("settings", "transform.directory", message))
    section = settings.transform.model_copy(update={"directory": directory})
    return settings.model_copy(update={"transform": section})


def _tell(code: Code) -> None:
    from rich.console import Console
    from rich.table import Table

    if not code.transformations:
        click.echo(f"{code.folder} has no transformations.")
        return
    table = Table("order", "transformation", "sees events", "function")
    for number, each in enumerate(code.transformations, 1):
        table.add_row(str(number), each.name, f"{each.phase} redaction", each.function)
    Console().print(table)
    click.echo(f"In order. Their fingerprint is {code.fingerprint}.")


def _tell_json(code: Code) -> None:
    listed = [
        {"name": each.name, "phase": each.phase, "function": each.function}
        for each in code.transformations
    ]
    click.echo(json.dumps({"fingerprint": code.fingerprint, "transformations": listed}, indent=2))
