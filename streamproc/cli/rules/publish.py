"""``streamproc rules publish``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from streamproc.cli import settings_of
from streamproc.cli.rules import EXIT_NO

__all__ = ["publish"]


@click.command()
@click.argument("place", type=click.Path(exists=True, path_type=Path), required=False)
@click.option("--message", required=True, help="Why; stands in `rules history`.")
@click.option("--author", help="Who. [default: the user's name]")
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds that workers may take to get ready.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a line.")
@click.pass_context
def publish(
    ctx: click.Context,
    place: Path | None,
    message: str,
    author: str | None,
    *,
    wait_seconds: float,
    as_json: bool,
) -> None:
    """Have a ruleset take over in all workers, at the same record.

    PLACE is its folder or file; that of the settings when it is left out, else the shipped one.
    Waits until every worker that runs has it ready. Where one cannot use it, or does not get ready
    in time, nothing changes and the exit code is 1. The workers have to follow the topic of rules
    (`rules.follow`).
    """
    from streamproc.cli.rules.rolling_out import about, roll_out
    from streamproc.rollout.bundle import read_bundle
    from streamproc.shipped import shipped

    settings = settings_of(ctx).settings
    files = read_bundle(place or settings.rules.directory or shipped("rules"))
    publication = about(settings, files, message=message, author=author)
    in_force = roll_out(settings, publication, wait_seconds, as_json=as_json)
    sys.exit(0 if in_force else EXIT_NO)
