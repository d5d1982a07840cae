"""``streamproc audit``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from streamproc.cli import settings_of

__all__ = ["audit"]


@click.group()
def audit() -> None:
    """Check the audit log."""


@audit.command()
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    help="The audit log [default: that of the settings].",
)
@click.option(
    "--last",
    metavar="HASH",
    help="Hash of the last line as it was noted before: the log must still have it.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a line.")
@click.pass_context
def verify(ctx: click.Context, file: Path | None, last: str | None, *, as_json: bool) -> None:
    """Check that no line of the audit log was changed, taken out or put in.

    Prints the hash of the last line. Note it elsewhere, and give it as --last the next time: lines
    that were cut off at the end are missed by nothing else. Exits with 1 where the chain is broken.
    """
    from streamproc.audit import verify as check

    log = file or audit_log(settings_of(ctx).settings.audit.file)
    found = check(log, last)
    if as_json:
        click.echo(json.dumps(found._asdict()))
    elif found.broken is None:
        click.echo(f"{found.lines} lines hold together; the last one's hash is {found.last}")
    else:
        click.echo(f"{log}:{found.lines + 1}: {found.broken}", err=True)
    sys.exit(found.broken is not None)


def audit_log(file: Path | None) -> Path:
    """Return the configured audit log.

    Raises:
        ConfigError: None is.
    """
    from streamproc.errors import ConfigError, Problem

    if file is None:
        raise ConfigError(Problem("settings", "audit.file", "no audit log is configured"))
    return file
