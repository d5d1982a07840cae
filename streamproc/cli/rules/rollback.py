"""``streamproc rules rollback``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from streamproc.cli import settings_of
from streamproc.cli.rules import EXIT_NO

if TYPE_CHECKING:
    from streamproc.rollout.records import Published
    from streamproc.settings import Settings

__all__ = ["rollback"]


@click.command()
@click.argument("ruleset", type=int, required=False)
@click.option("--message", help="Why; stands in `rules history`. [default: which one comes back]")
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
def rollback(
    ctx: click.Context,
    ruleset: int | None,
    message: str | None,
    author: str | None,
    *,
    wait_seconds: float,
    as_json: bool,
) -> None:
    """Publish an earlier ruleset again.

    RULESET is its number (`rules history`); the one that was in force before when it is left out.
    It takes over like any other, from the next record on; rows that were made meanwhile stay as
    they are (`streamproc reprocess`).
    """
    from streamproc.cli.rules.rolling_out import about, roll_out
    from streamproc.telemetry import configure

    settings = settings_of(ctx).settings
    configure(settings.log)
    earlier, in_force_now = _earlier(settings, ruleset)
    publication = about(
        settings,
        earlier.files,
        message=message or f"rollback to ruleset {earlier.id}",
        author=author,
        restores=earlier.id,
        against=in_force_now,
    )
    in_force = roll_out(settings, publication, wait_seconds, as_json=as_json)
    sys.exit(0 if in_force else EXIT_NO)


def _earlier(settings: Settings, number: int | None) -> tuple[Published, int | None]:
    """Return what is to come back, and what it is to follow; None where that does not matter."""
    from streamproc.rollout.log import RulesLog

    with RulesLog(settings) as log:
        log.catch_up()
    taken = [each.id for each in log.ledger.activations]
    against = None
    if number is None:
        against = log.ledger.latest
        others = [each for each in taken if each != against]
        if not others:
            raise click.ClickException("no ruleset was in force before")
        number = others[-1]
    if (found := log.ledger.rulesets.get(number)) is None:
        raise click.ClickException(f"there is no ruleset {number}; see `streamproc rules history`")
    if number not in taken:
        told = f"ruleset {number} was never in force; see `streamproc rules promote` and `publish`"
        raise click.ClickException(told)
    return found, against
