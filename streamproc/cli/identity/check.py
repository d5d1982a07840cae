"""``streamproc identity check``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamproc.cli import EXIT_BAD_SETTINGS, counted, settings_of

if TYPE_CHECKING:
    from streamproc.identity.language import IdentityConfig

__all__ = ["check"]


@click.command()
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@click.pass_context
def check(ctx: click.Context, file: Path | None, *, as_json: bool) -> None:
    """Tell all that is wrong with an identity configuration.

    FILE is that of the settings when it is left out, else the shipped one. Each error is told with
    its line and column, and the exit code is then 2.
    """
    from streamproc.assemble import load_identity_config
    from streamproc.errors import ConfigError
    from streamproc.identity.config import load_identity

    try:
        config = load_identity(file) if file else load_identity_config(settings_of(ctx).settings)
    except ConfigError as error:
        if not as_json:
            raise
        problems = [asdict(problem) for problem in error.problems]
        click.echo(json.dumps({"in_order": False, "problems": problems}))
        sys.exit(EXIT_BAD_SETTINGS)
    told = _told(config)
    if as_json:
        click.echo(json.dumps({"in_order": True, **told}))
    else:
        counts = (counted(len(names), name.removesuffix("s")) for name, names in told.items())
        click.echo(f"In order: {', '.join(counts)}.")


def _told(config: IdentityConfig) -> dict[str, list[str]]:
    return {
        "traits": [trait.name for trait in config.identifiers.traits],
        "sources": sorted(config.sources),
        "attributes": sorted(config.attributes),
    }
