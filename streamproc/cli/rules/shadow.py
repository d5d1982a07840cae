"""``streamproc rules shadow``."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamproc.cli import settings_of
from streamproc.cli.moments import Span

if TYPE_CHECKING:
    from streamproc.rollout.log import RulesLog
    from streamproc.settings import Settings

__all__ = ["shadow"]

WATCH_SECONDS = 1.0


@click.command()
@click.argument(
    "place", metavar="NEW", type=click.Path(exists=True, path_type=Path), required=False
)
@click.option(
    "--sample",
    type=click.FloatRange(min=0, max=1, min_open=True),
    default=0.01,
    show_default=True,
    help="The share of live records to try it on.",
)
@click.option(
    "--for", "span", type=Span(), default="10m", show_default=True, help="How long: 30s, 10m, 2h."
)
@click.option("--message", default="tried in shadow", help="Why; stands in `rules history`.")
@click.option("--stop", is_flag=True, help="End what is running.")
@click.option("--watch", is_flag=True, help="Show the result as it grows, until interrupted.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def shadow(
    ctx: click.Context,
    place: Path | None,
    span: timedelta,
    message: str,
    *,
    sample: float,
    stop: bool,
    watch: bool,
    as_json: bool,
) -> None:
    """Have the workers try a ruleset on live records, beside the one in force.

    NEW is its folder or file; without it, what was found of the last one is shown. The workers try
    it on a sample, after they are done with it, and count what would be protected less, more or
    otherwise: never a value, and nothing that is made of events changes. `streamproc rules promote`
    puts it in force.
    """
    from streamproc.errors import ConfigError, Problem
    from streamproc.rollout.log import RulesLog
    from streamproc.telemetry import configure

    if stop and place is not None:
        raise ConfigError(Problem("command line", "--stop", "expected no ruleset beside it"))
    settings = settings_of(ctx).settings
    configure(settings.log)
    with RulesLog(settings) as log:
        log.catch_up()
        if stop:
            _stop(log)
        elif place is not None:
            _begin(settings, log, place, message, (sample, span))
        _show(settings, log, watch=watch, as_json=as_json)


def _begin(
    settings: Settings, log: RulesLog, place: Path, message: str, how: tuple[float, timedelta]
) -> None:
    from streamproc.cli.rules.publish import try_out
    from streamproc.cli.rules.rolling_out import about
    from streamproc.rollout.bundle import read_bundle
    from streamproc.rollout.publish import begin_shadow

    if log.ledger.latest is None:
        raise click.ClickException("no ruleset is in force; see `streamproc rules publish`")
    try_out(settings, place)
    publication = about(settings, read_bundle(place), message=message, author=None)
    until = datetime.now(UTC) + how[1]
    number = begin_shadow(log, publication, how[0], until)
    told = f"Ruleset {number} is tried beside ruleset {log.ledger.latest} until"
    click.secho(f"{told} {until:%Y-%m-%d %H:%M:%S} UTC.", fg="green", err=True)


def _stop(log: RulesLog) -> None:
    from streamproc.rollout.records import ShadowEnd

    if log.ledger.shadow is None:
        raise click.ClickException("no ruleset is or was tried")
    log.say(ShadowEnd(id=log.ledger.shadow.id))


def _show(settings: Settings, log: RulesLog, *, watch: bool, as_json: bool) -> None:
    from rich.console import Group
    from rich.live import Live

    from streamproc.cli.rules.consoles import plain_console
    from streamproc.cli.rules.shadow_table import as_lines, as_object, tried
    from streamproc.rollout.workers import Workers

    if log.ledger.shadow is None:
        raise click.ClickException("no ruleset is or was tried; give one")
    with Workers(settings) as workers:
        workers.listen()
        if as_json:
            click.echo(json.dumps(as_object(tried(log.ledger, workers.reports())), indent=2))
            return
        console = plain_console(160)
        if not watch:
            console.print(*as_lines(tried(log.ledger, workers.reports())), sep="\n")
            return
        with Live(console=console, auto_refresh=False) as live:
            while True:
                found = tried(log.ledger, workers.reports())
                live.update(Group(*as_lines(found)), refresh=True)
                if not found.running:
                    return
                time.sleep(WATCH_SECONDS)
                log.catch_up()
