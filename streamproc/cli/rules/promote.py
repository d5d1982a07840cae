"""``streamproc rules promote``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from streamproc.cli import counted, settings_of
from streamproc.cli.rules import EXIT_NO

if TYPE_CHECKING:
    from streamproc.rollout.records import Published
    from streamproc.rollout.shadow_report import Found, ShadowReport
    from streamproc.settings import Settings

__all__ = ["promote"]


@click.command()
@click.argument("ruleset", type=int, required=False)
@click.option("--message", required=True, help="Why; stands in `rules history`.")
@click.option("--author", help="Who. [default: the user's name]")
@click.option(
    "--allow-less",
    "allowed",
    multiple=True,
    metavar="PATH",
    help="A field that may be less protected, as the table names it; may be given several times.",
)
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds that workers may take to get ready.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def promote(
    ctx: click.Context,
    ruleset: int | None,
    message: str,
    author: str | None,
    *,
    allowed: tuple[str, ...],
    wait_seconds: float,
    as_json: bool,
) -> None:
    """Put a ruleset in force that was tried in shadow, if it protects nothing less.

    RULESET is its number; the one tried last when it is left out. It must have been tried beside
    the ruleset that is in force now. Where it would protect a field less, or let events through
    that were left out, nothing changes and the exit code is 1, unless each of them is named.
    """
    from streamproc.cli.rules.rolling_out import about, roll_out
    from streamproc.rollout.shadow_report import less_protected
    from streamproc.telemetry import configure

    settings = settings_of(ctx).settings
    configure(settings.log)
    candidate, report = _tried(settings, ruleset)
    if report.failed:
        told = f"{counted(report.failed, 'worker')} could not try ruleset {candidate.id}"
        raise click.ClickException(f"{told}, and the logs say why; nothing was published")
    if not report.compared:
        told = f"ruleset {candidate.id} was not tried beside ruleset {report.against}"
        raise click.ClickException(f"{told}; see `streamproc rules shadow`")
    if less := less_protected(report, allowed):
        _refuse(candidate, less, as_json=as_json)
        sys.exit(EXIT_NO)
    publication = about(
        settings,
        candidate.files,
        message=message,
        author=author,
        restores=candidate.id,
        against=report.against,
    )
    told = f"Compared on {counted(report.compared, 'event')} with ruleset {report.against}."
    click.echo(told, err=True)
    in_force = roll_out(settings, publication, wait_seconds, as_json=as_json)
    sys.exit(0 if in_force else EXIT_NO)


def _tried(settings: Settings, number: int | None) -> tuple[Published, ShadowReport]:
    """Return a ruleset, and what was found of it beside the one in force."""
    from streamproc.rollout.log import RulesLog
    from streamproc.rollout.shadow_report import together
    from streamproc.rollout.workers import Workers

    with RulesLog(settings) as log, Workers(settings) as workers:
        log.catch_up()
        workers.listen()
        reports = workers.reports()
    if number is None and log.ledger.shadow is not None:
        number = log.ledger.shadow.id
    if number is None or log.ledger.latest is None:
        raise click.ClickException("no ruleset was tried; see `streamproc rules shadow`")
    if (found := log.ledger.rulesets.get(number)) is None:
        raise click.ClickException(f"there is no ruleset {number}; see `streamproc rules history`")
    return found, together(reports, number, log.ledger.latest)


def _refuse(candidate: Published, less: Sequence[Found], *, as_json: bool) -> None:
    from rich.table import Table

    from streamproc.cli.rules.consoles import plain_console

    if as_json:
        fields = [
            {"path": each.path, "kinds": sorted(each.kinds), "events": each.events} for each in less
        ]
        click.echo(
            json.dumps({"ruleset": candidate.id, "in_force": False, "less": fields}, indent=2)
        )
        return
    told = f"Ruleset {candidate.id} is not in force: {counted(len(less), 'field')} less protected."
    click.secho(told, fg="red", bold=True)
    table = Table("Field", "Would be", "Events", box=None, header_style="bold")
    for each in less:
        table.add_row(each.path, ", ".join(sorted(each.kinds)), f"{each.events:,}")
    plain_console(160).print(table)
    click.echo("Name those that are meant with --allow-less.")
