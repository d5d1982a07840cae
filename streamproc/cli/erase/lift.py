"""``streamproc erase lift``."""

from __future__ import annotations

import json

import click

from streamproc.cli import settings_of
from streamproc.cli.erase import case_of, json_option, reason_option, write_down

__all__ = ["lift"]


@click.command()
@click.argument("receipt")
@reason_option
@json_option
@click.pass_context
def lift(ctx: click.Context, receipt: str, reason: str, *, as_json: bool) -> None:
    """Have later events of an erased person count again.

    For who has come back. What was erased stays so, and rows that were received up to an hour after
    the erasure stay out of the warehouse. The receipt is of no use afterwards.
    """
    from streamproc.erasing.steps import lift as take_back
    from streamproc.telemetry import configure

    settings = settings_of(ctx).settings
    configure(settings.log)
    case = case_of(settings, receipt)
    write_down(settings, "erase-lift", receipt, reason, tokens=len(case.tokens))
    take_back(settings, receipt)
    told = {"receipt": receipt, "lifted": len(case.tokens)}
    said = f"{receipt} is lifted: workers take the person's events again within a second."
    click.echo(json.dumps(told) if as_json else said)
