"""``streamproc rules fmt``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from streamproc.cli import settings_of
from streamproc.cli.rules import EXIT_NO

__all__ = ["fmt"]


@click.command()
@click.argument("place", type=click.Path(exists=True, path_type=Path), required=False)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; end with 1 if it would.")
@click.pass_context
def fmt(ctx: click.Context, place: Path | None, *, only_check: bool) -> None:
    """Lay out a ruleset, comments and all.

    PLACE is its folder or file; that of the settings when it is left out. What it means does not
    change, and comments stay where they are.
    """
    from streamproc.rules import ruleset_file
    from streamproc.rules.document import read_text
    from streamproc.rules.layout import laid_out

    file = ruleset_file(place or _own(ctx))
    text = read_text(file)
    written = laid_out(text, str(file))
    if written == text:
        click.echo(f"{file} is laid out already.")
    elif only_check:
        click.echo(f"{file} is to be laid out.")
        sys.exit(EXIT_NO)
    else:
        _replace(file, written)
        click.echo(f"{file} is laid out.")


def _own(ctx: click.Context) -> Path:
    from streamproc.errors import ConfigError, Problem

    own = settings_of(ctx).settings.rules.directory
    if own is None:
        told = "no folder of rules is configured; name the one to lay out"
        raise ConfigError(Problem("settings", "rules.directory", told))
    return own


def _replace(file: Path, text: str) -> None:
    from streamproc.errors import ConfigError, Problem

    # A file that is cut short half-way would be a ruleset without its last rules; a link stays one.
    file = file.resolve()
    beside = file.with_name(f".{file.name}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        shutil.copymode(file, beside)
        beside.replace(file)
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be written: {error.strerror}")) from None
