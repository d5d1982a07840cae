"""``streamproc rules publish``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamproc.cli import counted, settings_of
from streamproc.cli.rules import EXIT_NO

if TYPE_CHECKING:
    from streamproc.settings import Settings

__all__ = ["publish", "try_out"]


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
    Checks it and runs the cases beside it first, then waits until every worker that runs has it
    ready. Where a case fails, a worker cannot use it, or one does not get ready in time, nothing
    changes and the exit code is 1. The workers have to follow the topic of rules (`rules.follow`).
    """
    from streamproc.cli.rules.rolling_out import about, roll_out
    from streamproc.rollout.bundle import read_bundle
    from streamproc.shipped import shipped
    from streamproc.telemetry import configure

    settings = settings_of(ctx).settings
    configure(settings.log)
    place = place or settings.rules.directory or shipped("rules")
    files = read_bundle(place)
    try_out(settings, place)
    publication = about(settings, files, message=message, author=author)
    in_force = roll_out(settings, publication, wait_seconds, as_json=as_json)
    sys.exit(0 if in_force else EXIT_NO)


def try_out(settings: Settings, place: Path) -> None:
    """Check the ruleset of ``place``, and run its cases; end the command where one fails.

    Raises:
        ConfigError: With every problem of the ruleset, or of the files of its cases.
    """
    from streamproc.cli.rules.check import surroundings_of
    from streamproc.cli.rules.test import run_suites, suites_beside
    from streamproc.rules import check_ruleset

    checked = check_ruleset(place, surroundings_of(settings))
    if not (suites := suites_beside(place)):
        return
    outcomes = run_suites(settings, checked.ruleset, suites)
    if failed := [each for each in outcomes if each.differences]:
        told = f"{counted(len(failed), 'case')} failed, nothing was published"
        raise click.ClickException(f"{told}; see `streamproc rules test`")
